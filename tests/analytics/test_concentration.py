from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.concentration import concentration, grouped
from tests.analytics.figures import LAW, cents, twelve


def named(*values: str) -> dict[str, Decimal]:
    return {chr(65 + number): Decimal(value) for number, value in enumerate(values)}


@pytest.mark.parametrize(
    ("values", "index"),
    [
        # https://www.justice.gov/atr/herfindahl-hirschman-index
        pytest.param(named("30", "30", "20", "20"), "0.26", id="us_department_of_justice"),
        # https://danielnytra.com/fi/marketing/herfindahlin-indeksi
        pytest.param(named("40", "30", "30"), "0.34", id="three_firms"),
    ],
)
def test_the_published_index_comes_out(values: dict[str, Decimal], index: str) -> None:
    assert concentration(values).index == Decimal(index)


def test_everything_in_one_is_as_concentrated_as_can_be() -> None:
    answer = concentration(named("7", "0"))
    assert (answer.index, answer.effective_number) == (Decimal(1), Decimal(1))
    assert answer.largest == (("A", Decimal(1)),)


def test_equal_shares_count_as_so_many() -> None:
    assert concentration(named("2", "2", "2", "2")).effective_number == 4


def test_the_largest_come_first_and_of_equals_the_first_by_name() -> None:
    answer = concentration(named("10", "30", "20", "30", "10"), top=3)
    assert [name for name, _ in answer.largest] == ["B", "D", "C"]
    assert answer.largest_share == Decimal("0.8")
    assert answer.short == ()


def test_what_is_short_adds_to_the_concentration_and_is_named() -> None:
    answer = concentration(named("50", "-30", "20", "0"), top=2)
    assert answer.largest == (("A", Decimal("0.5")), ("B", Decimal("-0.3")))
    assert answer.largest_share == Decimal("0.8")
    assert answer.index == Decimal("0.38")
    assert answer.short == ("B",)


def test_groups_are_summed_and_what_has_none_is_other() -> None:
    groups = {"A": "EUR", "B": "USD", "C": "EUR"}
    assert grouped(named("1", "2", "3", "4"), groups) == {
        "EUR": Decimal(4),
        "USD": Decimal(2),
        "OTHER": Decimal(4),
    }


def test_long_and_short_of_one_group_net() -> None:
    groups = {"A": "EUR", "B": "EUR", "C": "USD"}
    answer = concentration(grouped(named("60", "-50", "90"), groups))
    assert answer.largest == (("USD", Decimal("0.9")), ("EUR", Decimal("0.1")))
    assert answer.short == ()


VALUES = st.lists(cents(-(10**8), 10**8).filter(bool), min_size=1, max_size=12)


@LAW
@given(VALUES, st.integers(1, 10**6))
def test_the_index_is_what_fractions_give_whatever_the_scale(
    values: list[Decimal], factor: int
) -> None:
    by_name = {str(n): value for n, value in enumerate(values)}
    exposure = sum(abs(Fraction(value)) for value in values)
    index = sum((Fraction(value) / exposure) ** 2 for value in values)
    answer = concentration(by_name)
    assert answer.index == twelve(Fraction(index))
    assert Fraction(1, len(values)) - Fraction(1, 10**12) <= Fraction(answer.index) <= 1
    assert concentration({name: value * factor for name, value in by_name.items()}) == answer


@LAW
@given(VALUES)
def test_putting_two_of_one_side_together_never_lessens_the_index(values: list[Decimal]) -> None:
    by_name = {str(n): abs(value) for n, value in enumerate(values)}
    together = grouped(by_name, {name: "01" if name in "01" else name for name in by_name})
    assert concentration(together).index >= concentration(by_name).index
