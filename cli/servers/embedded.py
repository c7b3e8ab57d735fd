"""Kafka and PostgreSQL under DATA_DIR: up, down, and where to find them.

Whoever starts or stops them holds a lock in DATA_DIR meanwhile, so that two at once start one.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.servers import kafka, ports, postgres, processes
from cli.servers.errors import ServerError
from cli.servers.ports import LOOPBACK
from cli.servers.processes import Command, Process
from cli.settings import Settings

START_TIMEOUT_SECONDS = 120.0
EXTERNAL_TIMEOUT_SECONDS = 30.0
FREE_BYTES_MIN = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Connections:
    """Where the two servers are, embedded or not."""

    kafka_bootstrap: str
    database_url: str


@dataclass(frozen=True, slots=True)
class Files:
    """The places under DATA_DIR that belong to the servers."""

    data_dir: Path

    @property
    def lock(self) -> Path:
        return self.data_dir / "run" / "servers.lock"

    @property
    def ports(self) -> Path:
        return self.data_dir / "run" / "ports.json"

    @property
    def password(self) -> Path:
        return self.data_dir / "run" / "postgres.password"

    def pid(self, name: str) -> Path:
        return self.data_dir / "run" / f"{name}.pid"

    def log(self, name: str) -> Path:
        return self.data_dir / "logs" / f"{name}.log"


def up(settings: Settings, *, bound: bool = False) -> Connections:
    """Start what is neither running nor somebody else's; return when both answer.

    bound: what this call starts ends with the calling thread, however that ends.
    """
    files = Files(settings.data_dir)
    if settings.kafka_bootstrap is None or settings.database_url is None:
        _prepare(files)
        with _lock(files):
            _start(settings, files, bound)
    found = _addresses(settings, files)
    if settings.kafka_bootstrap is not None and not kafka.wait_until_answers(
        found.kafka_bootstrap, EXTERNAL_TIMEOUT_SECONDS
    ):
        raise ServerError(f"KAFKA_BOOTSTRAP: no broker answers at {found.kafka_bootstrap}")
    if settings.database_url is not None and not postgres.wait_until_answers(
        found.database_url, EXTERNAL_TIMEOUT_SECONDS
    ):
        raise ServerError("DATABASE_URL: no PostgreSQL answers there")
    return found


def down(settings: Settings) -> list[str]:
    """Stop the embedded servers that run; return their names."""
    files = Files(settings.data_dir)
    if not files.lock.exists():
        return []
    with _lock(files):
        return [name for name in ("kafka", "postgres") if _stop(files, name)]


def running(settings: Settings) -> dict[str, Process]:
    """The embedded servers that run now, by name."""
    files = Files(settings.data_dir)
    found = {name: processes.find(files.pid(name)) for name in ("kafka", "postgres")}
    return {name: process for name, process in found.items() if process is not None}


def connections(settings: Settings) -> Connections:
    """Where the servers are; an embedded one must be up."""
    up_now = running(settings)
    for name, given in (("kafka", settings.kafka_bootstrap), ("postgres", settings.database_url)):
        if given is None and name not in up_now:
            raise ServerError(
                f"the embedded {name} is not running: start it, `portfolio servers up`"
            )
    return _addresses(settings, Files(settings.data_dir))


def _addresses(settings: Settings, files: Files) -> Connections:
    bootstrap, url = settings.kafka_bootstrap, settings.database_url
    if bootstrap is None:
        bootstrap = f"{LOOPBACK}:{ports.remembered(files.ports, 'kafka')}"
    if url is None:
        url = postgres.url(ports.remembered(files.ports, "postgres"), files.password)
    return Connections(bootstrap, url)


def _prepare(files: Files) -> None:
    """Make the folders, and say clearly where the disk does not let us."""
    try:
        for folder in (files.data_dir, files.lock.parent, files.log("any").parent):
            folder.mkdir(parents=True, exist_ok=True)
        files.lock.touch()
        free = shutil.disk_usage(files.data_dir).free
    except OSError as error:
        raise ServerError(
            f"DATA_DIR {files.data_dir} cannot be written: {error.strerror}"
        ) from error
    if free < FREE_BYTES_MIN:
        raise ServerError(
            f"the disk of DATA_DIR {files.data_dir} has only {free // 2**20} MiB left, "
            f"{FREE_BYTES_MIN // 2**20} are needed"
        )


@contextmanager
def _lock(files: Files) -> Iterator[None]:
    with files.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(settings: Settings, files: Files, bound: bool) -> None:
    """Start both before waiting for either: the broker takes longest to begin."""
    begun: list[tuple[Command, Process, Callable[[], bool]]] = []
    try:
        if settings.kafka_bootstrap is None and processes.find(files.pid("kafka")) is None:
            begun.append(_start_kafka(settings, files, bound))
        if settings.database_url is None and processes.find(files.pid("postgres")) is None:
            begun.append(_start_postgres(settings, files, bound))
        for command, process, answers in begun:
            _wait(command, process, answers)
        if settings.database_url is None:
            postgres.ensure_database(_addresses(settings, files).database_url)
    except OSError as error:
        _abandon(begun)
        raise ServerError(f"the embedded servers cannot start: {error}") from error
    except BaseException:
        _abandon(begun)
        raise


def _start_kafka(
    settings: Settings, files: Files, bound: bool
) -> tuple[Command, Process, Callable[[], bool]]:
    where = kafka.place(settings.data_dir)
    port = ports.demand(files.ports, "kafka")
    kafka.initialise(where, port, ports.demand(files.ports, "kafka-controller"))
    command = kafka.command(where, files.log("kafka"), files.pid("kafka"))
    bootstrap = f"{LOOPBACK}:{port}"
    return command, processes.start(command, bound=bound), lambda: kafka.answers(bootstrap)


def _start_postgres(
    settings: Settings, files: Files, bound: bool
) -> tuple[Command, Process, Callable[[], bool]]:
    where = postgres.place(settings.data_dir)
    postgres.clear_remains(where)
    port = ports.demand(files.ports, "postgres")
    postgres.initialise(where, files.password)
    command = postgres.command(where, port, files.log("postgres"), files.pid("postgres"))
    server = postgres.url(port, files.password).rpartition("/")[0] + "/postgres"
    return command, processes.start(command, bound=bound), lambda: postgres.answers(server)


def _wait(command: Command, process: Process, answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not answers():
        if not process.is_running():
            raise ServerError(
                f"the embedded {command.name} ended while starting; the end of {command.log}:\n"
                + processes.tail(command.log)
            )
        if time.monotonic() > deadline:
            raise ServerError(
                f"the embedded {command.name} does not answer after {START_TIMEOUT_SECONDS:.0f} s; "
                f"the end of {command.log}:\n" + processes.tail(command.log)
            )
        time.sleep(0.05)


def _abandon(begun: list[tuple[Command, Process, Callable[[], bool]]]) -> None:
    for command, process, _ in begun:
        process.stop(command.stop_signals)


def _stop(files: Files, name: str) -> bool:
    process = processes.find(files.pid(name))
    if process is None:
        return False
    process.stop(kafka.STOP_SIGNALS if name == "kafka" else postgres.STOP_SIGNALS)
    files.pid(name).unlink(missing_ok=True)
    return True
