"""What can happen to a running system, each as a function that does it to one."""

import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import psycopg2

from tests.faults.cast import SESSION_SECONDS, Cast

Blow = Callable[[Cast, Random], None]


# -- processes end


def kill_a_worker(cast: Cast, rng: Random) -> None:
    cast.kill(rng.choice(cast.workers))


def kill_a_worker_and_its_disk(cast: Cast, rng: Random) -> None:
    worker = rng.choice(cast.workers)
    cast.kill(worker)
    shutil.rmtree(cast.state_of(worker), ignore_errors=True)  # it may just have begun again


def kill_all_workers(cast: Cast, rng: Random) -> None:
    for worker in cast.workers:
        cast.signal(worker, signal.SIGKILL)


def kill_the_store(cast: Cast, rng: Random) -> None:
    cast.kill("store")


def kill_the_broker(cast: Cast, rng: Random) -> None:
    cast.kill("kafka")


def end_the_broker(cast: Cast, rng: Random) -> None:
    cast.signal("kafka", signal.SIGTERM)


def stop_postgres_at_once(cast: Cast, rng: Random) -> None:
    """Its immediate shutdown: it recovers from its log when it starts again."""
    cast.signal("postgres", signal.SIGQUIT)


def kill_a_backend(cast: Cast, rng: Random) -> None:
    """PostgreSQL ends all sessions then and recovers, since memory is shared."""
    with suppress(psutil.NoSuchProcess, IndexError):
        rng.choice(cast.backends()).kill()


def cut_the_sessions(cast: Cast, rng: Random) -> None:
    with psycopg2.connect(cast.database_url) as connection:
        connection.cursor().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.close()


def kill_everything(cast: Cast, rng: Random) -> None:
    for name in rng.sample(cast.names, len(cast.names)):
        cast.signal(name, signal.SIGKILL)


def freeze_a_worker(cast: Cast, rng: Random) -> None:
    """For longer than its session: its partitions go to others, and it comes back unaware."""
    _freeze(cast, rng.choice(cast.workers), SESSION_SECONDS + 3)


def freeze_the_store(cast: Cast, rng: Random) -> None:
    _freeze(cast, "store", SESSION_SECONDS + 3)


def _freeze(cast: Cast, name: str, seconds: float) -> None:
    pid = cast.signal(name, signal.SIGSTOP)
    if pid is not None:
        time.sleep(seconds)
        psutil.Process(pid).send_signal(signal.SIGCONT)


# -- disks fail


def delete_files(cast: Cast, rng: Random) -> None:
    _damage(cast, rng, lambda path: path.unlink())


def cut_files_short(cast: Cast, rng: Random) -> None:
    def cut(path: Path) -> None:
        with path.open("r+b") as file:
            file.truncate(rng.randrange(path.stat().st_size))

    _damage(cast, rng, cut)


def flip_bits(cast: Cast, rng: Random) -> None:
    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        for _ in range(20):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)

    _damage(cast, rng, flip)


def _damage(cast: Cast, rng: Random, harm: Callable[[Path], object]) -> None:
    """Some files of every partition of a worker, before it starts again."""
    worker = rng.choice(cast.workers)
    cast.kill(worker)
    for folder in sorted((cast.state_of(worker) / "state").glob("partition-*")):
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size)
        for path in rng.sample(files, min(3, len(files))):
            harm(path)


BLOWS: tuple[Blow, ...] = (
    kill_a_worker,
    kill_a_worker_and_its_disk,
    kill_all_workers,
    kill_the_store,
    kill_the_broker,
    end_the_broker,
    stop_postgres_at_once,
    kill_a_backend,
    cut_the_sessions,
    kill_everything,
    freeze_a_worker,
    freeze_the_store,
    delete_files,
    cut_files_short,
    flip_bits,
)
