"""What the worker and the store are told; the command line fills these in."""

from dataclasses import dataclass, field
from pathlib import Path

from calculator import ReliefMethod
from wire.broker import Broker

NO_CURRENCY = "NONE"  # what FX_CROSS_CURRENCY says where there is to be none
CACHED_LOTS_MAX = 300_000  # open lots kept decoded, over all partitions of a worker


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """One worker process."""

    kafka: Broker
    data_dir: Path  # of this worker alone
    http_host: str
    http_port: int
    partitions: int
    default_method: ReliefMethod
    price_max_age_days: int  # older prices are stale
    fx_max_age_days: int
    fx_cross_currency: str | None  # None: rates are not made of two others
    cluster_secret: str | None = field(repr=False)  # None: everybody who reaches it is answered
    session_seconds: float = 10.0  # without a heartbeat, until the group takes the partitions away
    cached_lots_max: int = CACHED_LOTS_MAX

    @property
    def url(self) -> str:
        return f"http://{self.http_host}:{self.http_port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """One store process."""

    kafka: Broker
    database_url: str = field(repr=False)
    data_dir: Path  # Faust wants one; nothing of worth is kept there
    partitions: int
    http_host: str
    http_port: int | None  # None: no HTTP
    cluster_secret: str | None = field(repr=False)  # None: everybody who reaches it is answered
    session_seconds: float = 10.0
