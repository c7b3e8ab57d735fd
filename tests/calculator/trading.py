"""Short ways to write down what happened, and to show the books that came of it."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from calculator import (
    EXACT,
    Booked,
    Cancellation,
    CashManagement,
    FxRate,
    Holding,
    Ledger,
    Lot,
    MemoryJournal,
    Pair,
    Portfolio,
    RateUse,
    Rejection,
    ReliefMethod,
    Transaction,
    TransactionType,
    book,
    cause_of,
    plain,
)

METHODS = list(ReliefMethod)
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
TOTALS = (
    "method", "base_currency", "role", "generated", "trade_currency", "quantity", "cost", "cost_local",
    "realized_gain_loss", "realized_gain_loss_local", "booked", "increases", "journalled",
    "first_transaction_date", "last_transaction_date", "last",
)  # fmt: skip


class Classed(NamedTuple):
    """What a version of its instrument makes of a security."""

    security_id: str
    is_cash: bool = True
    version: int = 1


Event = Transaction | Cancellation | Portfolio | FxRate | Classed
_classed: WeakKeyDictionary[Ledger, dict[str, int]] = WeakKeyDictionary()


def on(day: int) -> datetime:
    return FIRST_DAY + timedelta(days=day)


def trade(
    transaction_id: str,
    transaction_type: str,
    day: int,
    quantity: str | int | None = None,
    price: str | int | None = None,
    *,
    amount: str | int | None = None,
    fee: str | int = 0,
    currency: str = "USD",
    fx_rate: str | None = None,
    security: str = "S",
    portfolio: str = "P",
    version: int = 1,
    settled_on: int | None = None,
) -> Transaction:
    def exact(text: str | int | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    return Transaction(
        transaction_id=transaction_id,
        portfolio_id=portfolio,
        security_id=security,
        transaction_type=TransactionType[transaction_type],
        transaction_date=on(day),
        settlement_date=None if settled_on is None else on(settled_on),
        trade_currency=currency,
        quantity=exact(quantity),
        price=exact(price),
        gross_transaction_amount=exact(amount),
        trade_fee=Decimal(fee),
        fx_rate=exact(fx_rate),
        version=version,
    )


def cancel(transaction_id: str, version: int = 2, portfolio: str = "P") -> Cancellation:
    return Cancellation(transaction_id=transaction_id, portfolio_id=portfolio, version=version)


def terms(
    method: str = "FIFO", base: str = "USD", version: int = 1, cash: str = "securities_only"
) -> Portfolio:
    return Portfolio(
        portfolio_id="P",
        base_currency=base,
        cost_basis_method=ReliefMethod(method),
        version=version,
        cash_management=CashManagement(cash),
    )


def rate(from_currency: str, to_currency: str, day: int, amount: str, version: int = 1) -> FxRate:
    return FxRate(
        from_currency=from_currency,
        to_currency=to_currency,
        rate_date=on(day).date(),
        rate=Decimal(amount),
        version=version,
    )


def take(ledger: Ledger, *events: Event) -> None:
    for event in events:
        match event:
            case Portfolio():
                ledger.take_portfolio(event)
            case FxRate():
                ledger.take_rate(event)
            case Classed():
                take_classed(ledger, event, _classed.setdefault(ledger, {}))
            case _:
                ledger.take(event)


def take_classed(ledger: Ledger, event: Classed, versions: dict[str, int]) -> None:
    """Of each security the highest version counts, of two contents of one version the first.
    `versions` are those in force."""
    if event.version > versions.get(event.security_id, 0):
        versions[event.security_id] = event.version
        ledger.declare_cash(event.security_id, is_cash=event.is_cash)


def settled(*events: Event, method: str = "FIFO") -> Ledger:
    """A ledger that took everything in one batch."""
    ledger = Ledger(default_method=ReliefMethod(method))
    take(ledger, *events)
    ledger.settle()
    return ledger


def one_by_one(*events: Event, method: str = "FIFO") -> Ledger:
    """A ledger that settled after each event."""
    ledger = Ledger(default_method=ReliefMethod(method))
    for event in events:
        take(ledger, event)
        ledger.settle()
    return ledger


def holding_of(ledger: Ledger, security: str = "S", portfolio: str = "P") -> Holding:
    holding = ledger.journal.holding(portfolio, security)
    assert holding is not None
    return holding


def booked(ledger: Ledger, transaction_id: str, portfolio: str = "P") -> Booked:
    entry = ledger.journal.entry(portfolio, transaction_id)
    assert entry is not None
    assert isinstance(entry.outcome, Booked)
    return entry.outcome


def status(ledger: Ledger, transaction_id: str) -> str:
    entry = ledger.journal.entry("P", transaction_id)
    assert entry is not None
    return "waiting" if entry.status is None else entry.status.value


def lots_of(ledger: Ledger, security: str = "S") -> list[tuple[str, str, str]]:
    """(lot_id, quantity, cost) of the open lots in order of relief."""
    return shown_lots(holding_of(ledger, security).lots)


def shown_lots(lots: Iterable[Lot]) -> list[tuple[str, str, str]]:
    return [(lot.lot_id, plain(lot.quantity), plain(lot.cost)) for lot in lots]


def taken(outcome: Booked) -> list[tuple[str, str, str]]:
    """(lot_id, quantity, cost) of the disposals in order of relief."""
    return [(part.lot_id, plain(part.quantity), plain(part.cost)) for part in outcome.disposals]


def everything(ledger: Ledger) -> dict[str, Any]:
    """All that the books show, to compare two ledgers by."""
    journal = ledger.journal
    assert isinstance(journal, MemoryJournal)
    return {
        "results": {
            key: (
                entry.content,
                entry.status,
                entry.outcome,
                entry.base_currency,
                entry.applied_fx_rate,
            )
            for key, entry in journal.entries.items()
            # Whether there ever was a cash entry that is gone depends on the order of arrival.
            if not (isinstance(entry.content, Cancellation) and cause_of(key[1]))
        },
        "holdings": {
            key: {
                **{name: getattr(holding, name) for name in TOTALS},
                "is_settled": holding.is_settled,
                "lots": [asdict(lot) | {"encoded": None} for lot in holding.lots],
            }
            for key, holding in journal.holdings.items()
        },
        "unsettled": dict(journal.unsettled),
        "walks": dict(journal.walks),
        "rate_uses": uses_of(journal),
        "rate_walks": dict(journal.rate_uses.walks),
        "cash_walks": dict(journal.holders.walks),
    }


def uses_of(journal: MemoryJournal) -> dict[tuple[Pair, RateUse], Decimal | None]:
    """The whole index of rates applied and awaited."""
    uses, found = journal.rate_uses, {}
    for pair in uses.pairs:
        day = uses.next_day(pair, date.min)
        while day is not None:
            found.update({(pair, use): rate for use, rate in uses.of(pair, day, None, 10**6)})
            day = uses.next_day(pair, day + timedelta(days=1))
    return found


def a_holding(
    *lots: Lot, method: str = "FIFO", base: str | None = None, currency: str | None = "USD"
) -> Holding:
    """A holding that shows these lots, however it came by them."""
    holding = Holding("P", "S", ReliefMethod(method), base)
    holding.trade_currency = currency
    with localcontext(EXACT):
        for lot in lots:
            holding.lots.put(lot)
            holding.quantity += lot.quantity
            holding.cost += lot.cost
            holding.cost_local += lot.cost_local
    return holding


def a_lot(
    lot_id: str, day: int, quantity: str, cost: str, cost_local: str | None = None,
    unit_cost: str = "0",
) -> Lot:  # fmt: skip
    return Lot(
        lot_id, on(day), Decimal(quantity), Decimal(cost_local or cost), Decimal(cost),
        Decimal(unit_cost),
    )  # fmt: skip


def book_on(holding: Holding, transaction: Transaction) -> Booked:
    outcome = book(holding, holding.lots, transaction)
    assert isinstance(outcome, Booked), outcome
    return outcome


def refused(holding: Holding, transaction: Transaction) -> Rejection:
    outcome = book(holding, holding.lots, transaction)
    assert isinstance(outcome, Rejection), outcome
    return outcome
