"""The open lots of one holding, kept in the order in which they would be relieved."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Any

from calculator.lot import Lot
from calculator.relief import ReliefMethod


class OpenLots:
    """Lots by id and in order of relief. Reading the first lots never looks at the others."""

    __slots__ = ("_by_id", "_method", "_queue", "touched")

    def __init__(self, method: ReliefMethod, lots: Iterable[Lot] = ()) -> None:
        self._method = method
        self._by_id = {lot.lot_id: lot for lot in lots}
        # Sorted by a key that ends in (acquired_at, lot_id), so ties go to the oldest.
        self._queue: list[Any] = sorted(map(self._key, self._by_id.values()))
        self.touched: set[str] = set()  # ids put or removed since a store last emptied it

    def _key(self, lot: Lot) -> tuple[Any, ...]:
        method = self._method
        if not method.by_unit_cost:
            return (lot.acquired_at, lot.lot_id)
        unit_cost = -lot.unit_cost if method.highest_first else lot.unit_cost
        return (unit_cost, lot.acquired_at, lot.lot_id)

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[Lot]:
        by_id = self._by_id
        queue = reversed(self._queue) if self._method.newest_first else self._queue
        return (by_id[key[-1]] for key in queue)

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
        if lot.lot_id not in self._by_id:
            key, queue = self._key(lot), self._queue
            if not queue or queue[-1] < key:
                queue.append(key)
            else:
                insort(queue, key)
        self._by_id[lot.lot_id] = lot
        self.touched.add(lot.lot_id)

    def remove(self, lot_id: str) -> Lot:
        lot = self._by_id.pop(lot_id)
        queue = self._queue
        key = self._key(lot)
        # Relief takes from one end, so the search is rarely needed.
        if queue[-1] == key:
            queue.pop()
        elif queue[0] == key:
            del queue[0]
        else:
            del queue[bisect_left(queue, key)]
        self.touched.add(lot_id)
        return lot
