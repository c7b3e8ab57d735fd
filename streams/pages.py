"""The lots of a large holding as they lie on disk: some inline in its record, most in pages.

A page is kept as it is written, so that a lot that changes or goes costs itself and the copy of a
kilobyte. To look at the other lots, each somewhere else in memory, would cost far more.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from calculator import Lot, OpenLots
from streams import state


class PagedLots:
    """A lot stays in the page that it was put in."""

    __slots__ = ("_page_of", "_pages", "end", "inline")

    def __init__(
        self, end: int, inline: Iterable[Lot], pages: Mapping[int, Sequence[Lot]] | None = None
    ) -> None:
        self.end = end  # pages are numbered from 0; those that are empty do not exist
        self.inline = {lot.lot_id: lot for lot in inline}
        self._page_of: dict[str, int] = {}
        self._pages: dict[int, bytes] = {}
        for page, lots in (pages or {}).items():
            self._put(page, lots)

    def __len__(self) -> int:
        return len(self.inline) + len(self._page_of)

    @property
    def pages(self) -> Collection[int]:
        return self._pages.keys()

    def _put(self, page: int, lots: Sequence[Lot]) -> None:
        self._pages[page] = state.encode_page(lots)
        for lot in lots:
            self._page_of[lot.lot_id] = page

    def follow(self, lots: OpenLots) -> Iterator[tuple[int, bytes | None]]:
        """Do what happened to the lots since they were last written; yield the pages that changed
        as they are to be written, None where one is empty, which ends it."""
        changed = set(self._follow(lots))
        if len(self.inline) > state.INLINE_MAX:
            changed.update(self._move(lots.in_relief_order(self.inline)))
        for page in changed:
            if state.is_empty_page(self._pages[page]):
                del self._pages[page]
            yield page, self._pages.get(page)

    def _follow(self, lots: OpenLots) -> Iterator[int]:
        for lot_id, before in lots.touched.items():
            lot = lots.get(lot_id)
            if before is not None and lot_id in self._page_of:
                yield self._replace(before, lot)
            elif lot is not None:
                self.inline[lot_id] = lot
            elif before is not None:
                del self.inline[lot_id]

    def _replace(self, before: Lot, after: Lot | None) -> int:
        page = self._page_of[before.lot_id]
        self._pages[page] = state.page_with(self._pages[page], before, after)
        if after is None:
            del self._page_of[before.lot_id]
        return page

    def _move(self, order: Sequence[Lot]) -> Iterator[int]:
        """Leave a third of what may lie inline, and put the others into whole pages: those that are
        relieved last, which lie still the longest."""
        size = state.PAGE_SIZE
        for end in range(len(order), state.INLINE_MAX // 3 + size - 1, -size):
            moved = order[end - size : end]
            for lot in moved:
                del self.inline[lot.lot_id]
            page, self.end = self.end, self.end + 1
            self._put(page, moved)
            yield page
