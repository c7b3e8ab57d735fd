"""What does not matter: names, the unit that quantities are counted in, the size of money.

Rounding to 12 places limits what can hold exactly, so each law says for which inputs it does.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from calculator import (
    EXACT,
    POOL,
    Booked,
    Cancellation,
    CashManagement,
    Disposal,
    FxRate,
    Ledger,
    Lot,
    MemoryJournal,
    Portfolio,
    ReliefMethod,
    Transaction,
    TransactionType,
)
from tests.calculator.trading import Classed, Event, everything, on
from tests.laws.histories import LAW, History, histories, settled_in_batches

AMOUNT_FIELDS = (
    "gross_cost", "net_cost", "realized_gain_loss",
    "gross_cost_local", "net_cost_local", "realized_gain_loss_local",
)  # fmt: skip
BY_AGE = (ReliefMethod.FIFO, ReliefMethod.LIFO, ReliefMethod.AVCO)
BY_LOT = tuple(method for method in ReliefMethod if not method.pools)


# -- names


def renamed(event: Event) -> Event:
    """Another portfolio, other securities (those that are cash by name stay), and ids whose order is the old one."""
    if isinstance(event, Portfolio):
        return replace(event, portfolio_id="another")
    if isinstance(event, FxRate):
        return event
    if isinstance(event, Classed):
        return event._replace(security_id=security_renamed(event.security_id))
    name = f"x-{event.transaction_id}"
    if isinstance(event, Cancellation):
        return replace(event, portfolio_id="another", transaction_id=name)
    security_id = security_renamed(event.security_id)
    return replace(event, portfolio_id="another", transaction_id=name, security_id=security_id)


def security_renamed(security_id: str) -> str:
    return security_id if security_id.startswith("CASH") else f"s.{security_id}"


@LAW
@given(histories(with_rates=True))
def test_names_do_not_matter_but_for_the_order_of_ids(history: History) -> None:
    """Holds for any history."""
    other = settled_in_batches(
        history._replace(events=[renamed(event) for event in history.events])
    )
    expected = numbers(settled_in_batches(history), name=lambda name: f"x-{name}")
    assert numbers(other) == expected


# -- the unit of quantity


@st.composite
def amounts_in_full(draw: st.DrawFn, transaction_id: str) -> list[Event]:
    """Money is given as an amount, never as a price, so it does not know the unit."""
    kind = draw(st.sampled_from([kind for kind in TransactionType if not kind.is_cash]))
    return [a_trade(draw, transaction_id, kind, draw(st.integers(1, 12)))]


@st.composite
def finite_unit_costs(draw: st.DrawFn, transaction_id: str) -> list[Event]:
    """Whole amounts over quantities that divide any power of ten: at most 3 places by the unit."""
    increases = draw(st.booleans())
    kind = draw(
        st.sampled_from((TransactionType.BUY, TransactionType.TRANSFER_IN))
        if increases
        else st.sampled_from((TransactionType.SELL, TransactionType.TRANSFER_OUT))
    )
    units = draw(st.sampled_from((1, 2, 4, 5, 8, 10)) if increases else st.integers(1, 12))
    return [a_trade(draw, transaction_id, kind, units)]


def a_trade(draw: st.DrawFn, transaction_id: str, kind: TransactionType, units: int) -> Transaction:
    return Transaction(
        transaction_id=transaction_id,
        portfolio_id="P",
        security_id="S",
        transaction_type=kind,
        transaction_date=on(draw(st.integers(0, 8))),
        trade_currency="USD",
        quantity=Decimal(units),
        gross_transaction_amount=Decimal(draw(st.integers(0, 1000))),
        trade_fee=Decimal(draw(st.integers(0, 9))),
        fx_rate=Decimal(draw(st.sampled_from(("1", "0.5", "1.25", "3")))),
    )


def with_units(event: Event, factor: int) -> Event:
    if isinstance(event, Transaction) and event.quantity is not None:
        return replace(event, quantity=event.quantity * factor)
    return event


def with_money(event: Event, factor: int) -> Event:
    if isinstance(event, Transaction) and event.gross_transaction_amount is not None:
        return replace(
            event,
            gross_transaction_amount=event.gross_transaction_amount * factor,
            trade_fee=event.trade_fee * factor,
        )
    return event


def numbers(
    ledger: Ledger,
    *,
    units: int = 1,
    money: int = 1,
    name: Callable[[str], str] = str,
    proceeds: bool = True,
) -> dict[str, Any]:
    """Results and lots with every quantity times `units`, every amount times `money`, and every
    transaction under another name."""
    journal = ledger.journal
    assert isinstance(journal, MemoryJournal)

    def scaled(part: Lot | Disposal) -> tuple[Any, ...]:
        lot_id = part.lot_id if part.lot_id == POOL else name(part.lot_id)
        return (lot_id, part.acquired_at, part.quantity * units, part.cost * money,
                part.cost_local * money)  # fmt: skip

    def shown(outcome: Booked) -> tuple[Any, ...]:
        amounts = [getattr(outcome, field) for field in AMOUNT_FIELDS]
        shares = [part.proceeds for part in outcome.disposals if proceeds]
        return (
            [None if amount is None else amount * money for amount in amounts],
            [scaled(part) for part in outcome.disposals],
            [None if share is None else share * money for share in shares],
        )

    books: dict[str, Any] = {
        name(key[1]): shown(entry.outcome) if isinstance(entry.outcome, Booked) else entry.status
        for key, entry in journal.entries.items()
    }
    lots = [[scaled(lot) for lot in holding.lots] for holding in journal.holdings.values()]
    return books | {"lots": sorted(lots)}


FACTORS = st.integers(2, 1000)


@LAW
@given(histories(make=amounts_in_full), FACTORS, st.sampled_from(BY_AGE))
def test_the_unit_of_quantity_does_not_matter_where_age_decides(
    history: History, factor: int, method: ReliefMethod
) -> None:
    """Exact for any amounts and quantities: a share is cost x taken / quantity, and the factor
    cancels before anything is rounded. Methods by unit cost are apart: theirs is rounded."""
    history = only(history, method)
    events = [with_units(event, factor) for event in history.events]
    other = settled_in_batches(history._replace(events=events))
    with localcontext(EXACT):
        expected = numbers(settled_in_batches(history), units=factor)
        assert numbers(other) == expected


@LAW
@given(
    histories(make=finite_unit_costs), st.sampled_from((2, 4, 5, 10, 1000)), st.sampled_from(BY_LOT)
)
def test_the_unit_of_quantity_does_not_matter_where_unit_costs_are_finite(
    history: History, factor: int, method: ReliefMethod
) -> None:
    """Exact for HIFO and LOFO too where no unit cost is rounded, before or after."""
    history = only(history, method)
    events = [with_units(event, factor) for event in history.events]
    other = settled_in_batches(history._replace(events=events))
    with localcontext(EXACT):
        expected = numbers(settled_in_batches(history), units=factor)
        assert numbers(other) == expected


@LAW
@given(histories(make=finite_unit_costs), FACTORS, st.sampled_from(BY_LOT))
def test_ten_times_the_money_is_ten_times_every_cost_and_gain(
    history: History, factor: int, method: ReliefMethod
) -> None:
    """Exact for any factor where every share divides: lots whose unit cost is finite. The split
    of proceeds is left out, since a sale of 7 units from two lots has no finite share; and so is
    AVCO, since a pool of 3 units has no finite average."""
    history = only(history, method)
    events = [with_money(event, factor) for event in history.events]
    other = settled_in_batches(history._replace(events=events))
    with localcontext(EXACT):
        expected = numbers(settled_in_batches(history), money=factor, proceeds=False)
        assert numbers(other, proceeds=False) == expected


def only(history: History, method: ReliefMethod) -> History:
    """The history under one method and without cash, whatever its records say; they keep their
    base currency."""
    without = CashManagement.SECURITIES_ONLY
    events: list[Event] = [
        replace(event, cost_basis_method=method, cash_management=without)
        if isinstance(event, Portfolio)
        else event
        for event in history.events
    ]
    return history._replace(events=events, method=method)


# -- portfolios


@LAW
@given(histories(), histories())
def test_portfolios_do_not_know_of_each_other(one: History, another: History) -> None:
    """Two histories shuffled into each other make the books that each makes alone."""
    others = [renamed(event) for event in another.events]
    mixed = [event for pair in zip(one.events, others, strict=False) for event in pair]
    mixed += one.events[len(others) :] + others[len(one.events) :]
    together = settled_in_batches(History(mixed, one.batches, one.method))
    alone = settled_in_batches(one)
    other = settled_in_batches(History(others, [], one.method))
    both = everything(together)
    assert both["results"] == everything(alone)["results"] | everything(other)["results"]
    assert both["holdings"] == everything(alone)["holdings"] | everything(other)["holdings"]
