"""Holdings as they are kept between batches: decoded, with the pages that their lots lie in."""

from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal

from calculator import Holding, Lot
from streams import state

ZERO = Decimal(0)
Sums = tuple[Decimal, Decimal, Decimal]
_NOTHING: Sums = (ZERO, ZERO, ZERO)


def sums(lots: list[Lot]) -> Sums:
    """(quantity, cost, cost_local) of lots. The caller works in `EXACT`."""
    quantity = cost = cost_local = ZERO
    for lot in lots:
        quantity += lot.quantity
        cost += lot.cost
        cost_local += lot.cost_local
    return quantity, cost, cost_local


class KeptHolding:
    """A holding with its place on disk.

    A holding of many lots keeps most of them in pages, so that an event rewrites the page it
    touched and not every lot. A lot stays in the page that it was put in.
    """

    __slots__ = (
        "_lots",
        "holding",
        "inline",
        "is_stored",
        "page_of",
        "page_sums",
        "paged",
        "pages",
        "pages_end",
    )

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self._lots = holding.lots  # those that the pages follow; a reset gives the holding others
        self.is_stored = False
        self.pages_end = 0
        self.inline: dict[str, None] = {}  # lot ids; only kept up once there are pages
        self.pages: dict[int, set[str]] = {}
        self.page_of: dict[str, int] = {}
        self.page_sums: dict[int, Sums] = {}
        self.paged = _NOTHING  # over all pages, so that a batch adds up what it changed alone

    @classmethod
    def of(cls, stored: state.StoredHolding, pages: dict[int, list[Lot]]) -> "KeptHolding":
        kept = cls(stored.holding)
        kept.is_stored = True
        kept.pages_end = stored.pages_end
        state.fill_lots(stored, [lot for lots in pages.values() for lot in lots])
        kept._lots = stored.holding.lots
        if pages:
            kept.inline = {lot.lot_id: None for lot in stored.inline}
        for page, lots in pages.items():
            kept._set_page(page, lots)
        return kept

    def _set_page(self, page: int, lots: list[Lot]) -> None:
        self.pages[page] = {lot.lot_id for lot in lots}
        self.page_of.update((lot.lot_id, page) for lot in lots)
        self._set_sums(page, lots)

    def _set_sums(self, page: int, lots: list[Lot]) -> None:
        before, after = self.page_sums.get(page, _NOTHING), sums(lots)
        self.page_sums[page] = after
        self.paged = (
            self.paged[0] + after[0] - before[0],
            self.paged[1] + after[1] - before[1],
            self.paged[2] + after[2] - before[2],
        )

    def records(self, as_of: int) -> Iterator[tuple[bytes, bytes | None]]:
        """What to write of a changed holding, having asserted that it is conserved: what came in
        and did not go out is in the lots, to the last digit. The caller works in `EXACT`."""
        holding = self.holding
        lots = holding.lots
        ids = holding.portfolio_id, holding.security_id
        if self._lots is not lots:
            yield from self._start_pages_anew()
            self._lots = lots
        if self.pages or len(lots) > state.INLINE_MAX:
            for page in self._move_lots():
                page_lots = [lot for i in self.pages[page] if (lot := lots.get(i))]
                assert len(page_lots) == len(self.pages[page]), "a page names open lots only"
                self._set_sums(page, page_lots)
                if page_lots:
                    yield state.page_key(*ids, page), state.encode_page(page_lots)
                else:
                    del self.pages[page], self.page_sums[page]
                    yield state.page_key(*ids, page), None
            inline = [lot for i in self.inline if (lot := lots.get(i))]
            assert len(inline) + len(self.page_of) == len(lots), "each lot lies in one place"
        else:
            inline = list(lots)
        lots.touched.clear()
        self._assert_conserved(inline)
        if holding.journalled or not holding.is_settled:
            yield (
                state.holding_key(*ids),
                state.encode_holding(holding, as_of, self.pages_end, inline),
            )
        elif self.is_stored:
            yield state.holding_key(*ids), None
        self.is_stored = True

    def _move_lots(self) -> set[int]:
        """Follow what happened to the lots since the last time; return the pages to rewrite."""
        lots, changed = self.holding.lots, set()
        if not self.pages:
            self.inline = {lot.lot_id: None for lot in lots}
            lots.touched.clear()
        for lot_id in lots.touched:
            page = self.page_of.get(lot_id)
            if page is not None:
                changed.add(page)
                if lots.get(lot_id) is None:
                    self.pages[page].discard(lot_id)
                    del self.page_of[lot_id]
            elif lots.get(lot_id) is None:
                self.inline.pop(lot_id, None)
            else:
                self.inline[lot_id] = None
        while len(self.inline) > state.INLINE_MAX:
            # Those relieved last lie still the longest.
            order = lots.in_relief_order(self.inline)
            page, self.pages_end = self.pages_end, self.pages_end + 1
            self._set_page(page, order[-state.PAGE_SIZE :])
            for lot_id in self.pages[page]:
                del self.inline[lot_id]
            changed.add(page)
        return changed

    def _assert_conserved(self, inline: list[Lot]) -> None:
        quantity, cost, cost_local = sums(inline)
        paged_quantity, paged_cost, paged_cost_local = self.paged
        holding = self.holding
        assert quantity + paged_quantity == holding.quantity, "quantity is conserved"
        assert cost + paged_cost == holding.cost, "cost is conserved"
        assert cost_local + paged_cost_local == holding.cost_local, "local cost is conserved"

    def _start_pages_anew(self) -> Iterator[tuple[bytes, None]]:
        for page in self.pages:
            key = state.page_key(self.holding.portfolio_id, self.holding.security_id, page)
            yield key, None
        self.pages, self.page_of, self.page_sums, self.inline = {}, {}, {}, {}
        self.paged = _NOTHING


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
