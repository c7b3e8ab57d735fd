"""The journal: every transaction of a portfolio with what became of it, and where it is kept."""

from bisect import bisect_left, insort
from decimal import Decimal
from typing import NamedTuple, Protocol

from calculator.booked import Booked
from calculator.holders import Holders, MemoryHolders
from calculator.holding import Holding
from calculator.portfolio import Portfolio
from calculator.rate_uses import MemoryRateUses, RateUses
from calculator.rates import Pair
from calculator.rejection import Rejection, Status
from calculator.transaction import Cancellation, Order, Transaction


class Source(NamedTuple):
    """Where a transaction came from: a Kafka record."""

    topic: str
    partition: int
    offset: int


class Entry:
    """The newest version of a transaction and what became of it.

    `outcome` is None until the entry is booked for the first time. While the holding is being
    re-booked it is the outcome of before, to compare with.
    """

    __slots__ = (
        "applied_fx_rate",
        "as_of",
        "base_currency",
        "content",
        "is_new",
        "outcome",
        "source",
    )

    def __init__(
        self,
        content: Transaction | Cancellation,
        source: Source | None = None,
        outcome: Booked | Rejection | None = None,
        base_currency: str | None = None,
        as_of: int = 0,
        is_new: bool = False,
        applied_fx_rate: Decimal | None = None,
    ) -> None:
        self.content = content
        self.source = source
        self.outcome = outcome
        self.base_currency = base_currency  # that the outcome was booked in
        # Base currency per unit of the trade currency: the one found among the known rates where
        # the transaction needed one and brought none, whatever became of it.
        self.applied_fx_rate = applied_fx_rate
        self.as_of = as_of  # of the batch that the outcome came from
        self.is_new = is_new  # the first of its identity, and never published

    @property
    def status(self) -> Status | None:
        """None while the entry waits to be booked for the first time."""
        if isinstance(self.content, Cancellation):
            return Status.CANCELLED
        match self.outcome:
            case Booked():
                return Status.BOOKED
            case Rejection() as rejection:
                return rejection.status
            case None:
                return None

    @property
    def rate_pair(self) -> Pair | None:
        """Of which currencies a rate was, or is to be, found for the outcome; None: of none."""
        content, base_currency = self.content, self.base_currency
        if (
            base_currency is None
            or not isinstance(content, Transaction)
            or content.trade_currency == base_currency
            or (self.applied_fx_rate is None and self.status is not Status.PENDING)
        ):
            return None
        return content.trade_currency, base_currency


class Journal(Protocol):
    """Where a ledger keeps its entries and holdings: in memory, or in a worker's tables.

    Entries are found by identity and, within a holding, by booking order. `replaced` entries are
    earlier versions whose effect is still in the lots; each keeps its place in the order until it
    is taken back.
    """

    unsettled: dict[tuple[str, str], None]
    """(portfolio_id, security_id) of holdings that are not settled, oldest first."""

    walks: dict[str, str]
    """portfolio_id -> security_id up to which its holdings were met after a changed record."""

    @property
    def rate_uses(self) -> RateUses: ...

    @property
    def holders(self) -> Holders: ...

    def portfolio(self, portfolio_id: str) -> Portfolio | None: ...
    def put_portfolio(self, portfolio: Portfolio) -> None: ...
    def put_walk(self, portfolio_id: str, after: str | None) -> None: ...
    def securities(self, portfolio_id: str, after: str, limit: int) -> list[str]: ...

    def holding(self, portfolio_id: str, security_id: str) -> Holding | None:
        """The live object; the ledger changes it and says so with `put_holding`."""

    def put_holding(self, holding: Holding) -> None: ...

    def entry(self, portfolio_id: str, transaction_id: str) -> Entry | None: ...
    def put_entry(self, entry: Entry) -> None: ...

    def link(self, holding: Holding, order: Order) -> None:
        """Give an entry its place in the holding's booking order."""

    def unlink(self, holding: Holding, order: Order) -> None: ...

    def orders_from(self, holding: Holding, first: Order, limit: int) -> list[Order]:
        """Up to `limit` places at or above `first`, lowest first."""

    def orders_below(self, holding: Holding, end: Order | None, limit: int) -> list[Order]:
        """Up to `limit` places below `end` (None: all), highest first."""

    def replaced(self, holding: Holding, order: Order) -> Entry | None: ...
    def put_replaced(self, holding: Holding, entry: Entry) -> None: ...
    def drop_replaced(self, holding: Holding, order: Order) -> None: ...
    def replaced_orders(self, holding: Holding) -> list[Order]: ...


