import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli import addresses
from cli.servers.processes import tail
from tests.cli.portfolio import Portfolio, until
from tests.conftest import empty_data_dir
from tests.faults.cast import Cast
from tests.faults.disks import SmallDisk
from tests.system.conftest import system
from tests.system.system import free_port

__all__ = ["system"]

START_SECONDS_MAX = 180
STOP_SECONDS_MAX = 60
WORKERS = 2


@contextmanager
def running(data_dir: Path) -> Iterator[Cast]:
    """`portfolio up` with several workers."""
    portfolio = Portfolio({"DATA_DIR": str(data_dir), "API_PORT": str(free_port())})
    log = data_dir / "up.log"
    process = portfolio.start(log, "up", "--workers", str(WORKERS))

    def is_ready() -> bool:
        assert process.is_running(), tail(log)
        return addresses.written(portfolio.settings) is not None

    until(is_ready, START_SECONDS_MAX)
    cast = Cast(portfolio)
    yield cast
    cast.close()
    process.stop([(signal.SIGTERM, STOP_SECONDS_MAX)])
    portfolio("down")


@pytest.fixture(scope="module")
def cast() -> Iterator[Cast]:
    """A system of its own, up and empty."""
    data_dir = empty_data_dir(f"faults-{free_port()}")
    with running(data_dir) as cast:
        yield cast
    shutil.rmtree(data_dir)


@pytest.fixture(scope="module")
def cramped() -> Iterator[tuple[Cast, dict[str, SmallDisk]]]:
    """The same, where a worker, the broker and PostgreSQL have a small disk each."""
    data_dir = empty_data_dir(f"cramped-{free_port()}")
    disks = {
        place: SmallDisk(data_dir / place, megabytes)
        for place, megabytes in (("workers/1", 64), ("kafka", 256), ("postgres", 256))
    }
    try:
        with running(data_dir) as cast:
            yield cast, disks
    finally:
        for disk in disks.values():
            disk.unmount()
    shutil.rmtree(data_dir)
