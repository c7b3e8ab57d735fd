"""A seeded scheduler over brokers, machines and a database: one seed, one run, always the same.

It decides what happens next: which events arrive, which worker or store does its next batch, who
crashes at which durable effect, who is given a partition that somebody else still holds. At the
end everybody may finish in peace, and the laws are checked.
"""

from collections import Counter
from functools import cache
from random import Random
from typing import Any, NamedTuple

import msgspec

from streams import answers
from streams.state import PROGRESS, ids_of
from streams.step import SOURCE_TOPIC
from tests.oracle.compare import differences
from tests.oracle.decode import Record
from tests.oracle.events import Mess, generate, of_topic, records
from tests.oracle.fold import Books, expected
from tests.simulation.cluster import Broker, Crash, Database, Disks, PartitionLog, place_named
from tests.simulation.processes import Store, Worker
from tests.simulation.variants import AS_DESIGNED, Variant
from tests.streams.lanes import MemoryRestorer, NoLog, dump
from wire.topics import (
    COMPLETED,
    DEAD_LETTER,
    FORWARDED,
    FX_RATES,
    INSTRUMENTS,
    PORTFOLIOS,
    POSITIONS,
    RAW_TRANSACTIONS,
)

PARTITIONS, MACHINES, HISTORIES = 2, 2, 64
TRIES_MAX, STEPS_MAX = 1_000, 2_000
_INPUTS = {topic.name: topic for topic in (RAW_TRANSACTIONS, PORTFOLIOS, FX_RATES, INSTRUMENTS)}


class History(NamedTuple):
    """What arrives, in which order, and the books that must come of it."""

    arriving: list[Record]
    books: Books
    events: int


@cache
def history(number: int) -> History:
    """Few of them, since folding costs more than a run; each is run under many schedules."""
    size = (6, 12, 20, 30)[number % 4]
    mess = Mess(
        duplicates=0.15, corrections=0.15, cancels=0.08, misrouted=0.15, junk=0.05,
        rate_forgotten=0.7, rates=0.8, other_currency=0.2, instruments=0.6,
    )  # fmt: skip
    arriving = records(
        generate(number, size, portfolios=3, securities=2, partitions=PARTITIONS, mess=mess)
    )
    transactions = of_topic(arriving, RAW_TRANSACTIONS.name)
    portfolios, rates = of_topic(arriving, PORTFOLIOS.name), of_topic(arriving, FX_RATES.name)
    instruments = of_topic(arriving, INSTRUMENTS.name)
    books = expected(transactions, portfolios, rates=rates, instruments=instruments)
    return History(arriving, books, len(transactions))


class Law(AssertionError):
    """A law that does not hold at the end of a run."""


