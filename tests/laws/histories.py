"""Histories for Hypothesis: small and nasty, with few dates, few lots and every kind of change.

The profile is deterministic, so that a run says the same everywhere. To look for new
counterexamples, set HUNT=1: ten times the examples, and others each time.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from calculator import (
    CROSS_CURRENCY,
    MAX_AGE_DAYS,
    Cancellation,
    CashManagement,
    FxRate,
    Ledger,
    Portfolio,
    Rates,
    ReliefMethod,
    Transaction,
    TransactionType,
)
from tests.calculator.trading import Classed, Event, on, take

settings.register_profile(
    "laws",
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "hunt", settings.get_profile("laws"), max_examples=1000, derandomize=False
)
LAW = settings.get_profile("hunt" if os.environ.get("HUNT") else "laws")

QUANTITIES = ("1", "2", "3", "0.7", "7", "10", "0.000000000001", "3.333333333333")
AMOUNTS = ("0", "1", "10", "0.01", "99.999999999999", "7", "1000000")
FEES = ("0", "1", "0.05")
RATES = ("1", "1.1", "0.333333333333", "150.25")
# Two of them make another that rounds to nothing, or is too large to be one.
FX_RATES = ("1", "1.1", "0.9", "3", "150.25", "0.000000000001", "999999999.999999999999")
COMMON = (TransactionType.BUY, TransactionType.SELL)


class Batch(NamedTuple):
    """How many events are taken, and how many steps are then spent on them (None: all)."""

    events: int
    steps: int | None


class History(NamedTuple):
    """What happened, in which order and batches it came, under which settings."""

    events: list[Event]
    batches: list[Batch]
    method: ReliefMethod
    cross_currency: str | None = CROSS_CURRENCY
    max_age_days: int = MAX_AGE_DAYS

    def ledger(self) -> Ledger:
        """A new one under the settings."""
        return Ledger(
            default_method=self.method, rates=Rates(self.cross_currency, self.max_age_days)
        )


def exact(values: tuple[str, ...]) -> st.SearchStrategy[Decimal]:
    return st.sampled_from(values).map(Decimal)


def securities() -> st.SearchStrategy[str]:
    return st.sampled_from(("S", "S", "T", "S", "S", "T", "CASH", "CASH_USD", "CASH_EUR"))


@st.composite
def trades(draw: st.DrawFn, transaction_id: str, version: int = 1) -> Transaction:
    kind = draw(st.sampled_from(COMMON) | st.sampled_from(TransactionType))
    quantity: Decimal | None = draw(exact(QUANTITIES))
    price: dict[str, Any] = {draw(st.sampled_from(("price", "gross_transaction_amount"))): draw(
        exact(AMOUNTS)
    )}  # fmt: skip
    if kind.is_cash and draw(st.booleans()):
        quantity, price = None, {"gross_transaction_amount": draw(exact(AMOUNTS[1:]))}
    return Transaction(
        transaction_id=transaction_id,
        portfolio_id="P",
        security_id=draw(securities()),
        transaction_type=kind,
        transaction_date=on(draw(st.integers(0, 5))),
        settlement_date=draw(st.none() | st.integers(0, 7).map(on)),
        trade_currency=draw(st.sampled_from(("USD", "USD", "USD", "EUR"))),
        quantity=quantity,
        trade_fee=draw(exact(FEES)),
        fx_rate=draw(st.none() | exact(RATES)),
        version=version,
        **price,
    )


@st.composite
def versions(draw: st.DrawFn, transaction_id: str) -> list[Event]:
    """One transaction: mostly one version, sometimes corrected, cancelled, revived."""
    trade = draw(trades(transaction_id))
    events: list[Event] = [trade]
    for version in range(2, 2 + draw(st.sampled_from((0, 0, 0, 1, 2, 3)))):
        change = draw(st.sampled_from(("fee", "day", "security", "all", "cancel")))
        if change == "fee":
            trade = replace(trade, version=version, trade_fee=draw(exact(FEES)))
        elif change == "day":
            trade = replace(trade, version=version, transaction_date=on(draw(st.integers(0, 5))))
        elif change == "security":
            trade = replace(trade, version=version, security_id=draw(securities()))
        elif change == "all":
            trade = draw(trades(transaction_id, version))
        if change != "cancel":
            events.append(trade)
        else:
            events.append(
                Cancellation(transaction_id=transaction_id, portfolio_id="P", version=version)
            )
    return events


@st.composite
def records(draw: st.DrawFn) -> list[Event]:
    return [
        Portfolio(
            portfolio_id="P",
            base_currency=draw(st.sampled_from(("USD", "EUR", "CHF"))),
            cost_basis_method=draw(st.sampled_from(ReliefMethod)),
            version=version,
            cash_management=draw(st.sampled_from(CashManagement)),
        )
        for version in range(1, 1 + draw(st.integers(0, 2)))
    ]


@st.composite
def rates(draw: st.DrawFn) -> Event:
    one, other = draw(st.permutations(("USD", "EUR", "CHF", "GBP")))[:2]
    return FxRate(
        from_currency=one,
        to_currency=other,
        rate_date=on(draw(st.integers(-3, 5))).date(),
        rate=draw(exact(FX_RATES)),
        version=draw(st.integers(1, 3)),
    )


def classed() -> st.SearchStrategy[Event]:
    """Also what is cash by its name, of which an instrument changes nothing."""
    ids = st.sampled_from(("S", "S", "T", "CASH_EUR"))
    return st.builds(Classed, ids, st.booleans(), st.integers(1, 4))


@st.composite
def histories(
    draw: st.DrawFn,
    size: int = 10,
    make: Callable[[str], st.SearchStrategy[list[Event]]] = versions,
    *,
    with_rates: bool = False,
) -> History:
    """Events in any order, some of them twice, in any batches and slices. Of two rates with one
    version, the first to come stays."""
    events = draw(records())
    if with_rates:
        events += draw(st.lists(rates(), max_size=12))
        events += draw(st.lists(classed(), max_size=4))
    for number in range(draw(st.integers(1, size))):
        events += draw(make(f"t{number}"))
    events += draw(st.lists(st.sampled_from(events), max_size=3))
    events = draw(st.permutations(events))
    batches = draw(
        st.lists(
            st.builds(Batch, st.integers(1, 6), st.sampled_from((None, 0, 1, 2, 3, 7))),
            max_size=len(events),
        )
    )
    history = History(events, batches, draw(st.sampled_from(ReliefMethod)))
    if not with_rates:
        return history
    return history._replace(
        cross_currency=draw(st.sampled_from((None, "GBP", "USD", "EUR"))),
        max_age_days=draw(st.integers(0, 3)),
    )


def settled_in_batches(
    history: History, after: Callable[[Ledger], object] = lambda ledger: None
) -> Ledger:
    """Take the history as it came, then settle what is left; `after` looks in after each batch."""
    ledger = history.ledger()
    events = list(history.events)
    for batch in history.batches:
        take(ledger, *events[: batch.events])
        del events[: batch.events]
        ledger.settle(batch.steps)
        after(ledger)
    take(ledger, *events)
    ledger.settle()
    after(ledger)
    return ledger
