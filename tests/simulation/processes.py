"""Workers and stores: the real lane, take-over and writer over what is simulated."""

from typing import TYPE_CHECKING, Any, NoReturn

from calculator import ReliefMethod
from streams.lane import Lane
from streams.transport import Batch
from streams.writer import ProgressMoved, Writer
from tests.simulation.cluster import Crash, Disks
from tests.streams.lanes import MemoryRestorer, next_batches
from wire.topics import INPUTS, RESULTS

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


class Worker:
    """One process on a machine of its own. It may not know yet that it lost a partition."""

    def __init__(self, world: "World", disks: Disks) -> None:
        self.world, self.disks = world, disks
        self.lanes: dict[int, SimulatedLane] = {}
        self.stale: dict[int, list[Batch]] = {}

    def take_over(self, partition: int) -> None:
        """As in production: fence the owner before, then read the logs, which are final now."""
        world = self.world
        world.reach("take-over", "before")
        transactions = world.variant.log(world, partition)
        disks: Any = self.disks
        restorer = MemoryRestorer(world.broker.logs, disks, records_max=7)
        table = restorer.restore([partition])[partition]
        lane = world.variant.lane(
            partition, world.partitions, ReliefMethod.FIFO, table, transactions, lots_max=4
        )
        lane.world = world
        self.lanes[partition] = lane
        world.owners[partition] = self
        world.variant.position(world, lane)

    def work(self, partition: int) -> bool:
        """One batch; whether there was anything to do."""
        world, lane = self.world, self.lanes[partition]
        batches = next_batches(world.broker.logs, lane, world.rng.choice((1, 2, 5, 20)))
        if not batches and not lane.has_work:
            return False
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
