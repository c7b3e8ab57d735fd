from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calculator.money import COST_STEP, EXACT
from reports.columns import Scaled, _column, product, rounded_product, scaled, scaled_parts

LAW = settings(max_examples=300, deadline=None)


def numbers(places: int, digits: int) -> st.SearchStrategy[Decimal]:
    limit = 10**digits
    return st.integers(-limit, limit).map(lambda whole: Decimal(whole).scaleb(-places))


sizes = st.tuples(st.integers(0, 12), st.integers(1, 26))


@LAW
@given(data=st.data(), left=sizes, right=sizes)
def test_a_product_is_rounded_as_decimals_are(
    data: st.DataObject, left: tuple[int, int], right: tuple[int, int]
) -> None:
    some = data.draw(st.lists(numbers(*left), min_size=1, max_size=5))
    others = data.draw(st.lists(numbers(*right), min_size=len(some), max_size=len(some)))
    found = rounded_product(scaled(some), scaled(others))
    exact = [EXACT.multiply(one, other) for one, other in zip(some, others, strict=True)]
    assert [found.at(index) for index in range(len(some))] == [
        each.quantize(COST_STEP, context=EXACT) for each in exact
    ]
    assert all(0 <= steps < 10**12 for steps in found.steps.tolist())


@LAW
@given(
    whole=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=6),
    by=st.integers(1, 10**6),
    places=st.integers(13, 18),
)
def test_ties_go_to_the_even_side_both_ways_of_reckoning(
    whole: list[int], by: int, places: int
) -> None:
    half = 5 * 10 ** (places - 13)
    left = Scaled(np.array(whole, dtype=np.int64) * (2 * by) + 1, places)
    right = Scaled(np.array([half] * len(whole), dtype=np.int64), 0)
    quick = rounded_product(left, right)
    slow = rounded_product(Scaled(left.whole.astype(object), places), right)
    assert quick.in_steps() == slow.in_steps()
    exact = [Decimal(int(each)).scaleb(-places, EXACT) * half for each in left.whole.tolist()]
    assert [quick.at(index) for index in range(len(whole))] == [
        each.quantize(COST_STEP, context=EXACT) for each in exact
    ]


@LAW
@given(st.lists(numbers(12, 26), min_size=1, max_size=5))
def test_numbers_are_what_they_were(some: list[Decimal]) -> None:
    found = scaled(some)
    assert [Decimal(int(each)).scaleb(-found.places, EXACT) for each in found.whole] == some


@pytest.mark.parametrize("text", ["0", "123.45", "0.000000000001", "999999999999999.999999999999"])
def test_numbers_in_two_parts_are_what_they_were(text: str) -> None:
    units, _, fraction = text.partition(".")
    found = scaled_parts(
        np.array([int(units)], dtype=np.int64),
        np.array([int(fraction.ljust(12, "0"))], dtype=np.int64),
    )
    assert Decimal(int(found.whole[0])).scaleb(-found.places, EXACT) == Decimal(text)


def test_what_does_not_fit_is_reckoned_in_python() -> None:
    large = Scaled(_column([10**25]), 0)
    assert product(large, large).whole.tolist() == [10**50]
    assert product(Scaled(_column([2]), 0), Scaled(_column([3]), 0)).whole.dtype == np.int64
