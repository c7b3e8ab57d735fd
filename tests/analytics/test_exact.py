from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.bad_input import BadInput
from analytics.exact import adding_up, check_amount, rounded_amount, rounded_return
from calculator.money import EXACT
from tests.analytics.figures import LAW, twelve


def test_a_return_is_rounded_half_even_to_twelve_places() -> None:
    with localcontext(EXACT):
        assert str(rounded_return(Decimal("0.1234567890125"))) == "0.123456789012"
        assert str(rounded_return(Decimal("0.1234567890135"))) == "0.123456789014"
        assert str(rounded_return(Decimal("0.12345678901250000001"))) == "0.123456789013"


def test_nothing_has_no_sign() -> None:
    with localcontext(EXACT):
        assert str(rounded_return(Decimal("-1e-20"))) == "0E-12"
        assert str(rounded_amount("cost", Decimal("-0"))) == "0E-12"


def test_the_largest_amount_that_fits_is_taken() -> None:
    largest = Decimal("99999999999999999999999999.999999999999")
    check_amount("cost", largest)
    with localcontext(EXACT):
        assert rounded_amount("cost", largest) == largest
        assert rounded_return(largest) == largest
        with pytest.raises(BadInput):
            rounded_return(Decimal("1e26"))


def test_what_rounding_leaves_over_goes_to_the_largest_part() -> None:
    with localcontext(EXACT):
        third = Decimal(1) / 3
        parts = adding_up(Decimal(1), {"C": third, "B": third, "A": third})
        assert parts == {
            "A": Decimal("0.333333333334"),  # of equals the first by name
            "B": Decimal("0.333333333333"),
            "C": Decimal("0.333333333333"),
        }
        uneven = adding_up(Decimal(0), {"A": third, "B": -third * 2, "C": third})
        assert uneven["B"] == Decimal("-0.666666666666")


def test_a_part_takes_what_rounding_leaves_over_and_no_more() -> None:
    with localcontext(EXACT):
        assert adding_up(Decimal("0.5"), {"A": Decimal("0.4999999999995")}) == {"A": Decimal("0.5")}
        with pytest.raises(AssertionError, match=r"the parts are 2.000E-12 short of 0.5"):
            adding_up(Decimal("0.5"), {"A": Decimal("0.3"), "B": Decimal("0.199999999998")})
        with pytest.raises(AssertionError, match="short of 1"):
            adding_up(Decimal(1), {})


def test_no_parts_add_up_to_no_parts() -> None:
    assert adding_up(Decimal(0), {}) == {}


@LAW
@given(st.lists(st.fractions(-10, 10, max_denominator=97), min_size=1, max_size=9))
def test_parts_are_off_by_no_more_than_the_rounding_of_all(fractions: list[Fraction]) -> None:
    with localcontext(EXACT):
        exact = {
            str(n): Decimal(each.numerator) / each.denominator for n, each in enumerate(fractions)
        }
        total = twelve(sum(fractions, Fraction(0)))
        parts = adding_up(total, exact)
        assert sum(parts.values()) == total
        for name, part in parts.items():
            assert abs(part - exact[name]) <= Decimal("1e-12") * len(parts)
