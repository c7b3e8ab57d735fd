"""A ledger over the tables of one partition, written after each batch."""

from collections.abc import Iterator
from decimal import localcontext

from calculator import EXACT, FxRate, Ledger, Lot, Portfolio, Rates, ReliefMethod, Source
from streams import state
from streams.journal import Changes, StateJournal
from streams.pages import open_pages
from streams.reading import keys_with
from streams.tables import Table
from tests.calculator.trading import Classed, Event, take_classed
from tests.streams.memory import MemoryTable

SOURCE = Source("raw_transactions", 0, 0)
AnyTable = Table | MemoryTable


class Books:
    def __init__(
        self,
        table: AnyTable,
        *,
        lots_max: int = 100_000,
        method: ReliefMethod = ReliefMethod.FIFO,
        rates: Rates | None = None,
    ) -> None:
        self.table = table
        self.cash_securities = set[str]()  # read again after a restart, as rates are
        self._classed = dict[str, int]()
        self.rates = Rates() if rates is None else rates  # read again after a restart
        self.as_of = 0
        self._lots_max = lots_max
        self._method = method
        self.reload()

    def reload(self) -> None:
        """As after a restart: only what is on disk is left."""
        self.journal = StateJournal(self.table, self._lots_max)
        self.ledger = Ledger(self.journal, self._method, self.rates, self.cash_securities)

    def book(self, *events: Event, steps: int | None = None) -> Changes:
        """One batch; its changes are in the table already."""
        self.as_of += 1
        with localcontext(EXACT):
            for event in events:
                match event:
                    case Portfolio():
                        self.ledger.take_portfolio(event)
                    case FxRate():
                        self.ledger.take_rate(event)
                    case Classed():
                        take_classed(self.ledger, event, self._classed)
                    case _:
                        self.ledger.take(event, SOURCE)
            changes = self.journal.collect(self.ledger.settle(steps), self.as_of)
        self.table.write([*changes.changelog, *changes.local])
        return changes

    def settle(self) -> None:
        """Let every re-booking come to its end."""
        while self.has_work:
            self.book(steps=1_000)

    @property
    def has_work(self) -> bool:
        """Whether a re-booking waits."""
        journal = self.journal
        walks = journal.walks or journal.rate_uses.walks or journal.holders.walks
        return bool(journal.unsettled or walks)

    # -- what is on disk

    def stored(self) -> state.StoredHolding:
        value = self.table.get(state.holding_key("P", "S"))
        assert isinstance(value, bytes)
        return state.decode_holding("P", "S", value)

    def pages(self) -> dict[bytes, list[Lot]]:
        """By key."""
        keys = list(keys_with(self.table, state.page_prefix("P", "S")))
        return {key: state.decode_page(value) for key, value in self._values(keys)}

    def _values(self, keys: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
        for key in keys:
            value = self.table.get(key)
            assert isinstance(value, bytes)
            yield key, value

    def lots(self) -> list[Lot]:
        """The lots of the holding in order of relief, read from disk."""
        stored = self.stored()
        open_pages(self.table, stored)
        with localcontext(EXACT):
            return list(stored.holding.lots)

    def keys(self, kind: bytes) -> list[bytes]:
        return list(keys_with(self.table, kind))


def pages_in(changes: Changes) -> dict[bytes, bytes | None]:
    """The pages that a batch wrote or removed, by key."""
    written = [(key, value) for key, value in changes.changelog if key.startswith(b"l")]
    pages = dict(written)
    assert len(pages) == len(written), "no page is written twice"
    return pages
