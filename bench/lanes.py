"""Lanes in process: booking step and state of every partition, without Kafka and PostgreSQL.

They take what would come from Kafka, in batches, write the real tables, and hand over what would
be published. What they cost is the processor time of the lane's thread by stage, and that of
RocksDB's own threads, which write and merge its files behind the lane.
"""

import cProfile
import gc
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from bench.load import PARTITIONS, Load, portfolios, transactions
from calculator import FxRate, Rates, ReliefMethod, Source
from streams import rows
from streams.pace import Pace
from streams.settings import CACHED_LOTS_MAX
from streams.step import BookingStep, InputRecord, Outcome
from streams.tables import Table, Tables
from wire.partitioner import partition_of
from wire.topics import COMPLETED, PORTFOLIOS, POSITIONS, RAW_TRANSACTIONS

EVENTS_A_BATCH = 2000
OWN_THREADS = "RocksDB's own threads"
_REST_SECONDS = 0.1
Message = tuple[str, str, bytes]  # topic, portfolio_id, value


class Published(NamedTuple):
    """A record as the store reads it."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int = 0


def as_in_a_worker() -> None:
    """The collector would walk every cached lot again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 1000)


def records_of(load: Load) -> Iterator[Message]:
    """Portfolio records, then transactions."""
    return chain(portfolios_of(load), events_of(load))


def portfolios_of(load: Load) -> Iterator[Message]:
    return ((PORTFOLIOS.name, *record) for record in portfolios(load))


def events_of(load: Load) -> Iterator[Message]:
    return ((RAW_TRANSACTIONS.name, *record) for record in transactions(load))


class Clock:
    """Processor seconds by stage, in the order in which the stages first came."""

    def __init__(self, profile: cProfile.Profile | None = None) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._profile = profile
        self._others = _seconds_of_other_threads()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.thread_time()
        with nullcontext() if self._profile is None else self._profile:
            yield
        self.seconds[name] += time.thread_time() - began

    def begin(self) -> None:
        """What other threads did until now is not counted; it may have been for other lanes."""
        self._others = _seconds_of_other_threads()

    def rest(self) -> None:
        """Wait until RocksDB's threads have done what they have, and count it."""
        while True:
            used = _seconds_of_other_threads()
            time.sleep(_REST_SECONDS)
            if _seconds_of_other_threads() - used < _REST_SECONDS / 10:
                break
        self.seconds[OWN_THREADS] += used - self._others
        self._others = used


def _seconds_of_other_threads() -> float:
    return time.process_time() - time.thread_time()


class Lane:
    """One partition's books and where they are kept."""

    def __init__(
        self, partition: int, table: Table, clock: Clock, lots_max: int, rates: Rates
    ) -> None:
        self.table = table
        self._partition = partition
        self._clock = clock
        self._as_of = self._offset = 0
        self._pace = Pace()
        self._step = BookingStep(
            table,
            partition=partition,
            partitions=PARTITIONS,
            default_method=ReliefMethod.FIFO,
            lots_max=lots_max,
            rates=rates,
        )

    @property
    def has_work(self) -> bool:
        return self._step.has_work

    def handle(
        self, messages: list[Message], changed_rates: Sequence[FxRate] = ()
    ) -> list[Published]:
        self._as_of += 1
        began = time.thread_time()
        with self._clock.stage("booking step"):
            records = [self._record(*message) for message in messages]
            steps = self._pace.steps(has_records=bool(records))
            outcome = self._step.run(records, self._as_of, steps, changed_rates)
        with self._clock.stage("RocksDB"):
            self.table.write([*outcome.changes.changelog, *outcome.changes.local])
        self._pace.measured(self._step.ledger.steps_taken, time.thread_time() - began)
        return list(published(outcome))

    def _record(self, topic: str, portfolio_id: str, value: bytes) -> InputRecord:
        self._offset += 1
        source = Source(topic, self._partition, self._offset)
        return InputRecord(source, False, portfolio_id.encode(), value, [], 0)


def published(outcome: Outcome) -> Iterator[Published]:
    assert not outcome.dead
    assert not outcome.forwarded
    for key, value, is_first in outcome.changes.results:
        yield Published(COMPLETED.name, key, value, [(rows.FIRST, b"")] if is_first else [])
    for position_key, position in outcome.changes.positions:
        yield Published(POSITIONS.name, position_key, position, [])


class Cost(NamedTuple):
    """Processor seconds, unless it says so."""

    lanes: float
    own_threads: float  # of RocksDB

    @property
    def all(self) -> float:
        return self.lanes + self.own_threads

    def of_each(self, events: int) -> "Cost":
        """Microseconds of one of so many events."""
        return Cost(self.lanes / events * 1e6, self.own_threads / events * 1e6)


class Lanes:
    """All partitions of one worker, with the caches that a worker has."""

    def __init__(self, folder: Path, *, profile: cProfile.Profile | None = None) -> None:
        self.clock = Clock(profile)
        tables, share = Tables(folder, PARTITIONS), CACHED_LOTS_MAX // PARTITIONS
        self.rates = Rates()
        self.elapsed_seconds = 0.0  # of the newest call of `book` or `follow`
        self.lanes = [
            Lane(p, tables.open(p), self.clock, share, self.rates) for p in range(PARTITIONS)
        ]

    def take(
        self, messages: Iterable[Message], events_a_batch: int = EVENTS_A_BATCH
    ) -> Iterator[list[Published]]:
        """Book them, each batch as soon as it is full and the rest at last; what each published."""
        batches: list[list[Message]] = [[] for _ in self.lanes]
        for message in messages:
            partition = partition_of(message[1], PARTITIONS)
            batches[partition].append(message)
            if len(batches[partition]) == events_a_batch:
                yield self.lanes[partition].handle(batches[partition])
                batches[partition] = []
        for lane, batch in zip(self.lanes, batches, strict=True):
            if batch:
                yield lane.handle(batch)

    def go_on(self) -> Iterator[list[Published]]:
        """Batches without records, until nothing is left to book anew."""
        for lane in self.lanes:
            while lane.has_work:
                yield lane.handle([])

    def book(self, messages: Iterable[Message], events_a_batch: int = EVENTS_A_BATCH) -> Cost:
        """Book them to the end, all re-bookings too."""
        return self._measured(self.take(messages, events_a_batch))

    def follow(self, rates: Sequence[FxRate]) -> Cost:
        """Take rates in and book anew what they change, to the end."""
        for rate in rates:
            self.rates.put(rate)
        return self._measured(lane.handle([], rates) for lane in self.lanes)

    def _measured(self, batches: Iterable[list[Published]]) -> Cost:
        self.clock.begin()
        before, began = self._cost(), time.perf_counter()
        for _ in chain(batches, self.go_on()):
            pass
        self.elapsed_seconds = time.perf_counter() - began
        self.clock.rest()
        after = self._cost()
        return Cost(after.lanes - before.lanes, after.own_threads - before.own_threads)

    def _cost(self) -> Cost:
        own_threads = self.clock.seconds[OWN_THREADS]
        return Cost(sum(self.clock.seconds.values()) - own_threads, own_threads)

    def close(self) -> None:
        for lane in self.lanes:
            lane.table.close()
