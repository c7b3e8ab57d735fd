"""The open lots of one holding, kept in the order in which they would be relieved."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from calculator.lot import Lot
from calculator.money import cost_steps
from calculator.relief import ReliefMethod

_Age = tuple[datetime, str]


class OpenLots:
    """Lots by id and in order of relief. Reading the first lots never looks at the others."""

    __slots__ = ("_by_id", "_method", "_queue", "_unit_costs", "touched")

    def __init__(self, method: ReliefMethod, lots: Iterable[Lot] = ()) -> None:
        self._method = method
        self._by_id = {lot.lot_id: lot for lot in lots}
        in_order = sorted(self._by_id.values(), key=self._key)
        # Where a method goes by unit cost, ties go to the oldest. The costs stand alone, because
        # among thousands of lots whole numbers are found in a third of the time of tuples.
        self._queue = [_age(lot) for lot in in_order]
        self._unit_costs = list(map(self._rank, in_order)) if method.by_unit_cost else []
        # By id what was put or removed since a store last emptied it, as it was before.
        self.touched: dict[str, Lot | None] = {}

    def _key(self, lot: Lot) -> tuple[int, _Age]:
        return (self._rank(lot) if self._method.by_unit_cost else 0, _age(lot))

    def _rank(self, lot: Lot) -> int:
        """Ascending in the order of relief."""
        steps = cost_steps(lot.unit_cost)
        return -steps if self._method.highest_first else steps

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Lot]:
        by_id = self._by_id
        queue = reversed(self._queue) if self._method.newest_first else self._queue
        return (by_id[lot_id] for _, lot_id in queue)

    def in_any_order(self) -> Collection[Lot]:
        return self._by_id.values()

    def in_relief_order(self, lot_ids: Iterable[str]) -> list[Lot]:
        """These lots alone, those relieved first first."""
        return sorted(
            (self._by_id[lot_id] for lot_id in lot_ids),
            key=self._key,
            reverse=self._method.newest_first,
        )

    def get(self, lot_id: str) -> Lot | None:
        return self._by_id.get(lot_id)

    def put(self, lot: Lot) -> None:
        """Add a lot, or replace the one of the same id, which keeps its place."""
        lot_id = lot.lot_id
        before = self._by_id.get(lot_id)
        if before is None:
            self._enqueue(lot)
        self._by_id[lot_id] = lot
        self.touched.setdefault(lot_id, before)

    def remove(self, lot_id: str) -> Lot:
        lot = self._by_id.pop(lot_id)
        queue = self._queue
        # Relief takes from one end, so the search is rarely needed.
        if queue[0][1] == lot_id:
            at = 0
        elif queue[-1][1] == lot_id:
            at = -1
        else:
            age = _age(lot)
            at = self._place(age, self._rank(lot) if self._unit_costs else None)
            assert queue[at] == age, "a lot stands where its cost and age say"
        del queue[at]
        if self._unit_costs:
            del self._unit_costs[at]
        self.touched.setdefault(lot_id, lot)
        return lot

    def _enqueue(self, lot: Lot) -> None:
        age = _age(lot)
        if self._method.by_unit_cost:
            rank = self._rank(lot)
            at = self._place(age, rank)
            self._unit_costs.insert(at, rank)
        else:
            at = self._place(age)
        self._queue.insert(at, age)

    def _place(self, age: _Age, rank: int | None = None) -> int:
        """Where a lot stands in the queue, or has to; `rank` is its own, where lots have one."""
        queue, costs = self._queue, self._unit_costs
        if rank is None:
            return len(queue) if not queue or queue[-1] < age else bisect_left(queue, age)
        at = bisect_left(costs, rank)
        if at < len(costs) and costs[at] == rank:
            return bisect_left(queue, age, at, bisect_right(costs, rank, at))
        return at


def _age(lot: Lot) -> _Age:
    return lot.acquired_at, lot.lot_id
