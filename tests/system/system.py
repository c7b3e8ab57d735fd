"""The whole system as processes that a test owns: workers, a store, and what they show."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx

from cli.servers import Connections
from tests.cli.portfolio import UNSET
from tests.system.sight import Sight

ROOT = Path(__file__).parents[2]
READY_SECONDS_MAX = 60.0
ANSWER_SECONDS_MAX = 30.0
PORTFOLIO = Path(sys.executable).parent / "portfolio"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def holes_in(logs: Iterable[str]) -> list[str]:
    return [line for said in logs for line in said.splitlines() if '"log_hole"' in line]


class Part:
    """One process, started again after `kill` by `start`."""

    def __init__(self, folder: Path, name: str, environment: dict[str, str], *command: str) -> None:
        self.program: Sequence[str] = (str(PORTFOLIO),)  # or another that takes its commands
        self.settings: dict[str, str] = {}  # beside those of the system
        self._command = command
        self._environment = environment
        self.log_path = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.exit_code: int | None = None  # of the last time it was stopped

    def start(self) -> None:
        with self.log_path.open("ab") as output:
            self.process = subprocess.Popen(
                [*self.program, *self._command],
                cwd=self.log_path.parent,  # where no `.env` is
                env=self._environment | self.settings,
                stdout=output,
                stderr=output,
            )

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.exit_code = self.process.wait(20)
            self.process = None

    def said(self) -> str:
        """All of its log."""
        return self.log_path.read_text() if self.log_path.exists() else ""

    @property
    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


class System(Sight):
    """Workers and a store over shared servers, with topics and tables of their own."""

    def __init__(self, servers: Connections, database_url: str, folder: Path) -> None:
        super().__init__(Connections(servers.kafka, database_url), [])
        self.folder = folder
        self._environment = (
            os.environ
            | UNSET
            | self.kafka.variables
            | {
                "PYTHONPATH": str(ROOT),
                "DATABASE_URL": database_url,
                "DATA_DIR": str(folder),
                "LOG_FORMAT": "json",
            }
        )
        self.workers: list[Part] = []
        self.others: list[Part] = []
        self.store = Part(folder, "store", self._environment, "store")
        self.may_find_holes = False  # in the logs of Kafka, as a test that makes one says

    def worker(self, folder: Path | None = None) -> Part:
        """One more worker, not started yet."""
        port, number = free_port(), len(self.workers)
        part = Part(
            self.folder, f"worker-{number}", self._environment,
            "worker", "--http-port", str(port), "--datadir", str(folder or self.state_of(number)),
        )  # fmt: skip
        self.workers.append(part)
        self.urls.append(f"http://127.0.0.1:{port}")
        return part

    def api(self, port: int) -> Part:
        """The API over the first worker, not started yet."""
        environment = self._environment | {"WORKER_URLS": self.urls[0]}
        part = Part(self.folder, "api", environment, "api", "--port", str(port))
        self.others.append(part)
        return part

    def served(self, workers: int) -> str:
        """Start so many workers, the store and an API over all of it; its address, when it is ready."""
        for _ in range(workers):
            self.worker().start()
        self.store.start()
        port = free_port()
        api = self.api(port)
        api.settings = {"WORKER_URLS": ",".join(self.urls)}
        api.start()
        address = f"http://127.0.0.1:{port}"

        def is_ready() -> bool:
            with suppress(httpx.HTTPError):
                return httpx.get(f"{address}/readyz", trust_env=False).status_code == 200
            return False

        self.wait_until(is_ready, READY_SECONDS_MAX, "the API is ready")
        return address

    def seconds_until(self, path: str, name: str, value: str) -> float:
        """How long it takes until the first worker says so of what lies at the path."""
        began = time.monotonic()
        with httpx.Client(base_url=self.urls[0], trust_env=False) as client:
            while time.monotonic() < began + ANSWER_SECONDS_MAX:
                found = client.get(path)
                if found.status_code == 200 and found.json()[name] == value:
                    return time.monotonic() - began
                time.sleep(0.002)
        raise AssertionError(f"{name} of {path} is not {value}")

    def state_of(self, number: int) -> Path:
        return self.folder / f"state-{number}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """In good order where they are able to: the groups need not wait for dead members then."""
        for part in [*self.workers, self.store, *self.others]:
            try:
                part.stop()
            except subprocess.TimeoutExpired:
                part.kill()
        self.close()

    def holes(self) -> list[str]:
        """What parts ended over that found a log not to go on where they were."""
        return holes_in(part.said() for part in [*self.workers, self.store])

    def look_after(self) -> None:
        """What ended is started again."""
        for part in [*self.workers, self.store]:
            if part.has_ended:
                part.start()

    def said(self) -> str:
        return "\n---\n".join(part.said()[-1500:] for part in [*self.workers, self.store])
