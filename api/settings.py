"""What the API needs to know; the command line reads it from the environment."""

import ipaddress
from dataclasses import dataclass, field

from reports.limits import Limits
from wire.broker import Broker

STREAMS_MAX = 200
AUTO, REQUIRED = "auto", "required"  # of API_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Addresses of the parts behind the API, and its own; what it asks of those who come in."""

    kafka: Broker
    database_url: str = field(repr=False)
    partitions: int
    worker_urls: tuple[str, ...]  # asked first; a name may resolve to several addresses
    host: str
    port: int
    api_keys: str = AUTO
    rate_limit: int = 0  # requests a second; 0: any number
    streams_max: int = STREAMS_MAX  # open at once
    cluster_secret: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)  # of prices and exchange rates in reports

    @property
    def needs_keys(self) -> bool:
        return needs_keys(self.host, self.api_keys)


def needs_keys(host: str, api_keys: str) -> bool:
    """No setting opens an API that others than this machine can reach."""
    return api_keys == REQUIRED or not is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether what listens there can be reached from this machine alone. What looks otherwise than
    a loopback address counts as none, as other spellings and names do that happen to mean one."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None
