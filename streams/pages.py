"""The lots of a large holding that do not lie in its record: in pages, read when they are needed.

A page is written once, with lots that follow each other in the order of relief, and removed as a
whole when its first lot may be relieved, or one of its lots is asked for: its lots lie in the
record then, until it is full again. Its key names the places of its first and last lot. Pages may
overlap, because whatever the record has too much of makes a page of its own; the one with the lowest
key holds the lot that comes first. So an event costs the lots it takes, however many there are.
"""

from bisect import insort
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from calculator import Lot, Place, ReliefMethod, place_of
from streams import state
from streams.sums import sums

_AHEAD = 16  # keys that are looked up at a time, as most of it is to find the first of them


class Pages(Protocol):
    """What is read of RocksDB: a database or a snapshot of one."""

    def get(self, key: Any) -> Any: ...
    def keys(self, from_key: bytes, *, backwards: bool = False) -> Iterator[bytes]: ...


class PagedLots:
    """A `calculator.Reserve`. Reads what was written; what it does itself is handed over by
    `records`, which has to be written before the next use. The caller works in `EXACT`."""

    def __init__(
        self, db: Pages, prefix: bytes, method: ReliefMethod, paged: state.Paged = state.NOT_PAGED
    ) -> None:
        self._db, self._prefix, self._method = db, prefix, method
        self.paged = paged
        self._gone: set[bytes] = set()
        self._new: dict[bytes, bytes] = {}
        self._ahead: list[bytes] = []  # the keys of all pages up to
        self._looked_up_to = prefix
        self._first: Place | None = None  # of the lowest of these pages, once it was asked for
        self._all: dict[bytes, list[Place]] | None = None

    def __len__(self) -> int:
        return self.paged.lots

    # -- reading

    def first(self) -> Place | None:
        if self._first is None and self.paged.lots:
            if not self._ahead:
                self._ahead = list(islice(self._keys(self._looked_up_to), _AHEAD))
                assert self._ahead, "each lot lies in one place"
                self._looked_up_to = self._ahead[-1]
            self._first = self._places(self._ahead[0])[0]
        return self._first

    def _keys(self, from_key: bytes) -> Iterator[bytes]:
        for key in self._db.keys(from_key):
            if not key.startswith(self._prefix):
                return
            if key not in self._gone:
                yield key

    def _places(self, key: bytes) -> list[Place]:
        """Of the first and of the last lot of a page."""
        return state.decode_places(self._method, key[len(self._prefix) :])

    def bring_first(self) -> list[Lot]:
        assert self.first() is not None
        return self._bring(self._ahead[0], self._read(self._ahead[0]))

    def bring(self, place: Place) -> list[Lot]:
        if self._all is None:
            self._all = {key: self._places(key) for key in self._keys(self._prefix)}
        for key, (first, last) in self._all.items():
            # Places descend where the newest is taken first.
            if first <= place <= last or first >= place >= last:
                lots = self._read(key)
                if any(lot.lot_id == place[1][1] for lot in lots):
                    return self._bring(key, lots)
        return []

    def _read(self, key: bytes) -> list[Lot]:
        value = self._db.get(key)
        assert value is not None, "each lot lies in one place"
        return state.decode_page(value)

    def _bring(self, key: bytes, lots: list[Lot]) -> list[Lot]:
        self._gone.add(key)
        if self._all is not None:
            del self._all[key]
        if key in self._ahead:
            self._ahead.remove(key)
        self._first = None
        self._count(lots, -1)
        return lots

    def _count(self, lots: Sequence[Lot], sign: int) -> None:
        count, quantity, cost, cost_local = self.paged
        more_quantity, more_cost, more_cost_local = sums(lots)
        self.paged = state.Paged(
            count + sign * len(lots),
            quantity + sign * more_quantity,
            cost + sign * more_cost,
            cost_local + sign * more_cost_local,
        )
        is_possible = self.paged.lots > 0 or self.paged == state.NOT_PAGED
        assert is_possible, "the pages hold what was put into them"

    # -- writing

    def put(self, lots: Sequence[Lot]) -> None:
        """Put lots that come in order of relief into pages."""
        for start in range(0, len(lots), state.PAGE_SIZE):
            page = lots[start : start + state.PAGE_SIZE]
            first, last = (place_of(self._method, lot) for lot in (page[0], page[-1]))
            places = (state.encode_place(self._method, place) for place in (first, last))
            key = self._prefix + b"".join(places)
            self._new[key] = state.encode_page(page)
            if key < self._looked_up_to:
                insort(self._ahead, key)
                self._first = None
            self._count(page, 1)

    def start_anew(self, method: ReliefMethod) -> None:
        """Forget all lots."""
        self._gone.update(self._keys(self._prefix))
        self._method, self.paged = method, state.NOT_PAGED
        self._ahead, self._first, self._looked_up_to, self._all = [], None, self._prefix, None

    def records(self) -> Iterator[tuple[bytes, bytes | None]]:
        """What to write: pages that went and pages that came."""
        if not (self._gone or self._new or self._all):
            return  # as in most batches
        yield from ((key, None) for key in sorted(self._gone - self._new.keys()))
        yield from self._new.items()
        self._gone, self._new, self._all = set(), {}, None


def open_pages(db: Pages, stored: state.StoredHolding) -> PagedLots:
    """Let a holding that was read find all its lots."""
    holding = stored.holding
    prefix = state.page_prefix(holding.portfolio_id, holding.security_id)
    pages = PagedLots(db, prefix, holding.method, stored.paged)
    holding.lots.reserve = pages
    return pages