class MemoryJournal:
    """A journal in plain dictionaries."""

    def __init__(self) -> None:
        self.unsettled: dict[tuple[str, str], None] = {}
        self.walks: dict[str, str] = {}
        self.rate_uses = MemoryRateUses()
        self.holders = MemoryHolders()
        self.entries: dict[tuple[str, str], Entry] = {}
        self.holdings: dict[tuple[str, str], Holding] = {}
        self.portfolios: dict[str, Portfolio] = {}
        self._orders: dict[tuple[str, str], list[Order]] = {}
        self._replaced: dict[tuple[str, str], dict[Order, Entry]] = {}

    def portfolio(self, portfolio_id: str) -> Portfolio | None:
        return self.portfolios.get(portfolio_id)

    def put_portfolio(self, portfolio: Portfolio) -> None:
        self.portfolios[portfolio.portfolio_id] = portfolio

    def put_walk(self, portfolio_id: str, after: str | None) -> None:
        if after is None:
            del self.walks[portfolio_id]
        else:
            self.walks[portfolio_id] = after

    def securities(self, portfolio_id: str, after: str, limit: int) -> list[str]:
        held = sorted(s for p, s in self.holdings if p == portfolio_id and s > after)
        return held[:limit]

    def holding(self, portfolio_id: str, security_id: str) -> Holding | None:
        return self.holdings.get((portfolio_id, security_id))

    def put_holding(self, holding: Holding) -> None:
        holding.assert_conserved()
        holding.lots.touched.clear()
        key = holding.portfolio_id, holding.security_id
        if holding.is_settled:
            self.unsettled.pop(key, None)
        else:
            self.unsettled[key] = None
        if holding.journalled or not holding.is_settled:
            self.holdings[key] = holding
            self.holders.put(*key)
        elif self.holdings.pop(key, None) is not None:
            self.holders.drop(*key)

    def entry(self, portfolio_id: str, transaction_id: str) -> Entry | None:
        return self.entries.get((portfolio_id, transaction_id))

    def put_entry(self, entry: Entry) -> None:
        self.entries[entry.content.portfolio_id, entry.content.transaction_id] = entry

    def _orders_of(self, holding: Holding) -> list[Order]:
        return self._orders.setdefault((holding.portfolio_id, holding.security_id), [])

    def link(self, holding: Holding, order: Order) -> None:
        orders = self._orders_of(holding)
        if not orders or orders[-1] < order:
            orders.append(order)
        elif orders[bisect_left(orders, order)] != order:
            insort(orders, order)

    def unlink(self, holding: Holding, order: Order) -> None:
        orders = self._orders_of(holding)
        del orders[bisect_left(orders, order)]

    def orders_from(self, holding: Holding, first: Order, limit: int) -> list[Order]:
        orders = self._orders_of(holding)
        start = bisect_left(orders, first)
        return orders[start : start + limit]

    def orders_below(self, holding: Holding, end: Order | None, limit: int) -> list[Order]:
        orders = self._orders_of(holding)
        stop = len(orders) if end is None else bisect_left(orders, end)
        return orders[max(stop - limit, 0) : stop][::-1]

    def replaced(self, holding: Holding, order: Order) -> Entry | None:
        return self._replaced_of(holding).get(order)

    def _replaced_of(self, holding: Holding) -> dict[Order, Entry]:
        return self._replaced.setdefault((holding.portfolio_id, holding.security_id), {})

    def put_replaced(self, holding: Holding, entry: Entry) -> None:
        assert isinstance(entry.content, Transaction)
        self._replaced_of(holding)[entry.content.order] = entry

    def drop_replaced(self, holding: Holding, order: Order) -> None:
        del self._replaced_of(holding)[order]

    def replaced_orders(self, holding: Holding) -> list[Order]:
        return list(self._replaced_of(holding))
