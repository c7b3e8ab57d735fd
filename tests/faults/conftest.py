import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from cli.servers.processes import tail
from tests.cli.portfolio import until
from tests.conftest import empty_data_dir
from tests.faults.cast import (
    SECOND_API_LOG,
    START_SECONDS_MAX,
    STOP_SECONDS_MAX,
    Cast,
    running,
)
from tests.faults.disks import SmallDisk, may_mount
from tests.system.conftest import system
from tests.system.system import free_port

__all__ = ["system"]


@pytest.fixture(scope="module")
def cast() -> Iterator[Cast]:
    """A system of its own, up and empty."""
    data_dir = empty_data_dir(f"faults-{free_port()}")
    with running(data_dir) as cast:
        yield cast
    shutil.rmtree(data_dir)


@pytest.fixture(scope="module")
def second_api(cast: Cast) -> Iterator[str]:
    """One more API process over the same system."""
    port = free_port()
    log = cast.data_dir / SECOND_API_LOG
    process = cast.portfolio.start(log, "api", "--port", str(port))
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        assert process.is_running(), tail(log)
        with suppress(httpx.HTTPError):
            return httpx.get(f"{url}/readyz", timeout=10, trust_env=False).status_code == 200
        return False

    until(is_ready, START_SECONDS_MAX)
    yield url
    process.stop([(signal.SIGTERM, STOP_SECONDS_MAX)])


@pytest.fixture(scope="module")
def cramped() -> Iterator[tuple[Cast, dict[str, SmallDisk]]]:
    """The same, where a worker, the broker and PostgreSQL have a small disk each."""
    if not may_mount():
        pytest.skip("mounting is not allowed here, as in most containers")
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
