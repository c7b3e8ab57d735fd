"""The open lots of one holding, kept in the order in which they would be relieved."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from calculator.lot import Lot
from calculator.money import cost_steps
from calculator.relief import ReliefMethod

_Age = tuple[datetime, str]
Place = tuple[int, _Age]
"""Where a lot stands in the order of relief: rank by unit cost (0 where the method does not ask for
it), then age. Ascending, but descending under a method that takes the newest first."""


def place_of(method: ReliefMethod, lot: Lot) -> Place:
    return _rank(method, lot.unit_cost) if method.by_unit_cost else 0, _age(lot)


def _rank(method: ReliefMethod, unit_cost: Decimal) -> int:
    steps = cost_steps(unit_cost)
    return -steps if method.highest_first else steps


class Reserve(Protocol):
    """Open lots of a holding that are kept elsewhere, some together. Those that are brought are
    there no more."""

    def __len__(self) -> int: ...
    def first(self) -> Place | None:
        """No lot of the reserve is relieved before this place; None where there is none."""

    def bring_first(self) -> Iterable[Lot]:
        """The lot that stands there, and those kept with it."""

    def bring(self, place: Place) -> Iterable[Lot]:
        """The lot of that place with those kept with it; nothing where there is none."""


class OpenLots:
    """Lots by id and in order of relief. Reading the first lots never looks at the others, which
    may lie in a reserve until they are asked for."""

    __slots__ = ("_by_id", "_method", "_queue", "_unit_costs", "reserve", "touched")

    def __init__(
        self, method: ReliefMethod, lots: Iterable[Lot] = (), reserve: Reserve | None = None
    ) -> None:
        self._method = method
        self._by_id = {lot.lot_id: lot for lot in lots}
        self.reserve = reserve
        in_order = sorted(self._by_id.values(), key=lambda lot: place_of(method, lot))
        # Where a method goes by unit cost, ties go to the oldest. The costs stand alone, because
        # among thousands of lots whole numbers are found in a third of the time of tuples.
        self._queue = [_age(lot) for lot in in_order]
        self._unit_costs = list(map(self._rank, in_order)) if method.by_unit_cost else []
        # By id what was put or removed since a store last emptied it, as it was before.
        self.touched: dict[str, Lot | None] = {}

    def _rank(self, lot: Lot) -> int:
        """Ascending in the order of relief."""
        return _rank(self._method, lot.unit_cost)

    def __len__(self) -> int:
        return len(self._by_id) + (0 if self.reserve is None else len(self.reserve))

    def __iter__(self) -> Iterator[Lot]:
        if self.reserve is not None:
            return self._with_reserve(self.reserve)
        by_id = self._by_id
        queue = reversed(self._queue) if self._method.newest_first else self._queue
        return (by_id[lot_id] for _, lot_id in queue)

    def _with_reserve(self, reserve: Reserve) -> Iterator[Lot]:
        """Whoever reads as far as a lot of the reserve brings it in. None comes in before those
        that were read."""
        queue, costs, by_id = self._queue, self._unit_costs, self._by_id
        is_backwards, read = self._method.newest_first, 0
        first = reserve.first()
        while True:
            at = -1 - read if is_backwards else read
            if read < len(queue):
                place = costs[at] if costs else 0, queue[at]
                if first is None or (place > first if is_backwards else place < first):
                    yield by_id[place[1][1]]
                    read += 1
                    continue
            elif first is None:
                return
            self._take_in(reserve.bring_first())
            first = reserve.first()

    def _take_in(self, lots: Iterable[Lot]) -> None:
        """From the reserve, so nothing has happened to them."""
        for lot in lots:
            self._enqueue(lot)
            self._by_id[lot.lot_id] = lot

    @property
    def at_hand(self) -> Collection[Lot]:
        """Those that are not in the reserve, in any order."""
        return self._by_id.values()

    def put_away(self, kept: int) -> list[Lot]:
        """Give up the lots at hand behind the first so many, in order of relief; they are for the
        reserve."""
        by_id, queue = self._by_id, self._queue
        if self._method.newest_first:
            places = queue[: len(queue) - kept][::-1]
            del queue[: len(queue) - kept]
        else:
            places = queue[kept:]
            del queue[kept:]
        del self._unit_costs[kept:]
        return [by_id.pop(lot_id) for _, lot_id in places]

    def get(self, lot_id: str) -> Lot | None:
        """A lot at hand."""
        return self._by_id.get(lot_id)

    def find(
        self, lot_id: str, acquired_at: datetime, unit_cost: Callable[[], Decimal]
    ) -> Lot | None:
        """A lot, wherever it is; `unit_cost` tells that at its opening."""
        lot = self._by_id.get(lot_id)
        if lot is None and self.reserve:
            method = self._method
            rank = _rank(method, unit_cost()) if method.by_unit_cost else 0
            self._take_in(self.reserve.bring((rank, (acquired_at, lot_id))))
            lot = self._by_id.get(lot_id)
        return lot

    def put(self, lot: Lot) -> None:
        """Add a lot, or replace the one of the same id, which keeps its place."""
        lot_id = lot.lot_id
        before = self._by_id.get(lot_id)
        if before is None:
            self._enqueue(lot)
        self._by_id[lot_id] = lot
        self.touched.setdefault(lot_id, before)

    def remove(self, lot_id: str) -> Lot:
        """A lot at hand, as one is that was read or found."""
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
