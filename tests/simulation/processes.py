"""Workers and stores: the real lane, take-over and writer over what is simulated."""

from random import Random
from typing import TYPE_CHECKING, Any, NoReturn

from calculator import Rates, ReliefMethod
from streams.known_rates import KnownRates
from streams.lane import Lane
from streams.transport import Batch
from streams.writer import ProgressMoved, Writer
from tests.simulation.cluster import Crash, Disks
from tests.streams.lanes import Instruments, MemoryRestorer, next_batches
from wire.fields import Malformed
from wire.reference import OF_FX_RATES
from wire.topics import FX_RATES, INPUTS, INSTRUMENTS, RESULTS

if TYPE_CHECKING:
    from tests.simulation.world import World


class SimulatedLane(Lane):
    """A lane whose process ends as an exception."""

    world: "World"

    def end(self, error: BaseException) -> NoReturn:
        if not isinstance(error, Crash):
            self.world.seen[type(error).__name__] += 1
            if type(error) not in self.world.variant.ends_meant:
                raise error
        raise Crash from error


class AnyPace:
    """Often so few steps that a re-booking takes many batches."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def steps(self, *, has_records: bool) -> int:
        return self._rng.choice((0, 0, 1, 2, 5, 5000))

    def measured(self, steps: int, seconds: float) -> None:
        """It does not matter."""


class Worker:
    """One process on a machine of its own. It may not know yet that it lost a partition."""

    def __init__(self, world: "World", disks: Disks) -> None:
        self.world, self.disks = world, disks
        self.restart()

    def restart(self) -> None:
        """Only the disks are left of the process before."""
        self.lanes: dict[int, SimulatedLane] = {}
        self.stale: dict[int, list[Batch]] = {}
        self.known_rates = KnownRates(Rates())
        self.kept_rates = 0  # next offset; `known_rates.through` may be behind it
        self.instruments = Instruments()

    def read_reference(self, *, to_end: bool = False) -> None:
        """The threads that read it are somewhere, as is what they have said of it."""
        self._read_rates(to_end=to_end)
        rng, logs, cash = self.world.rng, self.world.broker.logs, self.instruments.cash
        end = logs.end(INSTRUMENTS, 0)
        upto = end if to_end else rng.randint(self.instruments.kept, end)
        self.instruments.read(logs, upto)
        cash.move(upto if to_end else rng.randint(cash.through, upto))

    def _read_rates(self, *, to_end: bool) -> None:
        rng, logs = self.world.rng, self.world.broker.logs
        end = logs.end(FX_RATES, 0)
        upto = end if to_end else rng.randint(self.kept_rates, end)
        for message in logs.read(FX_RATES, 0, self.kept_rates):
            content = OF_FX_RATES.decode(message.value)
            if message.offset < upto and not isinstance(content, Malformed):
                self.known_rates.keep(message.offset, content)
        self.kept_rates = upto
        self.known_rates.move(upto if to_end else rng.randint(self.known_rates.through, upto))

    def knows_all_reference(self, partition: int) -> bool:
        progress, logs = self.lanes[partition].progress, self.world.broker.logs
        ends = logs.end(FX_RATES, 0), logs.end(INSTRUMENTS, 0)
        return (progress.fx_rates, progress.instruments) == ends

    def take_over(self, partition: int) -> None:
        """As in production: fence the owner before, then read the logs, which are final now."""
        world = self.world
        world.reach("take-over", "before")
        transactions = world.variant.log(world, partition)
        disks: Any = self.disks
        restorer = MemoryRestorer(world.broker.logs, disks, records_max=7)
        table = restorer.restore({partition: transactions})[partition]
        self.read_reference(to_end=True)
        lane = world.variant.lane(
            partition, world.partitions, ReliefMethod.FIFO, table, transactions, lots_max=4,
            known_rates=self.known_rates, known_cash=self.instruments.cash,
        )  # fmt: skip
        lane.world = world
        any_pace: Any = AnyPace(world.rng)
        lane._pace = any_pace
        self.lanes[partition] = lane
        world.owners[partition] = self
        world.variant.position(world, lane)

    def work(self, partition: int) -> bool:
        """One batch; whether there was anything to do."""
        world, lane = self.world, self.lanes[partition]
        self.read_reference(to_end=world.is_calm)
        batches = next_batches(world.broker.logs, lane, world.rng.choice((1, 2, 5, 20)))
        if not batches and not lane.has_work and not lane.is_behind_reference:
            return False
        world.seen["rates of concern"] += bool(lane._changed_rates()[0])
        changed_cash = lane._changed_cash()[0]
        world.seen["cash of concern"] += any(
            lane._step.journal.holders.of(security_id, "", 1) for security_id in changed_cash
        )
        world.seen["cash walked on"] += bool(lane._step.journal.holders.walks)
        if partition in self.stale and world.happens("delivered twice", 0.01):
            batches = self.stale[partition]
        chosen = [batch for batch in batches if world.rng.random() < 0.8]
        lane.handle(chosen)
        self.stale[partition] = chosen
        if world.happens("acked", 0.3):
            offsets = lane.progress.next_offsets
            places = ((topic.name, partition) for topic in INPUTS)
            world.broker.group_offsets |= zip(places, offsets, strict=True)
        return True


class Store:
    """A store process; there may be two that think the partitions are theirs."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.writer = Writer(world.database)
        self.places = [(topic, p) for topic in RESULTS for p in range(world.partitions)]
        self.writer.take_over([(topic.name, p) for topic, p in self.places])

    def work(self) -> bool:
        world, progress = self.world, self.writer.progress
        size = world.rng.choice((1, 5, 50))
        fetched = (
            world.broker.logs.fetch(topic, p, progress[topic.name, p], size)
            for topic, p in world.rng.sample(self.places, 3)
        )
        batches = [batch for batch in fetched if batch is not None]
        try:
            if batches:
                self.writer.write(batches)
            elif not self.writer.is_where_it_was_left():
                self.writer.take_over(list(progress))
        except ProgressMoved:
            self.writer.take_over(list(progress))
        return bool(batches)

    def is_at_the_end(self) -> bool:
        logs, progress = self.world.broker.logs, self.writer.progress
        return self.writer.is_where_it_was_left() and all(
            not logs.read(topic, p, progress[topic.name, p]) for topic, p in self.places
        )
