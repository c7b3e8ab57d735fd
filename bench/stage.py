"""Where a benchmark plays: servers of its own, empty topics and tables, and programs.

Nothing here touches the data of a system that runs on the same machine: the servers live in a
temporary folder, and the settings of the environment and of `.env` are not looked at.
"""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import psycopg2
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from bench.load import PARTITIONS
from cli.servers import Connections, down, up
from cli.servers.embedded import running
from cli.servers.processes import Command, Process, start_bound, tail
from cli.settings import Settings
from migrations.upgrade import upgrade
from streams.topics import Admin, create_topics
from wire.topics import KEPT_FOR_EVER, Topic

ROOT = Path(__file__).parents[1]
LOCAL = ROOT / ".local"
DATABASE = "bench"
START_SECONDS_MAX = 60.0
STOP_SIGNALS = ((signal.SIGTERM, 20.0),)


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

    def servers(self) -> dict[str, list[int]]:
        """Their processes, by what they are called in the figures."""
        found = running(self._settings)
        return {"broker": [found["kafka"].pid], "postgres": [found["postgres"].pid]}

    def begin_anew(self) -> None:
        """Empty topics and an empty database."""
        self._empty_topics()
        self.empty_database()

    def empty_database(self) -> None:
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
        existing = _topics(admin)
        for future in admin.delete_topics(list(existing)).values() if existing else ():
            future.result()
        while _topics(admin) & existing:
            time.sleep(0.1)
        create_topics(kafka, PARTITIONS)

    @contextmanager
    def topic(self, name: str) -> Iterator[Topic]:
        """An empty topic beside those of the system, with as many partitions."""
        admin, topic = Admin(self.connections.kafka), Topic(name, KEPT_FOR_EVER)
        admin.create_topics([NewTopic(name, PARTITIONS, 1, config=topic.config)])[name].result()
        try:
            yield topic
        finally:
            admin.delete_topics([name])[name].result()

    @contextmanager
    def programs(self) -> Iterator["Programs"]:
        """Processes that end with the block, and their folder."""
        folder = self.folder / "programs"
        folder.mkdir()
        programs = Programs(folder)
        try:
            yield programs
        finally:
            programs.stop()
            shutil.rmtree(folder)


def _topics(admin: Admin) -> set[str]:
    """All that are not the broker's own."""
    return {name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")}


class Programs:
    """The processes that are measured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[str, Process] = {}

    def start(self, name: str, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        """Return its pid."""
        process = start_bound(
            Command(
                name=name,
                argv=argv,
                log=self.log(name),
                environment={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
                directory=self.folder,
            )
        )
        self._processes[name] = process
        return process.pid

    def end(self, name: str, *, is_killed: bool = False) -> None:
        """In good order, or at once; whoever is measured may be without it."""
        self._processes.pop(name).stop(() if is_killed else STOP_SIGNALS)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def wait(self, what: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not is_ready():
            self.require_running()
            if time.monotonic() > deadline:
                ends = "\n".join(tail(self.log(name)) for name in self._processes)
                raise BenchmarkError(f"{what} does not get ready:\n{ends}")
            time.sleep(0.05)

    def require_running(self) -> None:
        """A process that ended makes every figure void."""
        for name, process in self._processes.items():
            if not process.is_running():
                raise BenchmarkError(f"{name} ended:\n{tail(self.log(name))}")

    def stop(self) -> None:
        for process in reversed(self._processes.values()):
            with suppress(ProcessLookupError):
                process.stop(STOP_SIGNALS)
