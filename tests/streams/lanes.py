"""Lanes without a broker: logs in memory that keep what was committed, and take-overs from them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

from faust.types.tuples import TP

from calculator import Rates, ReliefMethod
from streams import state
from streams.known_cash import KnownCash
from streams.known_prices import KnownInstruments
from streams.known_rates import KnownRates
from streams.lane import Lane, Log
from streams.leftovers import Removals, Results
from streams.log import Written
from streams.restore import Record, Restorer
from streams.step import Headers, Outcome
from streams.tables import Table, Tables
from streams.transport import Batch
from wire.fields import Malformed
from wire.reference import OF_FX_RATES, OF_INSTRUMENTS
from wire.topics import (
    CHANGELOG,
    COMPLETED,
    DEAD_LETTER,
    FORWARDED,
    FX_RATES,
    INPUTS,
    INSTRUMENTS,
    PORTFOLIOS_CURRENT,
    POSITIONS,
    RAW_TRANSACTIONS,
    Topic,
)

PARTITIONS = 8
LOTS_MAX = 1_000


class Message(NamedTuple):
    """A Kafka record as the consumer hands it over."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, Any], ...] = ()
    timestamp: int = 0
    topic: str = ""


def batch(
    messages: Iterable[Message],
    *,
    topic: str = RAW_TRANSACTIONS.name,
    partition: int = 0,
    before: int | None = None,
    after: int | None = None,
) -> Batch:
    """What one fetch brought; without holes unless `before` and `after` say so."""
    records: Any = list(messages)
    made = Batch(
        topic, partition, records[-1].offset if records else 0, 0, 0, None, None, records, None,
        0, 0, TP(topic, partition), generation_id=1,
    )  # fmt: skip
    made.before = records[0].offset if before is None else before
    made.after = records[-1].offset + 1 if after is None else after
    return made


