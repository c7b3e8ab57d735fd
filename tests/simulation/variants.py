"""The design, and ways to break it that the laws must notice.

Each of the broken ones is a loop that is in use somewhere, and looks right until a process ends at
the wrong moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from streams.journal import Changes
from streams.lane import StateNotAtBatch
from streams.log import Written
from streams.step import Counts, Outcome
from streams.writer import Progress
from tests.simulation.cluster import Database, Fenced, PartitionLog
from tests.simulation.processes import SimulatedLane
from wire.topics import INPUTS

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass(frozen=True)
class Variant:
    """The design as it is."""

    name: str = "as designed"
    log: type[PartitionLog] = PartitionLog
    lane: type[SimulatedLane] = SimulatedLane
    database: type[Database] = Database
    ends_meant: tuple[type[BaseException], ...] = (Fenced, StateNotAtBatch)

    def position(self, world: "World", lane: SimulatedLane) -> None:
        """Work is resumed from the progress record, where the lane is already."""


class StateFirst(PartitionLog):
    """The table is written, and then its changelog."""

    def commit(self, outcome: Outcome, progress: bytes) -> Written:
        self.refuse_a_zombie()
        table = self.world.table_of(self)
        table.write([*outcome.changes.changelog, *outcome.changes.local])
        return super().commit(outcome, progress)


class OffsetFirst(PartitionLog):
    """The offset of the inputs is committed, and then what was made of them."""

    def commit(self, outcome: Outcome, progress: bytes) -> Written:
        super().commit(Outcome(Changes(), Counts()), progress)
        return super().commit(outcome, progress)


class Unfenced(PartitionLog):
    """Whoever writes is believed."""

    def refuse_a_zombie(self) -> None:
        """Nobody is refused."""


class RepliesLost(PartitionLog):
    """A commit that is done, and says that it failed."""

    def commit(self, outcome: Outcome, progress: bytes) -> Written:
        written = super().commit(outcome, progress)
        if self.world.happens("reply lost", 0.1):
            raise TimeoutError
        return written


class Repeating(SimulatedLane):
    """Takes a commit without an answer for one that failed, and does the batch again."""

    def handle(self, batches: Sequence[Any]) -> None:
        while True:
            try:
                self._handle(batches)
            except TimeoutError:
                continue
            except BaseException as error:  # noqa: BLE001 - the process ends
                self.end(error)
            return


class AtTheEndOfTheRates(SimulatedLane):
    """A new owner takes it that the one before has followed all rates that are known by now."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        through = self._known_rates.through
        self.progress = msgspec.structs.replace(self.progress, fx_rates=through)


class AtTheEndOfTheInstruments(SimulatedLane):
    """The same of instruments."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        through = self._known_cash.through
        self.progress = msgspec.structs.replace(self.progress, instruments=through)


class WalksOfCashForgotten(SimulatedLane):
    """What an instrument changes is kept in memory until it is booked."""

    def _handle(self, batches: Sequence[Any]) -> None:
        self._step.journal.holders.collect = list  # type: ignore[method-assign]
        super()._handle(batches)


class WalksForgotten(SimulatedLane):
    """What a rate changes is kept in memory until it is booked."""

    def _handle(self, batches: Sequence[Any]) -> None:
        journal: Any = self._step.journal
        journal.rate_uses._put_walks.clear()
        collect = journal.rate_uses.collect
        journal.rate_uses.collect = lambda: (collect()[0], [])
        super()._handle(batches)
        journal.rate_uses.collect = collect


class Adding(Database):
    """Rows are added to what is there, whatever is known of the progress."""

    def empty(self) -> None:
        super().empty()
        self.added: list[bytes] = []  # results with disposals

    def apply(self, records: Sequence[Any], expected: Progress, progress: Progress) -> None:
        super().apply(records, self.read_progress(progress), progress)
        self.added += [r.value for r in records if b'"disposals":[{' in (r.value or b"")]

    def disposals(self) -> Any:  # noqa: ANN401
        for value in self.added:
            row = msgspec.json.decode(value)
            newest = self.transactions[row["portfolio_id"], row["transaction_id"]]
            if row["as_of"] == newest["as_of"]:
                yield from self.rows_of(newest)


@dataclass(frozen=True)
class FromTheGroup(Variant):
    """Work is resumed from the offsets that the consumer group committed."""

    def position(self, world: "World", lane: SimulatedLane) -> None:
        offsets = world.broker.group_offsets
        raw, forwarded, portfolios = (
            offsets.get((topic.name, lane.partition), 0) for topic in INPUTS
        )
        lane.progress = msgspec.structs.replace(
            lane.progress, next_offsets=(raw, forwarded, portfolios)
        )


AS_DESIGNED = Variant()
BROKEN = (
    Variant("state before changelog", log=StateFirst),
    Variant("offset before outputs", log=OffsetFirst),
    Variant("no fencing", log=Unfenced),
    FromTheGroup("resume from the group's offset"),
    Variant("a batch repeated after an unknown commit", log=RepliesLost, lane=Repeating),
    Variant("plain +=", database=Adding),
    Variant("rates from the end", lane=AtTheEndOfTheRates),
    Variant("walks in memory", lane=WalksForgotten),
    Variant("instruments from the end", lane=AtTheEndOfTheInstruments),
    Variant("walks of cash in memory", lane=WalksOfCashForgotten),
)
# What also holds of a lost reply: the process ends, and the next take-over reads what became of it.
REPLIES_LOST = Variant(
    "replies lost", log=RepliesLost, ends_meant=(Fenced, TimeoutError, StateNotAtBatch)
)
