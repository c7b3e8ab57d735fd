"""A system as `portfolio up` runs it, with all its processes at hand."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from cli import addresses
from cli.servers import embedded, processes
from cli.servers.embedded import Files
from cli.servers.processes import Process, tail
from tests.cli.portfolio import Portfolio, until
from tests.system.sight import Sight
from tests.system.system import free_port, holes_in

SESSION_SECONDS = 10.0
SECOND_API_LOG = "second-api.log"
GONE_SECONDS_MAX = 30.0
START_SECONDS_MAX = 180
STOP_SECONDS_MAX = 60


class Cast(Sight):
    """The processes of a system that is up. Its supervisor starts again what ends."""

    def __init__(self, portfolio: Portfolio) -> None:
        found = addresses.written(portfolio.settings)
        assert found is not None, "it is up"
        super().__init__(embedded.connections(portfolio.settings), list(found.workers))
        self.portfolio = portfolio
        self.api = found.api
        self.data_dir = portfolio.settings.data_dir
        self._files = Files(self.data_dir)
        self.workers = [f"worker-{number}" for number in range(1, len(found.workers) + 1)]

    @property
    def names(self) -> list[str]:
        """Of everything that can end, the API aside: nothing is lost with it."""
        return [*self.workers, "store", "kafka", "postgres"]

    def pid(self, name: str) -> int | None:
        """None while it is not running."""
        process = self._process(name)
        return None if process is None else process.pid

    def _process(self, name: str) -> Process | None:
        return processes.find(self._files.pid(name))

    def signal(self, name: str, number: signal.Signals) -> int | None:
        """The pid that it had, None where it was not running just then."""
        pid = self.pid(name)
        if pid is not None:
            os.kill(pid, number)
        return pid

    def kill(self, name: str) -> int | None:
        """By SIGKILL, and it is gone on return; the pid that it had, None where it did not run."""
        process = self._process(name)
        if process is None:
            return None
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return None  # it has just ended by itself
        self.wait_until(lambda: not process.is_running(), GONE_SECONDS_MAX, f"{name} is gone")
        return process.pid

    def freeze(self, name: str, seconds: float) -> None:
        """Not scheduled for so long, where it is running just then."""
        pid = self.signal(name, signal.SIGSTOP)
        if pid is not None:
            time.sleep(seconds)
            psutil.Process(pid).send_signal(signal.SIGCONT)

    def state_of(self, worker: str) -> Path:
        return self.data_dir / "workers" / worker.removeprefix("worker-")

    def backends(self) -> list[psutil.Process]:
        """Those of PostgreSQL that serve a session."""
        pid = self.pid("postgres")
        children = [] if pid is None else psutil.Process(pid).children()
        return [child for child in children if "portfolio" in "".join(child.cmdline())]

    def log(self, name: str) -> str:
        """All that a process has said."""
        return self._files.log(name).read_text(errors="replace")

    def said(self) -> str:
        return "\n---\n".join(tail(self._files.log(name)) for name in [*self.names, "portfolio"])


@contextmanager
def running(data_dir: Path, workers: int = 2) -> Iterator[Cast]:
    """`portfolio up` with several workers, until the end of the `with`."""
    portfolio = Portfolio({"DATA_DIR": str(data_dir), "API_PORT": str(free_port())})
    log = data_dir / "up.log"
    process = portfolio.start(log, "up", "--workers", str(workers))

    def is_ready() -> bool:
        assert process.is_running(), tail(log)
        return addresses.written(portfolio.settings) is not None

    try:
        until(is_ready, START_SECONDS_MAX)
        with closing(Cast(portfolio)) as cast:
            yield cast
            assert holes_in(map(cast.log, [*cast.workers, "store"])) == []
    finally:
        # Whatever went wrong inside, nothing may run on in a folder that is deleted next.
        process.stop([(signal.SIGTERM, STOP_SECONDS_MAX)])
        portfolio("down")