class World:
    """One run."""

    def __init__(self, seed: int, variant: Variant = AS_DESIGNED) -> None:
        self.rng = Random(f"world {seed}")
        self.variant = variant
        self.partitions = PARTITIONS
        self.history = history(seed % HISTORIES)
        self.seen: Counter[str] = Counter()  # what happened, by name
        self.is_calm = False
        # Some runs crash all the time, some hardly at all.
        self.crash_rate = self.rng.choice((0.01, 0.04, 0.1))
        self.broker = Broker()
        self.database: Database = variant.database(self)
        self.workers = [Worker(self, Disks(self)) for _ in range(MACHINES)]
        self.owners: dict[int, Worker] = {}
        self.stores: list[Store] = []

    # -- chance

    def happens(self, what: str, share: float) -> bool:
        happened = not self.is_calm and self.rng.random() < share
        self.seen[what] += happened
        return happened

    def reach(self, effect: str, when: str) -> None:
        """A durable effect is about to be, or was just done; the process may end here."""
        if self.happens(f"crash {when} {effect}", self.crash_rate):
            raise Crash

    @property
    def crashes(self) -> int:
        return sum(times for what, times in self.seen.items() if what.startswith("crash"))

    # -- the run

    def run(self) -> None:
        """Everything, to the end. Raises Law where one does not hold."""
        for partition in range(PARTITIONS):
            self.give(partition, self.rng.choice(self.workers))
        self.start_store()
        for record in self.history.arriving:
            self.arrive(record)
            while self.rng.random() < 0.7:
                self.step()
        for _ in range(self.rng.randrange(10)):
            self.step()
        self.is_calm = True
        self.finish()
        self.check()

    def arrive(self, record: Record) -> None:
        self.broker.logs.append(_INPUTS[record.topic], record.partition, record.key, record.value)

    def step(self) -> None:
        """Whatever comes next."""
        dice = self.rng.random()
        if dice < 0.6:
            self.let_work(self.rng.choice(self.workers))
        elif dice < 0.85:
            self.let_store()
        elif dice < 0.9:
            # Whoever had it is not told.
            self.give(self.rng.randrange(PARTITIONS), self.rng.choice(self.workers))
        elif dice < 0.93:
            self.seen["crash at rest"] += 1
            self.end(self.rng.choice(self.workers))
        elif dice < 0.95:
            self.seen["second store"] += 1
            self.start_store()
        elif dice < 0.955:
            self.seen["database emptied"] += 1
            self.database.empty()

    def let_work(self, worker: Worker) -> bool:
        if not worker.lanes:
            return False
        try:
            return worker.work(self.rng.choice(list(worker.lanes)))
        except Crash:
            self.end(worker)
            return True

    def let_store(self) -> None:
        store = self.rng.choice(self.stores)
        try:
            store.work()
        except Crash:
            self.stores.remove(store)
            self.start_store()

    def give(self, partition: int, worker: Worker) -> None:
        """Have a worker take a partition over, however often it crashes meanwhile."""
        for _ in range(TRIES_MAX):
            worker.lanes.pop(partition, None)  # one process opens a disk once
            try:
                worker.take_over(partition)
            except Crash:
                self.end(worker, but=partition)
                worker = self.rng.choice(self.workers)
            else:
                return
        raise Law(f"partition {partition} cannot be taken over")

    def end(self, worker: Worker, but: int | None = None) -> None:
        """The process ends; what it owned goes to whoever is there. Its disk may be lost."""
        worker.restart()
        for folder in worker.disks.folders.values():
            if self.happens("disk lost", 0.1):
                folder.wipe()
            elif self.happens("power cut", 0.2):
                folder.cut_the_power()
        for partition, owner in list(self.owners.items()):
            if owner is worker and partition != but:
                self.give(partition, self.rng.choice(self.workers))

    def start_store(self) -> None:
        self.stores = [*self.stores[-1:], Store(self)]

    def table_of(self, log: PartitionLog) -> Any:  # noqa: ANN401 - a Disk, where a Table is meant
        """The disk under the lane that writes this log."""
        lanes = (lane for worker in self.workers for lane in worker.lanes.values())
        return next(lane.table for lane in lanes if lane._log is log)

    # -- the end

    def finish(self) -> None:
        """Owners and one store work until nothing is left to do."""
        for _ in range(STEPS_MAX):
            busy = [self.let_work(worker) for worker in self.workers for _ in range(PARTITIONS)]
            if not any(busy) and not self.has_work():
                break
        else:
            raise Law("the workers come to no end")
        store = self.stores[-1]
        for _ in range(STEPS_MAX):
            store.work()
            if store.is_at_the_end():
                return
        raise Law("the store comes to no end")

    def has_work(self) -> bool:
        return any(
            worker.lanes[p].has_work
            or not self.is_read(worker, p)
            or not worker.knows_all_reference(p)
            for p, worker in self.owners.items()
        )

    def is_read(self, worker: Worker, partition: int) -> bool:
        lane = worker.lanes[partition]
        topics = (RAW_TRANSACTIONS, FORWARDED, PORTFOLIOS)
        return not any(
            self.broker.logs.read(topic, partition, offset)
            for topic, offset in zip(topics, lane.progress.next_offsets, strict=True)
        )

    # -- the laws

    def check(self) -> None:
        found = differences(
            self.history.books,
            results=self.newest_results(),
            transactions=self.database.transactions.values(),
            disposals=list(self.database.disposals()),
            positions=self.published_positions(),
            portfolios=self.database.portfolios.values(),
            lots=self.live_lots(),
            dead=[place_named(message.headers) for message in self.all(DEAD_LETTER)],
        ) + differences(
            self.history.books,
            positions=self.database.positions.values(),
            dead=list(self.database.dead),
        )  # fmt: skip
        found += self.miscounted() + self.not_restored()
        if found:
            raise Law("\n".join(found[:10]))

    def all(self, topic: Any) -> list[Any]:  # noqa: ANN401
        return [m for p in range(PARTITIONS) for m in self.broker.logs.read(topic, p)]

    def newest_results(self) -> list[dict[str, Any]]:
        newest: dict[tuple[str, str], dict[str, Any]] = {}
        for message in self.all(COMPLETED):
            row = msgspec.json.decode(message.value)
            key = row["portfolio_id"], row["transaction_id"]
            if key in newest and newest[key]["as_of"] >= row["as_of"]:
                raise Law(f"{key}: as_of goes from {newest[key]['as_of']} to {row['as_of']}")
            newest[key] = row
        return list(newest.values())

    def published_positions(self) -> list[dict[str, Any]]:
        newest = {message.key: message.value for message in self.all(POSITIONS)}
        return [msgspec.json.decode(value) for value in newest.values() if value is not None]

    def live_lots(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        found = {}
        for partition, worker in self.owners.items():
            table: Any = worker.lanes[partition].table
            for key in [key for key in table.keys(b"h") if key[:1] == b"h"]:
                ids = ids_of(key)
                answer = answers.lots(table.snapshot(), partition, *ids)
                found[ids] = msgspec.json.decode(answer)["lots"]
        return found

    def miscounted(self) -> list[str]:
        """Each input offset is in exactly one of the counts."""
        progress = [worker.lanes[p].progress for p, worker in self.owners.items()]
        read = sum(p.read for p in progress)
        parts = sum(p.booked + p.duplicate + p.superseded + p.forwarded + p.dead for p in progress)
        lie = len(self.all(RAW_TRANSACTIONS)) + len(self.forwarded_transactions())
        events = read - sum(p.forwarded for p in progress)
        if (read, parts, events) == (lie, lie, self.history.events):
            return []
        return [f"{lie} records lie in the inputs, {read} were read, {parts} counted, {events} new"]

    def forwarded_transactions(self) -> list[Any]:
        own = RAW_TRANSACTIONS.name.encode()
        return [m for m in self.all(FORWARDED) if dict(m.headers)[SOURCE_TOPIC] == own]

    def not_restored(self) -> list[str]:
        """The logs alone give the state that the owners have."""
        found = []
        for partition, worker in self.owners.items():
            disks: Any = Disks(self)
            restorer = MemoryRestorer(self.broker.logs, disks)
            fresh = dump(restorer.restore({partition: NoLog()})[partition])
            have = dump(worker.lanes[partition].table)
            if fresh != have:
                differing = [k for k in fresh.keys() | have.keys() if fresh.get(k) != have.get(k)]
                found.append(f"partition {partition} is restored differently: {differing[:3]}")
            # There is one from the first batch on.
            assert (PROGRESS in have) == (worker.lanes[partition].progress.as_of > 0)
        return found
