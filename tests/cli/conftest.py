import shutil
import signal
from collections.abc import Iterator

import pytest

from cli import addresses
from cli.servers.processes import tail
from tests.cli.portfolio import Portfolio, until
from tests.conftest import empty_data_dir
from tests.system.system import free_port

START_SECONDS_MAX = 180
STOP_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def installed() -> Iterator[Portfolio]:
    """A DATA_DIR of its own, in which nothing was ever started."""
    data_dir = empty_data_dir(f"cli-{free_port()}")
    portfolio = Portfolio(
        {
            "DATA_DIR": str(data_dir),
            "API_PORT": str(free_port()),
            # Nobody answers there: what is on this machine is asked without a proxy.
            "HTTP_PROXY": f"http://127.0.0.1:{free_port()}",
            "NO_PROXY": "",
            "no_proxy": "",
        }
    )
    yield portfolio
    portfolio("down")
    shutil.rmtree(data_dir)


@pytest.fixture(scope="module")
def running(installed: Portfolio) -> Iterator[Portfolio]:
    """`portfolio up` with two workers and servers of its own."""
    log = installed.settings.data_dir / "up.log"
    process = installed.start(log, "up", "--workers", "2")

    def is_ready() -> bool:
        assert process.is_running(), tail(log)
        return addresses.written(installed.settings) is not None

    until(is_ready, START_SECONDS_MAX)
    yield installed
    process.stop([(signal.SIGTERM, STOP_SECONDS_MAX)])
