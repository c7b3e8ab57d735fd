from dataclasses import replace
from decimal import Decimal

from tests.calculator.trading import a_holding, a_lot, book_on, trade

BUY = trade("t", "BUY", 0, 4, 25)


def test_two_results_are_equal_when_they_say_the_same_whatever_lot_is_left() -> None:
    outcome = book_on(a_holding(), BUY)
    assert replace(outcome, lot=a_lot("other", 0, "1", "1")) == outcome
    assert replace(outcome, net_cost=Decimal(0)) != outcome


def test_a_result_is_compared_by_value_not_by_how_a_decimal_is_written() -> None:
    spelled = trade("t", "BUY", 0, "4.0", "25.00")
    assert book_on(a_holding(), BUY) == book_on(a_holding(), spelled)
