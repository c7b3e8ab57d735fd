"""Holdings as they are kept between batches: decoded, with the pages that their lots lie in."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from calculator import Holding, Lot, OpenLots
from streams import state
from streams.pages import PagedLots

_NOTHING = Decimal(0), Decimal(0), Decimal(0)
Sums = tuple[Decimal, Decimal, Decimal]


def sums(lots: Iterable[Lot]) -> Sums:
    """(quantity, cost, cost_local) of lots. The caller works in `EXACT`."""
    quantity, cost, cost_local = _NOTHING
    for lot in lots:
        quantity += lot.quantity
        cost += lot.cost
        cost_local += lot.cost_local
    return quantity, cost, cost_local


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


class KeptHolding:
    """A holding with its place on disk.

    A holding of many lots keeps most of them in pages, so that an event rewrites the page it
    touched and not every lot.
    """

    __slots__ = ("_lots", "_sums", "holding", "is_stored", "paged", "pages_end")

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self._lots = holding.lots  # those that are followed; a reset gives the holding others
        self._sums = _NOTHING  # of these, when they were last written
        self.is_stored = False
        self.paged: PagedLots | None = None  # None: all lots lie inline
        self.pages_end = 0  # of all pages that there ever were

    @classmethod
    def of(cls, stored: state.StoredHolding, pages: dict[int, list[Lot]]) -> "KeptHolding":
        """The caller works in `EXACT`."""
        kept = cls(stored.holding)
        kept.is_stored = True
        kept.pages_end = stored.pages_end
        if pages:
            kept.paged = PagedLots(stored.pages_end, stored.inline, pages)
        in_pages = [lot for lots in pages.values() for lot in lots]
        state.fill_lots(stored, in_pages)
        kept._lots = stored.holding.lots
        assert len(kept._lots) == len(stored.inline) + len(in_pages), "each lot lies in one place"
        kept._sums = sums(kept._lots)
        return kept

    def records(self, as_of: int) -> Iterator[tuple[bytes, bytes | None]]:
        """What to write of a changed holding, having asserted that it is conserved: what came in
        and did not go out is in the lots, to the last digit. All lots are added up when they are
        read; after that, what the batch did to some is. The caller works in `EXACT`."""
        holding = self.holding
        lots = holding.lots
        ids = holding.portfolio_id, holding.security_id
        if self._lots is not lots:
            yield from self._forget_pages(ids)
        self._sums = sums_now(self._sums, lots)
        self._assert_conserved()
        inline: Iterable[Lot] = lots.in_any_order()
        if self.paged is not None or len(lots) > state.INLINE_MAX:
            yield from self._pages_to_write(ids)
            assert self.paged is not None
            inline = self.paged.inline.values()
            assert len(self.paged) == len(lots), "each lot lies in one place"
            if not self.paged.pages:
                self.paged = None
        lots.touched.clear()
        if holding.journalled or not holding.is_settled:
            yield (
                state.holding_key(*ids),
                state.encode_holding(holding, as_of, self.pages_end, inline),
            )
        elif self.is_stored:
            yield state.holding_key(*ids), None
        self.is_stored = True

    def _forget_pages(self, ids: tuple[str, str]) -> Iterator[tuple[bytes, None]]:
        """Of the lots that there were before a reset."""
        if self.paged is not None:
            yield from ((state.page_key(*ids, page), None) for page in self.paged.pages)
        self._lots, self._sums, self.paged = self.holding.lots, _NOTHING, None

    def _pages_to_write(self, ids: tuple[str, str]) -> Iterator[tuple[bytes, bytes | None]]:
        lots = self.holding.lots
        if self.paged is None:
            self.paged = PagedLots(self.pages_end, lots)
            lots.touched.clear()
        for page, value in self.paged.follow(lots):
            yield state.page_key(*ids, page), value
        self.pages_end = self.paged.end

    def _assert_conserved(self) -> None:
        quantity, cost, cost_local = self._sums
        holding = self.holding
        assert quantity == holding.quantity, "quantity is conserved"
        assert cost == holding.cost, "cost is conserved"
        assert cost_local == holding.cost_local, "local cost is conserved"


class HoldingCache:
    """The holdings used last, bounded by the number of lots they hold. The last one stays, however
    many it holds: read anew for each batch, it would cost what all its lots cost."""

    def __init__(self, lots_max: int) -> None:
        self._lots_max = lots_max
        self._kept: OrderedDict[tuple[str, str], tuple[KeptHolding, int]] = OrderedDict()
        self.lots = 0  # open lots cached, each holding counted as one more

    def get(self, key: tuple[str, str]) -> KeptHolding | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: tuple[str, str], kept: KeptHolding) -> None:
        self.drop(key)
        size = len(kept.holding.lots) + 1
        self._kept[key] = kept, size
        self.lots += size
        while self.lots > self._lots_max and len(self._kept) > 1:
            _, (_, size) = self._kept.popitem(last=False)
            self.lots -= size

    def drop(self, key: tuple[str, str]) -> None:
        _, size = self._kept.pop(key, (None, 0))
        self.lots -= size
