"""What can happen to a running system, each as a function that does it to one."""

import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import psycopg2

from tests.faults.cast import GONE_SECONDS_MAX, SESSION_SECONDS, Cast
from tests.faults.compaction import compacting
from tests.oracle.events import Message
from tests.system import log
from tests.system.events import NOW, trade
from wire.topics import CHANGELOG, RAW_TRANSACTIONS

ALL_MAX = 3_000
COMPACTION_SECONDS_MAX = 60.0
RUNNING_SECONDS_MAX = NOTICED_SECONDS_MAX = 30.0
BOOKS = re.compile(r"CURRENT|MANIFEST-\d+|\d+\.(sst|log)")  # files of RocksDB
KILLED_BACKEND = "was terminated by signal 9"
Blow = Callable[[Cast, Random], None]


def tell(chosen: str) -> None:
    """Say what was drawn by lot, which pytest shows of a test that failed."""
    sys.stdout.write(f"{chosen}\n")


# -- processes end


def kill_a_worker(cast: Cast, rng: Random) -> None:
    _end(cast, [rng.choice(cast.workers)], signal.SIGKILL)


def kill_a_worker_and_its_disk(cast: Cast, rng: Random) -> None:
    worker = rng.choice(cast.workers)
    _end(cast, [worker], signal.SIGKILL)
    # Whole and at once, as it may just begin again.
    state = cast.state_of(worker)
    lost = state.rename(state.with_name("lost"))
    shutil.rmtree(lost)


def kill_all_workers(cast: Cast, rng: Random) -> None:
    _end(cast, cast.workers, signal.SIGKILL)


def kill_the_store(cast: Cast, rng: Random) -> None:
    _end(cast, ["store"], signal.SIGKILL)


def kill_the_broker(cast: Cast, rng: Random) -> None:
    _end(cast, ["kafka"], signal.SIGKILL)


def end_the_broker(cast: Cast, rng: Random) -> None:
    _end(cast, ["kafka"], signal.SIGTERM)


def stop_postgres_at_once(cast: Cast, rng: Random) -> None:
    """Its immediate shutdown: it recovers from its log when it starts again."""
    _end(cast, ["postgres"], signal.SIGQUIT)


def kill_a_backend(cast: Cast, rng: Random) -> None:
    """PostgreSQL ends all sessions then and recovers, since memory is shared."""

    def is_killed() -> bool:
        # One may end by itself just before.
        with suppress(psutil.NoSuchProcess):
            backends = cast.backends()
            if backends:
                backend = rng.choice(backends)
                backend.kill()
                backend.wait(GONE_SECONDS_MAX)
                tell(f"backend {backend.pid} of {len(backends)}")
                return True
        return False

    ends = cast.log("postgres").count(KILLED_BACKEND)
    cast.wait_until(is_killed, RUNNING_SECONDS_MAX, "a backend is killed")
    cast.wait_until(
        lambda: cast.log("postgres").count(KILLED_BACKEND) > ends, GONE_SECONDS_MAX, "it is noticed"
    )


def cut_the_sessions(cast: Cast, rng: Random) -> None:
    cast.wait_until(lambda: _cut(cast) > 0, RUNNING_SECONDS_MAX, "sessions are cut")


def _cut(cast: Cast) -> int:
    """How many sessions were there and are not any more."""
    with psycopg2.connect(cast.database_url) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        cut = [was_told for (was_told,) in cursor.fetchall()]
    connection.close()
    return sum(cut)


def kill_everything(cast: Cast, rng: Random) -> None:
    _end(cast, rng.sample(cast.names, len(cast.names)), signal.SIGKILL)


def _end(cast: Cast, names: Sequence[str], number: signal.Signals) -> None:
    """One after the other without a pause; the processes that were there are gone on return."""
    tell(f"{number.name} to {', '.join(names)}")
    for name in names:
        _await_running(cast, name)
    pids = {name: cast.signal(name, number) for name in names}
    for name, pid in pids.items():
        assert pid is not None, f"{name} had ended by itself"
        _await_gone(cast, name, pid)


def _await_running(cast: Cast, name: str) -> None:
    cast.wait_until(lambda: cast.pid(name) is not None, RUNNING_SECONDS_MAX, f"{name} is running")


def _await_gone(cast: Cast, name: str, pid: int) -> None:
    cast.wait_until(lambda: cast.pid(name) != pid, GONE_SECONDS_MAX, f"{name} {pid} is gone")


def freeze_a_worker(cast: Cast, rng: Random) -> None:
    """For longer than its session: its partitions go to others, and it comes back unaware."""
    _freeze(cast, rng.choice(cast.workers), ('"frozen"', "lane_failed"))


def freeze_the_store(cast: Cast, rng: Random) -> None:
    _freeze(cast, "store", ("took_over",))


def _freeze(cast: Cast, name: str, words: Sequence[str]) -> None:
    """Until it has said one of the words that it says who was frozen for so long."""
    tell(f"{name} is frozen")
    _await_running(cast, name)

    def times() -> int:
        said = cast.log(name)
        return sum(said.count(word) for word in words)

    before = times()
    cast.freeze(name, SESSION_SECONDS + 3)
    cast.wait_until(lambda: times() > before, NOTICED_SECONDS_MAX, f"{name} says that it was")


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
    _end(cast, [worker], signal.SIGKILL)
    harmed = []
    for folder in sorted((cast.state_of(worker) / "state").glob("partition-*")):
        files = sorted(path for path in folder.iterdir() if _is_read_again(path))
        for path in rng.sample(files, min(3, len(files))):
            before = path.read_bytes()
            harm(path)
            if not path.exists() or path.read_bytes() != before:
                harmed.append(f"{folder.name}/{path.name}")
    tell(f"harmed: {', '.join(harmed)}")
    assert harmed


def _is_read_again(path: Path) -> bool:
    """Whether RocksDB reads it at its next start; its LOG and its old OPTIONS only people do."""
    return bool(BOOKS.fullmatch(path.name)) and path.stat().st_size > 0


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
