from dataclasses import FrozenInstanceError, replace
from decimal import Decimal

import pytest

from calculator import Disposal
from tests.calculator.trading import a_lot, on

LARGE = Decimal("99999999999999999999999999.999999999999")
MINUS = LARGE.copy_negate()  # a plain minus would round to 28 digits


def test_a_lot_cannot_be_changed_in_place() -> None:
    lot = a_lot("A", 0, "1", "10")
    with pytest.raises(FrozenInstanceError):
        lot.quantity = Decimal(2)  # type: ignore[misc]


def test_lots_are_equal_by_what_they_say_not_by_how_a_store_wrote_them() -> None:
    lot = a_lot("A", 0, "1", "10")
    assert replace(lot, encoded=b"anything") == lot
    assert replace(lot, cost=Decimal(11)) != lot


def test_a_disposal_without_proceeds_has_no_gain() -> None:
    part = Disposal("A", on(0), Decimal(1), Decimal(10), Decimal(20))
    assert (part.realized_gain_loss, part.realized_gain_loss_local) == (None, None)


def test_the_gain_of_a_disposal_is_exact_in_any_context() -> None:
    """39 digits; the usual context would keep 28."""
    part = Disposal("A", on(0), Decimal(1), MINUS, LARGE, Decimal("1e-12"), MINUS)
    assert str(part.realized_gain_loss) == "100000000000000000000000000.000000000000"
    assert str(part.realized_gain_loss_local) == "-199999999999999999999999999.999999999998"
