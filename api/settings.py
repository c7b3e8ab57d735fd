"""What the API needs to know; the command line reads it from the environment."""

from dataclasses import dataclass

from wire.broker import Broker


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Addresses of the parts behind the API, and its own."""

    kafka: Broker
    database_url: str
    partitions: int
    worker_urls: tuple[str, ...]  # asked first; a name may resolve to several addresses
    host: str
    port: int
