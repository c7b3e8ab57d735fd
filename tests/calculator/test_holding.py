from dataclasses import asdict
from decimal import Decimal, localcontext
from typing import Any

import pytest

from calculator import EXACT, Booked, Disposal, Holding, ReliefMethod, Transaction, book
from calculator.holding import LOWEST
from calculator.transaction import units
from tests.calculator.trading import METHODS, TOTALS, a_lot, on, trade

# Every kind of move, thirds that do not divide, a holding emptied and filled again.
HISTORY = [
    trade("A", "BUY", 1, 3, amount=100, fee="0.07", fx_rate="1.37"),
    trade("B", "TRANSFER_IN", 2, "0.7", amount="33.333333333333", fx_rate="0.333333333333"),
    trade("D1", "DIVIDEND", 2, amount=5, fx_rate="1"),
    trade("S1", "SELL", 3, 1, 50, fee=1, fx_rate="1.4"),
    trade("C", "DEPOSIT", 4, amount="7.000000000001", fx_rate="2"),
    trade("S2", "SELL", 5, "2.3", 49, fx_rate="1.1"),
    trade("F1", "FEE", 5, amount=5, fx_rate="1"),
    trade("W1", "WITHDRAWAL", 6, amount="7.1"),
    trade("S3", "TRANSFER_OUT", 7, "0.300000000001"),
    trade("E", "BUY", 8, 11, 3, fx_rate="0.9"),
    trade("G", "BUY", 8, 11, 3, fx_rate="0.9"),
    trade("S4", "SELL", 9, "15.5", 2, fx_rate="0.8"),
    trade("S5", "SELL", 10, "6.5", 1, fx_rate="0.7"),
]


def shown(holding: Holding) -> dict[str, Any]:
    """All but whether the last date is known, which undo may leave open."""
    names = [name for name in TOTALS if name != "last_transaction_date"]
    totals = {name: getattr(holding, name) for name in names}
    return totals | {"lots": [asdict(lot) for lot in holding.lots]}


def unit_cost_at_opening(history: list[tuple[Transaction, Booked]], lost: Disposal) -> Decimal:
    (opening,) = (done for done in history if done[0].transaction_id == lost.lot_id)
    assert opening[1].lot is not None
    return opening[1].lot.unit_cost


@pytest.mark.parametrize("method", METHODS)
def test_undo_goes_back_through_every_state_to_the_last_digit(method: str) -> None:
    holding = Holding("P", "S", ReliefMethod(method), "CHF")
    done: list[tuple[Transaction, Booked]] = []
    states = [shown(holding)]
    with localcontext(EXACT):
        for transaction in HISTORY:
            outcome = book(holding, holding.lots, transaction)
            assert isinstance(outcome, Booked), outcome
            holding.apply(transaction, outcome)
            holding.assert_conserved()
            done.append((transaction, outcome))
            states.append(shown(holding))
        assert not holding.quantity
        while done:
            assert shown(holding) == states.pop()
            transaction, outcome = done[-1]
            holding.undo(transaction, outcome, lambda lost: unit_cost_at_opening(done, lost))
            holding.assert_conserved()
            done.pop()
    assert shown(holding) == states.pop()
    assert holding.last_transaction_date is None


def test_dates_are_those_of_the_first_and_last_booked_entry() -> None:
    holding = Holding("P", "S", ReliefMethod.FIFO, "CHF")
    with localcontext(EXACT):
        for transaction in HISTORY[:5]:
            outcome = book(holding, holding.lots, transaction)
            assert isinstance(outcome, Booked)
            holding.apply(transaction, outcome)
    assert (holding.first_transaction_date, holding.last_transaction_date) == (on(1), on(4))
    assert (holding.booked, holding.increases) == (5, 3)


def test_an_increase_whose_lot_was_sold_from_cannot_be_undone_before_the_sale() -> None:
    holding = Holding("P", "S", ReliefMethod.FIFO)
    buy, sale = trade("A", "BUY", 1, 3, 10), trade("S", "SELL", 2, 1, 10)
    with localcontext(EXACT):
        bought = book(holding, holding.lots, buy)
        assert isinstance(bought, Booked)
        holding.apply(buy, bought)
        sold = book(holding, holding.lots, sale)
        assert isinstance(sold, Booked)
        holding.apply(sale, sold)
        with pytest.raises(AssertionError):
            holding.undo(buy, bought, lambda lost: lost.cost)


@pytest.mark.parametrize("field", ["quantity", "cost", "cost_local"])
def test_a_holding_that_does_not_conserve_stops(field: str) -> None:
    holding = Holding("P", "S", ReliefMethod.FIFO)
    lot = a_lot("A", 1, "3", "10", "11")
    holding.lots.put(lot)
    holding.quantity, holding.cost, holding.cost_local = lot.quantity, lot.cost, lot.cost_local
    holding.assert_conserved()
    setattr(holding, field, getattr(holding, field) + getattr(holding, field) / 10**6)
    with pytest.raises(AssertionError):
        holding.assert_conserved()


def test_a_reset_holding_has_its_whole_journal_before_it() -> None:
    holding = Holding("P", "S", ReliefMethod.FIFO, "USD")
    holding.journalled = 3
    holding.reset(ReliefMethod.AVCO, "CHF")
    assert (holding.method, holding.base_currency) == (ReliefMethod.AVCO, "CHF")
    assert holding.booked_below == LOWEST
    assert not holding.is_settled
    assert holding.journalled == 3


@pytest.mark.parametrize(
    ("transaction", "moved"),
    [
        (trade("t", "BUY", 1, 3, 10), 3),
        (trade("t", "DEPOSIT", 1, None, amount=7), 7),
        (trade("t", "DEPOSIT", 1, 0, amount=7), 7),
        (trade("t", "DEPOSIT", 1, 3, amount=7), 3),
        (trade("t", "WITHDRAWAL", 1, 0, amount=7), 7),
    ],
)
def test_units_are_the_quantity_or_for_cash_without_one_the_amount(
    transaction: Transaction, moved: int
) -> None:
    assert units(transaction) == moved
