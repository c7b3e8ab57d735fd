"""What a crash does not take: the logs of the broker, disks, and a database.

Each says its durable effects to `World.reach`, which may end the process before or behind any of
them. Whatever is not here is memory, and gone with its process.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from streams.log import Written
from streams.step import ERRORS, SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC, Outcome
from streams.writer import Progress, ProgressMoved
from tests.streams.lanes import Logs, MemoryLog
from tests.streams.memory import MemoryTable
from wire.topics import CHANGELOG, COMPLETED, PORTFOLIOS_CURRENT, POSITIONS

if TYPE_CHECKING:
    from tests.simulation.world import World

Row = dict[str, Any]
Place = tuple[str, int]


class Crash(BaseException):
    """The end of a process."""


class Fenced(Exception):
    """The broker's answer to a producer of an earlier epoch."""


class Broker:
    """The logs, and the newest epoch of each partition's producer."""

    def __init__(self) -> None:
        self.logs = Logs()
        self.epochs: dict[int, int] = defaultdict(int)
        self.group_offsets: dict[Place, int] = {}

    def start_producer(self, partition: int) -> int:
        """Fences everybody who started one before."""
        self.epochs[partition] += 1
        return self.epochs[partition]


class PartitionLog(MemoryLog):
    """The log of a partition, as one of those who think that they own it."""

    def __init__(self, world: "World", partition: int) -> None:
        super().__init__(world.broker.logs, partition)
        self.world = world
        self.epoch = world.broker.start_producer(partition)

    def commit(self, outcome: Outcome, progress: bytes) -> Written:
        self.world.reach("log", "before")
        self.refuse_a_zombie()
        if self.world.happens("aborted", 0.03):
            self.leave_holes()
            raise Crash
        written = super().commit(outcome, progress)
        self.world.reach("log", "behind")
        return written

    def refuse_a_zombie(self) -> None:
        if self.epoch != self.world.broker.epochs[self.partition]:
            self.world.seen["fenced"] += 1
            raise Fenced

    def leave_holes(self) -> None:
        """What a transaction wrote before it was aborted; readers pass it."""
        for topic in (CHANGELOG, COMPLETED):
            for _ in range(self.world.rng.randrange(4)):
                self.logs.mark(topic, self.partition)


class Disk(MemoryTable):
    """The state of one partition on one machine. Without its last writes after a power cut."""

    def __init__(self, world: "World", folder: "Folder") -> None:
        super().__init__(folder.values)
        self.world, self.folder = world, folder

    def write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        self.world.reach("state", "before")
        super().write(records)
        self.world.reach("state", "behind")
        if self.world.happens("flushed", 0.3):
            self.folder.flushed = dict(self.values)


class Folder:
    """What is on the disk, and the part of it that outlives a power cut."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.flushed: dict[bytes, bytes] = {}

    def cut_the_power(self) -> None:
        self.values = dict(self.flushed)

    def wipe(self) -> None:
        self.values, self.flushed = {}, {}


class Disks:
    """The disks of one machine: what `streams.tables.Tables` is to a worker."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.folders: dict[int, Folder] = defaultdict(Folder)

    def open(self, partition: int, *, anew: bool = False) -> Disk:
        folder = self.folders[partition]
        if anew:
            folder.wipe()
        return Disk(self.world, folder)


class Database:
    """Tables and progress, moved together. A `streams.writer.Sink`, as the store's connection
    to PostgreSQL is: a call whose reply was lost is made again."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.empty()

    def empty(self) -> None:
        self.progress: Progress = {}
        self.transactions: dict[tuple[str, str], Row] = {}
        self.positions: dict[tuple[str, str], Row] = {}
        self.portfolios: dict[str, Row] = {}
        self.dead: set[tuple[str, int, int]] = set()

    def read_progress(self, partitions: Iterable[Place]) -> Progress:
        return {place: self.progress.get(place, 0) for place in partitions}

    def write(self, records: Sequence[Any], *, expected: Progress, progress: Progress) -> None:
        self.world.reach("sink", "before")
        self.apply(records, expected, progress)
        self.world.reach("sink", "behind")
        if self.world.happens("reply lost", 0.1):
            self.apply(records, expected, progress)

    def apply(self, records: Sequence[Any], expected: Progress, progress: Progress) -> None:
        found = self.read_progress(progress)
        if found != expected:
            self.world.seen["progress moved"] += 1
            raise ProgressMoved(expected, found)
        for record in records:
            self.store(record)
        self.progress |= progress

    def store(self, record: Any) -> None:  # noqa: ANN401 - records of any topic
        if record.topic == POSITIONS.name:
            portfolio_id, security_id = record.key.decode().split("|")
            if record.value is None:
                self.positions.pop((portfolio_id, security_id), None)
            else:
                _keep_newest(self.positions, (portfolio_id, security_id), record)
        elif record.topic == COMPLETED.name:
            row = msgspec.json.decode(record.value)
            key = row["portfolio_id"], row["transaction_id"]
            if row["status"] == "CANCELLED" and row["cause_transaction_id"] is not None:
                self.transactions.pop(key, None)
            else:
                _keep_newest(self.transactions, key, record)
        elif record.topic == PORTFOLIOS_CURRENT.name:
            _keep_newest(self.portfolios, record.key.decode(), record)
        else:
            self.dead.add(place_named(record.headers))

    def disposals(self) -> Iterator[Row]:
        """The rows of lot_disposals."""
        for row in self.transactions.values():
            yield from self.rows_of(row)

    @staticmethod
    def rows_of(result: Row) -> Iterator[Row]:
        own = {name: result[name] for name in ("portfolio_id", "transaction_id", "security_id")}
        for disposal in result["disposals"]:
            yield own | disposal | {"disposed_at": result["transaction_date"]}


def _keep_newest(rows: dict[Any, Row], key: object, record: Any) -> None:  # noqa: ANN401
    row = msgspec.json.decode(record.value)
    if key not in rows or rows[key]["as_of"] <= row["as_of"]:
        rows[key] = row


def place_named(headers: Iterable[tuple[str, bytes]]) -> tuple[str, int, int]:
    """The input record that a dead letter was made of."""
    named = dict(headers)
    assert msgspec.json.decode(named[ERRORS])
    topic = named[SOURCE_TOPIC].decode()
    return topic, int(named[SOURCE_PARTITION]), int(named[SOURCE_OFFSET])
