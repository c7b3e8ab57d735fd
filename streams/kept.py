"""What is kept between batches: holdings, decoded, with the lots at hand, and entries."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from calculator import Booked, Entry, Holding, OpenLots
from streams import state
from streams.pages import PagedLots, Pages, open_pages
from streams.sums import NOTHING, Sums, sums

_DISPOSALS_OF_AN_ENTRY = 3  # take as much memory
V = TypeVar("V")


def sums_now(before: Sums, lots: OpenLots) -> Sums:
    """The sums of these lots, by what they were before the lots were touched. The caller works in
    `EXACT`."""
    quantity, cost, cost_local = before
    for lot_id, old in lots.touched.items():
        new = lots.get(lot_id)
        if old is not None:
            quantity -= old.quantity
            cost -= old.cost
            cost_local -= old.cost_local
        if new is not None:
            quantity += new.quantity
            cost += new.cost
            cost_local += new.cost_local
    return quantity, cost, cost_local


def with_pages(at_hand: Sums, paged: state.Paged) -> Sums:
    quantity, cost, cost_local = at_hand
    return quantity + paged.quantity, cost + paged.cost, cost_local + paged.cost_local


class KeptHolding:
    """A holding with its place on disk.

    A holding of many lots has most of them in pages, which are read when they are needed: neither
    memory nor the cost of an event grows with them.
    """

    __slots__ = ("_db", "_lots", "_pages", "_sums", "holding", "is_stored")

    def __init__(self, db: Pages, holding: Holding) -> None:
        self.holding = holding
        self._pages: PagedLots | None = None  # None: there were never any
        self._db = db
        self._lots = holding.lots  # those that are followed; a reset gives the holding others
        self._sums = NOTHING  # of these, when they were last written
        self.is_stored = False

    @classmethod
    def of(cls, db: Pages, stored: state.StoredHolding) -> "KeptHolding":
        """The caller works in `EXACT`."""
        kept = cls(db, stored.holding)
        kept.is_stored = True
        kept._sums = sums(kept._lots.at_hand)
        if stored.paged.lots:
            kept._pages = open_pages(db, stored)
            kept._sums = with_pages(kept._sums, stored.paged)
        return kept

    @property
    def lots_at_hand(self) -> int:
        return len(self.holding.lots.at_hand)

    def records(self, as_of: int) -> Iterator[tuple[bytes, bytes | None]]:
        """What to write of a changed holding, having asserted that it is conserved: what came in
        and did not go out is in the lots, to the last digit. The lots at hand are added up when they
        are read, pages when they come and go; after that, what the batch did to some lots is. The
        caller works in `EXACT`."""
        holding = self.holding
        lots = holding.lots
        ids = holding.portfolio_id, holding.security_id
        if self._lots is not lots:
            self._forget_lots()
        self._sums = sums_now(self._sums, lots)
        self._assert_conserved()
        has_pages = self._pages is not None and len(self._pages) > 0
        if self.lots_at_hand > (state.INLINE_BESIDE_PAGES_MAX if has_pages else state.INLINE_MAX):
            self._put_away()
        if self._pages is not None:
            yield from self._pages.records()
        lots.touched.clear()
        if holding.journalled or not holding.is_settled:
            paged = state.NOT_PAGED if self._pages is None else self._pages.paged
            yield state.holding_key(*ids), state.encode_holding(holding, as_of, paged)
        elif self.is_stored:
            yield state.holding_key(*ids), None
        self.is_stored = True

    def _forget_lots(self) -> None:
        """Those that there were before a reset."""
        self._lots, self._sums = self.holding.lots, NOTHING
        if self._pages is not None:
            self._pages.start_anew(self.holding.method)
            self._lots.reserve = self._pages

    def _put_away(self) -> None:
        """Leave a third of what may lie inline beside pages, and put the others into whole ones:
        those that are relieved last, which lie still the longest."""
        holding = self.holding
        if self._pages is None:
            self._pages = open_pages(self._db, state.StoredHolding(holding, 0, state.NOT_PAGED))
        spare = self.lots_at_hand - state.INLINE_BESIDE_PAGES_MAX // 3
        kept = self.lots_at_hand - spare // state.PAGE_SIZE * state.PAGE_SIZE
        self._pages.put(holding.lots.put_away(kept))

    def _assert_conserved(self) -> None:
        quantity, cost, cost_local = self._sums
        holding = self.holding
        assert quantity == holding.quantity, "quantity is conserved"
        assert cost == holding.cost, "cost is conserved"
        assert cost_local == holding.cost_local, "local cost is conserved"


def size_of_holding(kept: KeptHolding) -> int:
    """In lots at hand; the holding itself counts as one."""
    return kept.lots_at_hand + 1


def size_of_entry(entry: Entry) -> int:
    """In disposals; the entry itself counts as some."""
    disposals = entry.outcome.disposals if isinstance(entry.outcome, Booked) else ()
    return _DISPOSALS_OF_AN_ENTRY + len(disposals)


class Cache(Generic[V]):
    """The values used last, bounded by their sizes together: each as large as it was when it was
    put. One that is larger alone is not kept."""

    def __init__(self, size_max: int, size_of: Callable[[V], int]) -> None:
        self._size_max = size_max
        self._size_of = size_of
        self._kept: OrderedDict[tuple[str, str], tuple[V, int]] = OrderedDict()
        self.size = 0

    def get(self, key: tuple[str, str]) -> V | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: tuple[str, str], value: V) -> None:
        self.drop(key)
        size = self._size_of(value)
        if size > self._size_max:
            return
        self._kept[key] = value, size
        self.size += size
        while self.size > self._size_max:
            _, (_, size) = self._kept.popitem(last=False)
            self.size -= size

    def drop(self, key: tuple[str, str]) -> None:
        _, size = self._kept.pop(key, (None, 0))
        self.size -= size

    def clear(self) -> None:
        self._kept.clear()
        self.size = 0
