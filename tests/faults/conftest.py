import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import addresses
from cli.servers.processes import tail
from tests.cli.portfolio import Portfolio, until
from tests.conftest import empty_data_dir
from tests.faults.cast import Cast
from tests.system.conftest import system
from tests.system.system import free_port

__all__ = ["system"]

START_SECONDS_MAX = 180
STOP_SECONDS_MAX = 60
WORKERS = 2


@pytest.fixture(scope="module")
def cast() -> Iterator[Cast]:
    """A system of its own, up and empty, with several workers."""
    data_dir = empty_data_dir(f"faults-{free_port()}")
    portfolio = Portfolio({"DATA_DIR": str(data_dir), "API_PORT": str(free_port())})
    log = data_dir / "up.log"
    process = portfolio.start(log, "up", "--workers", str(WORKERS))

    def is_ready() -> bool:
        assert process.is_running(), tail(Path(log))
        return addresses.written(portfolio.settings) is not None

    until(is_ready, START_SECONDS_MAX)
    cast = Cast(portfolio)
    yield cast
    cast.close()
    process.stop([(signal.SIGTERM, STOP_SECONDS_MAX)])
    portfolio("down")
    shutil.rmtree(data_dir)
