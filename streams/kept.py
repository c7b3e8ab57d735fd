"""Holdings as they are kept between batches: decoded, with the pages that their lots lie in."""

from collections import OrderedDict
from collections.abc import Iterator

from calculator import Holding, Lot
from streams import state
from streams.pages import PagedLots, Sums, sums


class KeptHolding:
    """A holding with its place on disk.

    A holding of many lots keeps most of them in pages, so that an event rewrites the page it
    touched and not every lot.
    """

    __slots__ = ("_lots", "holding", "is_stored", "paged", "pages_end")

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self._lots = holding.lots  # those that the pages follow; a reset gives the holding others
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
        state.fill_lots(stored, [lot for lots in pages.values() for lot in lots])
        kept._lots = stored.holding.lots
        return kept

    def records(self, as_of: int) -> Iterator[tuple[bytes, bytes | None]]:
        """What to write of a changed holding, having asserted that it is conserved: what came in
        and did not go out is in the lots, to the last digit. The caller works in `EXACT`."""
        holding = self.holding
        lots = holding.lots
        ids = holding.portfolio_id, holding.security_id
        yield from self._pages_to_write(ids)
        if self.paged is None:
            inline = list(lots)
            self._assert_conserved(sums(inline))
        else:
            inline = list(self.paged.inline.values())
            assert len(self.paged) == len(lots), "each lot lies in one place"
            self._assert_conserved(self.paged.sums)
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

    def _pages_to_write(self, ids: tuple[str, str]) -> Iterator[tuple[bytes, bytes | None]]:
        lots = self.holding.lots
        if self._lots is not lots:
            if self.paged is not None:
                yield from ((state.page_key(*ids, page), None) for page in self.paged.pages)
            self._lots, self.paged = lots, None
        if self.paged is None and len(lots) > state.INLINE_MAX:
            self.paged = PagedLots(self.pages_end, lots)
            lots.touched.clear()
        if self.paged is not None:
            for page, value in self.paged.follow(lots):
                yield state.page_key(*ids, page), value
            self.pages_end = self.paged.end

    def _assert_conserved(self, total: Sums) -> None:
        quantity, cost, cost_local = total
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
