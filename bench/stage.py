"""Where a benchmark plays: servers of its own, empty topics and tables, workers and a store.

Nothing here touches the data of a system that runs on the same machine: the servers live in a
temporary folder, and the settings of the environment and of `.env` are not looked at.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg2

from bench.load import PARTITIONS
from cli.servers import Connections, down, up
from cli.servers.embedded import running
from cli.servers.ports import is_free
from cli.servers.processes import Command, Process, start_bound, tail
from cli.settings import Settings
from migrations.upgrade import upgrade
from streams.topics import Admin, create_topics
from wire.topics import ALL

ROOT = Path(__file__).parents[1]
LOCAL = ROOT / ".local"
DATABASE = "bench"
START_SECONDS_MAX = 60.0
STOP_SIGNALS = ((signal.SIGTERM, 20.0),)
PORTS = range(30_100, 30_200)


class BenchmarkError(Exception):
    """A benchmark cannot say anything: a process ended, stalled, or did something wrong."""


class Stage:
    """Embedded servers in a temporary DATA_DIR; they end with this process, however it ends."""

    def __enter__(self) -> Self:
        for folder in LOCAL.glob("bench-*"):
            if not psutil.pid_exists(int(folder.name.removeprefix("bench-"))):
                shutil.rmtree(folder)
        self.folder = LOCAL / f"bench-{os.getpid()}"
        self.folder.mkdir(parents=True)
        (LOCAL / "cache").mkdir(exist_ok=True)
        # The jars were fetched once for all.
        (self.folder / "cache").symlink_to(LOCAL / "cache")
        self._settings = Settings.from_environment(
            {"DATA_DIR": str(self.folder)}, dotenv=Path(os.devnull)
        )
        found = up(self._settings, start=start_bound)
        self.connections = Connections(
            found.kafka, found.database_url.rpartition("/")[0] + f"/{DATABASE}"
        )
        self._admin_url = found.database_url
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        down(self._settings)
        shutil.rmtree(self.folder)

    def postgresql_version(self) -> str:
        connection = psycopg2.connect(self._admin_url)
        version = connection.get_parameter_status("server_version")
        connection.close()
        return str(version)

    def pid(self, server: str) -> int:
        """Of `kafka` or `postgres`."""
        return running(self._settings)[server].pid

    def begin_anew(self) -> None:
        """Empty topics and an empty database."""
        self._empty_topics()
        connection = psycopg2.connect(self._admin_url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {DATABASE}")
        connection.close()
        upgrade(self.connections.database_url)

    def _empty_topics(self) -> None:
        kafka = self.connections.kafka
        admin = Admin(kafka)
        ours = {topic.name for topic in ALL}
        existing = ours & set(admin.list_topics(timeout=10).topics)
        for future in admin.delete_topics(list(existing)).values() if existing else ():
            future.result()
        while ours & set(admin.list_topics(timeout=10).topics):
            time.sleep(0.1)
        create_topics(kafka, PARTITIONS)

    @contextmanager
    def system(self, workers: int) -> Iterator["System"]:
        """A store that is ready, then workers that have just begun to start."""
        folder = self.folder / "system"
        folder.mkdir()
        system = System(folder, self.connections)
        try:
            system.start(workers)
            yield system
        finally:
            system.stop()
            shutil.rmtree(folder)


class System:
    """The processes that are measured."""

    def __init__(self, folder: Path, connections: Connections) -> None:
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": str(folder),
            "KAFKA_BOOTSTRAP": connections.kafka.bootstrap,
            "DATABASE_URL": connections.database_url,
            "PARTITIONS": str(PARTITIONS),
            "LOG_FORMAT": "json",
        }
        self.store: dict[str, Process] = {}
        self.workers: dict[str, Process] = {}

    def start(self, workers: int) -> None:
        self.store["store"] = self._start("store", "store")
        self._wait_for_store()
        ports = (port for port in PORTS if is_free(port))
        for number in range(workers):
            name = f"worker-{number}"
            state = str(self._folder / name)
            self.workers[name] = self._start(
                name, "worker", "--http-port", str(next(ports)), "--datadir", state
            )

    def _start(self, name: str, *arguments: str) -> Process:
        return start_bound(
            Command(
                name=name,
                argv=[sys.executable, "-m", "cli.main", *arguments],
                log=self._log(name),
                environment=self._environment,
                directory=self._folder,
            )
        )

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _wait_for_store(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while "took_over" not in self._log("store").read_text():
            self.require_running()
            if time.monotonic() > deadline:
                raise BenchmarkError("the store does not get ready:\n" + tail(self._log("store")))
            time.sleep(0.05)

    def require_running(self) -> None:
        """A process that ended makes every figure void."""
        for name, process in (self.store | self.workers).items():
            if not process.is_running():
                raise BenchmarkError(f"{name} ended:\n{tail(self._log(name))}")

    def stop(self) -> None:
        for process in (*self.workers.values(), *self.store.values()):
            with suppress(ProcessLookupError):
                process.stop(STOP_SIGNALS)
