"""Kafka and PostgreSQL under DATA_DIR: up, down, and where to find them.

Whoever starts or stops them holds a lock in DATA_DIR meanwhile, so that two at once start one.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.printing import masked
from cli.servers import kafka, ports, postgres, processes
from cli.servers.errors import ServerError
from cli.servers.ports import LOOPBACK
from cli.servers.processes import Command, Process
from cli.settings import Settings
from wire.broker import Broker

START_TIMEOUT_SECONDS = 120.0
EXTERNAL_TIMEOUT_SECONDS = 30.0
FREE_BYTES_MIN = 512 * 1024 * 1024
STOP_SIGNALS = {"kafka": kafka.STOP_SIGNALS, "postgres": postgres.STOP_SIGNALS}

Start = Callable[[Command], Process]


@dataclass(frozen=True, slots=True)
class Connections:
    """Where the two servers are, embedded or not."""

    kafka: Broker
    database_url: str


@dataclass(frozen=True, slots=True)
class Files:
    """The places under DATA_DIR of what runs."""

    data_dir: Path

    @property
    def lock(self) -> Path:
        return self.data_dir / "run" / "servers.lock"

    @property
    def ports(self) -> Path:
        return self.data_dir / "run" / "ports.json"

    def pid(self, name: str) -> Path:
        return self.data_dir / "run" / f"{name}.pid"

    def log(self, name: str) -> Path:
        return self.data_dir / "logs" / f"{name}.log"


def up(settings: Settings, *, start: Start = processes.start) -> Connections:
    """Start what is neither running nor somebody else's; return when both answer.

    start decides how long they live: `processes.start` until `down`, `processes.start_bound` as
    long as the calling thread, `Supervisor.start` as long as the supervisor.
    """
    files = Files(settings.data_dir)
    if settings.kafka is None or settings.database_url is None:
        prepare(files)
        with locked(files):
            _start_missing(settings, files, start)
    found = _addresses(settings, files)
    if settings.kafka is not None:
        why = kafka.wait_until_answers(found.kafka, EXTERNAL_TIMEOUT_SECONDS)
        if why is not None:
            where = found.kafka.bootstrap
            raise ServerError(f"KAFKA_BOOTSTRAP: no broker answers at {where}: {why}")
    if settings.database_url is not None:
        why = postgres.wait_until_answers(found.database_url, EXTERNAL_TIMEOUT_SECONDS)
        if why is not None:
            raise ServerError(f"DATABASE_URL: no PostgreSQL answers there: {masked(why)}")
    return found


def down(settings: Settings) -> list[str]:
    """Stop the embedded servers that run; return their names."""
    files = Files(settings.data_dir)
    if not files.lock.exists():
        return []
    with locked(files):
        up_now = running(settings)
        for name, process in up_now.items():
            if process.bound_to not in (None, os.getpid()):
                raise ServerError(
                    f"the embedded {name} belongs to process {process.bound_to}, "
                    "`portfolio up` or `portfolio run`, and ends with it: end that"
                )
        for name, process in up_now.items():
            process.stop(STOP_SIGNALS[name])
            files.pid(name).unlink(missing_ok=True)
    return list(up_now)


def running(settings: Settings) -> dict[str, Process]:
    """The embedded servers that run now, by name."""
    files = Files(settings.data_dir)
    found = {name: processes.find(files.pid(name)) for name in STOP_SIGNALS}
    return {name: process for name, process in found.items() if process is not None}


def connections(settings: Settings) -> Connections:
    """Where the servers are; an embedded one must be up."""
    return Connections(broker(settings), database_url(settings))


def broker(settings: Settings) -> Broker:
    """Where Kafka is, for what needs nothing else; an embedded one must be up."""
    if settings.kafka is None:
        _demand(settings, "kafka")
    return _broker(settings, Files(settings.data_dir))


def database_url(settings: Settings) -> str:
    """Where PostgreSQL is, for what needs nothing else; an embedded one must be up."""
    if settings.database_url is None:
        _demand(settings, "postgres")
    return _database(settings, Files(settings.data_dir))


def prepare(files: Files) -> None:
    """Make the folders, and say clearly where the disk does not let us."""
    try:
        for folder in (files.data_dir, files.lock.parent, files.log("any").parent):
            folder.mkdir(parents=True, exist_ok=True)
        files.lock.touch()
        free = shutil.disk_usage(files.data_dir).free
    except OSError as error:
        raise ServerError(f"DATA_DIR {files.data_dir} cannot be written: {error}") from error
    if free < FREE_BYTES_MIN:
        raise ServerError(
            f"the disk of DATA_DIR {files.data_dir} has only {free // 2**20} MiB left, "
            f"{FREE_BYTES_MIN // 2**20} are needed"
        )


@contextmanager
def locked(files: Files) -> Iterator[None]:
    """Wait for the lock of this DATA_DIR and hold it; it is free again when the holder dies."""
    with files.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _addresses(settings: Settings, files: Files) -> Connections:
    return Connections(_broker(settings, files), _database(settings, files))


def _broker(settings: Settings, files: Files) -> Broker:
    return settings.kafka or Broker(bootstrap=f"{LOOPBACK}:{_port(files, 'kafka')}")


def _database(settings: Settings, files: Files) -> str:
    home = files.data_dir / "postgres"
    return settings.database_url or postgres.url(_port(files, "postgres"), home)


def _demand(settings: Settings, name: str) -> None:
    if name not in running(settings):
        raise ServerError(
            f"the embedded {name} is not running: `portfolio up` starts everything, "
            f"`portfolio servers up` the servers alone (DATA_DIR is {settings.data_dir.absolute()})"
        )


def _port(files: Files, name: str) -> int:
    """Where the server listens, or will: of one that runs its pid file says."""
    process = processes.find(files.pid(name))
    if process is not None and process.port is not None:
        return process.port
    return ports.remembered(files.ports, name)


def _start_missing(settings: Settings, files: Files, start: Start) -> None:
    """Start both before waiting for either: the broker takes longest to begin."""
    up_now = running(settings)
    begun: list[tuple[Command, Process]] = []
    try:
        if settings.kafka is None and "kafka" not in up_now:
            command = _kafka(files)
            begun.append((command, start(command)))
        if settings.database_url is None and "postgres" not in up_now:
            command = _postgres(files)
            begun.append((command, start(command)))
        found = _addresses(settings, files)
        for command, process in begun:
            _wait(command, process, found)
        if settings.database_url is None:
            postgres.ensure_database(found.database_url)
    except (OSError, subprocess.TimeoutExpired) as error:
        _abandon(begun)
        raise ServerError(f"the embedded servers cannot start: {error}") from error
    except BaseException:
        _abandon(begun)
        raise


def _kafka(files: Files) -> Command:
    where = kafka.place(files.data_dir)
    port = ports.demand(files.ports, "kafka")
    kafka.initialise(where, port, ports.free(files.ports, "kafka-controller"))
    return kafka.command(where, port, files.log("kafka"), files.pid("kafka"))


def _postgres(files: Files) -> Command:
    port = ports.demand(files.ports, "postgres")
    where = postgres.place(files.data_dir)
    postgres.initialise(where)
    return postgres.command(where, port, files.log("postgres"), files.pid("postgres"))


def _wait(command: Command, process: Process, found: Connections) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not _answers(command.name, found):
        ended = not process.is_running()
        if ended or time.monotonic() > deadline:
            what = "ended" if ended else f"does not answer after {START_TIMEOUT_SECONDS:.0f} s"
            raise ServerError(
                f"the embedded {command.name} {what}; the end of {command.log}:\n"
                + processes.tail(command.log)
            )
        time.sleep(0.05)


def _answers(name: str, found: Connections) -> bool:
    if name == "kafka":
        return kafka.obstacle(found.kafka) is None
    return postgres.obstacle(postgres.maintenance_url(found.database_url)) is None


def _abandon(begun: list[tuple[Command, Process]]) -> None:
    for command, process in begun:
        process.stop(command.stop_signals)
