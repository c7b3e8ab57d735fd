from decimal import Decimal, FloatOperation, InvalidOperation, localcontext

import pytest

from calculator import plain
from calculator.money import AMOUNT_LIMIT, EXACT, cost_steps, rounded


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("10", "10"), ("10.0", "10"), ("10.50", "10.5"), ("0.5", "0.5"), ("0", "0"),
        ("-0", "0"), ("-0.00", "0"), ("0E-12", "0"), ("1E+2", "100"), ("1E-12", "0.000000000001"),
        ("-1.500", "-1.5"), ("100", "100"), ("1000000", "1000000"), ("-10", "-10"),
        ("-0E+3", "0"), ("99999999999999999999999999.999999999999",
                         "99999999999999999999999999.999999999999"),
    ],
)  # fmt: skip
def test_text_has_no_exponent_no_trailing_zeros_and_no_negative_zero(
    amount: str, text: str
) -> None:
    assert plain(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("amount", "result"),
    [
        ("0.0000000000005", "0"), ("0.0000000000015", "0.000000000002"),
        ("0.0000000000025", "0.000000000002"), ("-0.0000000000015", "-0.000000000002"),
        ("0.00000000000050000001", "0.000000000001"), ("7", "7"),
    ],
)  # fmt: skip
def test_rounding_is_half_even_to_twelve_places(amount: str, result: str) -> None:
    with localcontext(EXACT):
        assert plain(rounded(Decimal(amount))) == result


def test_the_largest_amounts_have_room_to_be_multiplied_and_divided_before_rounding() -> None:
    """Nothing is rounded twice: a share a hair off a tie falls on its own side."""
    with localcontext(EXACT):
        cost = AMOUNT_LIMIT - Decimal("1e-12")
        quantity = AMOUNT_LIMIT - Decimal("3e-12")
        above = cost * (quantity - 1) / quantity
        assert rounded(above) == Decimal("99999999999999999999999998.999999999999")
        tie = Decimal("0.0000000000005")
        hair = Decimal("1e-51")
        assert rounded(tie) == 0
        assert rounded(tie + hair) == Decimal("1e-12")


def test_floats_are_refused_in_the_context() -> None:
    with localcontext(EXACT):
        with pytest.raises(FloatOperation):
            Decimal(0.1)  # noqa: RUF032 - the float is the point
        with pytest.raises(FloatOperation):
            assert Decimal(1) < 1.5
        with pytest.raises(TypeError):
            Decimal(1) + 0.1  # type: ignore[operator]


def test_the_steps_of_an_amount_are_exact_in_any_context() -> None:
    assert cost_steps(Decimal("0.000000000001")) == 1
    assert cost_steps(Decimal("-1.5")) == -1_500_000_000_000
    assert cost_steps(Decimal("9" * 26 + "." + "9" * 12)) == 10**38 - 1


def test_a_number_that_does_not_fit_stops_instead_of_losing_digits() -> None:
    with localcontext(EXACT), pytest.raises(InvalidOperation):
        rounded(Decimal(10) ** 90)