class Logs:
    """All topics. A transaction marker has an offset and no message."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, int], list[Message | None]] = defaultdict(list)

    def append(
        self, topic: Topic, partition: int, key: bytes | None, value: bytes | None,
        headers: Headers | None = None,
    ) -> int:  # fmt: skip
        log = self._logs[topic.name, partition]
        log.append(Message(len(log), key, value, tuple(headers or ()), topic=topic.name))
        return len(log) - 1

    def mark(self, topic: Topic, partition: int) -> None:
        self._logs[topic.name, partition].append(None)

    def end(self, topic: Topic, partition: int) -> int:
        return len(self._logs[topic.name, partition])

    def read(self, topic: Topic, partition: int, start: int = 0) -> list[Message]:
        return [m for m in self._logs[topic.name, partition][start:] if m is not None]

    def clear(self, topic: Topic) -> None:
        for partition in range(PARTITIONS):
            self._logs[topic.name, partition] = []

    def fetch(self, topic: Topic, partition: int, start: int, limit: int) -> Batch | None:
        """Up to so many messages from there on, with the position behind them."""
        log = self._logs[topic.name, partition]
        messages = self.read(topic, partition, start)[:limit]
        if not messages:
            return None
        after = messages[-1].offset + 1
        while after < len(log) and log[after] is None:
            after += 1
        return batch(messages, topic=topic.name, partition=partition, before=start, after=after)


class MemoryLog:
    """The log of a partition. `fail` is called before and behind each commit."""

    def __init__(self, logs: Logs, partition: int) -> None:
        self.logs = logs
        self.partition = partition
        self.commits = 0

    def fail(self, stage: str) -> None:
        """Replaced by tests that want a commit to fail."""

    def commit(self, outcome: Outcome, progress: bytes) -> Written:
        self.fail("before")
        append, p, changes = self.logs.append, self.partition, outcome.changes
        results = None
        for key, value, is_first in changes.results:
            results = append(COMPLETED, p, key, value, [("first", b"")] if is_first else [])
        for topic, records in (
            (POSITIONS, changes.positions),
            (PORTFOLIOS_CURRENT, changes.portfolios),
            (CHANGELOG, changes.changelog),
        ):
            for record_key, record_value in records:
                append(topic, p, record_key, record_value)
        for record in outcome.forwarded:
            append(FORWARDED, record.partition, record.key, record.value, record.headers)
            self.logs.mark(FORWARDED, record.partition)
        for record in outcome.dead:
            append(DEAD_LETTER, record.partition, record.key, record.value, record.headers)
        changelog = append(CHANGELOG, p, state.PROGRESS, progress)
        for topic in (COMPLETED, CHANGELOG):
            self.logs.mark(topic, p)
        self.commits += 1
        self.fail("behind")
        return Written(changelog, results)

    def publish(self, results: Results, positions: Removals) -> int | None:
        self.fail("before")
        last = None
        for key, value in results:
            last = self.logs.append(COMPLETED, self.partition, key, value)
        for position_key, removed in positions:
            self.logs.append(POSITIONS, self.partition, position_key, removed)
        self.logs.mark(COMPLETED, self.partition)
        self.fail("behind")
        return last


class NoLog:
    """Of a partition whose books are there: nothing is withdrawn before they go on."""

    def publish(self, results: Results, positions: Removals) -> int:
        raise AssertionError((results, positions))


class MemoryRestorer(Restorer):
    """Reads logs in memory; all that it does with them is what it does with those of Kafka."""

    def __init__(self, logs: Logs, tables: Tables, records_max: int = 50) -> None:
        self._logs = logs
        self._tables = tables
        self._records_max = records_max
        self._consumer: Any = SimpleNamespace(close=lambda: None)

    def _ends(self, topic: Topic, partition: int) -> tuple[int, int]:
        return 0, self._logs.end(topic, partition)

    def _read(
        self, topic: Topic, marks: Mapping[int, int | None]
    ) -> Iterator[tuple[int, list[Record]]]:
        for partition, mark in marks.items():
            messages = self._logs.read(topic, partition, 0 if mark is None else mark + 1)
            for start in range(0, len(messages), self._records_max):
                chunk = messages[start : start + self._records_max]
                yield partition, [(m.key or b"", m.value, m.offset) for m in chunk]


def lane_over(
    table: Table,
    log: Log,
    *,
    partition: int = 0,
    lots_max: int = LOTS_MAX,
    method: ReliefMethod = ReliefMethod.FIFO,
    known: KnownRates | None = None,
    cash: KnownCash | None = None,
) -> Lane:
    known, cash = known or KnownRates(Rates()), cash or KnownCash()
    return Lane(partition, PARTITIONS, method, table, log, lots_max, known, cash)


def know(logs: Logs, known: KnownRates) -> KnownRates:
    """The rates of a process that has read their topic to its end."""
    for message in logs.read(FX_RATES, 0, known.through):
        content = OF_FX_RATES.decode(message.value)
        if not isinstance(content, Malformed):
            known.keep(message.offset, content)
    known.move(logs.end(FX_RATES, 0))
    return known


class Instruments:
    """The reader of instruments in a process, which has come as far as it was told to."""

    def __init__(self) -> None:
        self.cash = KnownCash()
        self.kept = 0  # next offset; `cash.through` may be behind it
        self._known = KnownInstruments(lambda _: None, self.cash)

    def read(self, logs: Logs, upto: int) -> None:
        for message in logs.read(INSTRUMENTS, 0, self.kept):
            content = OF_INSTRUMENTS.decode(message.value)
            if message.offset < upto and not isinstance(content, Malformed):
                self._known.keep(message.offset, content)
        self.kept = upto

    def read_all(self, logs: Logs) -> KnownCash:
        self.read(logs, logs.end(INSTRUMENTS, 0))
        self.cash.move(self.kept)
        return self.cash


def next_batches(logs: Logs, lane: Lane, limit: int) -> list[Batch]:
    """What lies in the inputs behind the lane's progress."""
    fetched = (
        logs.fetch(topic, lane.partition, offset, limit)
        for topic, offset in zip(INPUTS, lane.progress.next_offsets, strict=True)
    )
    return [found for found in fetched if found is not None]


def work_off(logs: Logs, lane: Lane, limit: int = 1_000) -> None:
    """Everything that lies in the inputs, to the end of every re-booking."""
    while (batches := next_batches(logs, lane, limit)) or lane.has_work:
        lane.handle(batches)


def dump(table: Table) -> dict[bytes, bytes]:
    """The whole state but for its local marks."""
    marks = {state.CHANGELOG_READ, state.RESULTS_READ, state.WRITTEN_AT}
    return {key: value for key, value in table.items(b"") if key not in marks}
