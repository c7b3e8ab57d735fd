"""What can happen to a running system, each as a function that does it to one."""

import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import psycopg2

from tests.faults.cast import SESSION_SECONDS, Cast
from tests.faults.compaction import compacting
from tests.oracle.events import Message
from tests.system import log
from tests.system.events import NOW, trade
from wire.topics import CHANGELOG, RAW_TRANSACTIONS

ALL_MAX = 3_000
COMPACTION_SECONDS_MAX = 60.0
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
    cast.freeze(rng.choice(cast.workers), SESSION_SECONDS + 3)


def freeze_the_store(cast: Cast, rng: Random) -> None:
    cast.freeze("store", SESSION_SECONDS + 3)


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


# -- inputs and logs


def race_fifty_producers(cast: Cast, rng: Random) -> None:
    """All of them send the same transactions, each with contents of its own."""

    def race(number: int) -> None:
        log.send(
            cast.kafka,
            [
                trade("RACE", f"R{n}", "BUY", "2024-01-01", str(number), "1", version=number % 3)
                for n in range(5)
            ],
        )

    threads = [threading.Thread(target=race, args=(number,)) for number in range(1, 51)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def send_all_again(cast: Cast, rng: Random) -> None:
    """As a file that is ingested a second time."""
    first = log.read(cast.kafka, RAW_TRANSACTIONS.name)[:ALL_MAX]
    log.send(
        cast.kafka,
        [
            Message(
                topic=m.topic(), partition=m.partition(), key=m.key(), value=m.value(), when=NOW
            )
            for m in first
        ],
    )


def compact_the_changelog(cast: Cast, rng: Random) -> None:
    """While it is written; and a disk is made of what is left."""
    with compacting(cast.kafka, CHANGELOG.name):
        before = len(log.read(cast.kafka, CHANGELOG.name))
        cast.wait_until(
            lambda: len(log.read(cast.kafka, CHANGELOG.name)) < before,
            COMPACTION_SECONDS_MAX,
            "the changelog is compacted",
        )
    kill_a_worker_and_its_disk(cast, rng)


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
    race_fifty_producers,
    send_all_again,
    compact_the_changelog,
)
