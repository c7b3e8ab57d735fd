"""Which rate holds on a day."""

from decimal import Decimal, localcontext
from fractions import Fraction
from random import Random

import pytest

from calculator import FxRate, Rates, Taken, plain
from tests.calculator.trading import on, rate
from tests.laws.naive import NaiveRates

CURRENCIES = ("USD", "EUR", "CHF", "GBP")
AMOUNTS = ("1", "0.000000000001", "999999999.999999999999", "3", "0.9", "1.1", "150.25", "7")


def table(*known: FxRate, cross: str | None = "GBP", max_age: int = 2) -> Rates:
    rates = Rates(cross, max_age)
    for each in known:
        rates.put(each)
    return rates


def found(rates: Rates, day: int, pair: str = "EUR USD") -> tuple[str, int] | None:
    """The rate and how many days old it is."""
    currency, base_currency = pair.split()
    resolved = rates.resolve(currency, base_currency, on(day).date())
    return resolved and (plain(resolved.rate), (on(day).date() - resolved.rate_date).days)


def test_the_rate_of_the_day_and_then_the_newest_before_it() -> None:
    rates = table(rate("EUR", "USD", 1, "1.1"), rate("EUR", "USD", 3, "1.3"))
    assert [found(rates, day) for day in range(7)] == [
        None, ("1.1", 0), ("1.1", 1), ("1.3", 0), ("1.3", 1), ("1.3", 2), None,
    ]  # fmt: skip


def test_of_one_day_direct_then_inverse_then_through_the_cross_currency() -> None:
    rates = table(rate("EUR", "GBP", 1, "0.5"), rate("USD", "GBP", 1, "4"))
    assert found(rates, 1) == ("0.125", 0)
    rates.put(rate("USD", "EUR", 1, "8"))
    assert found(rates, 1) == ("0.125", 0)
    rates.put(rate("USD", "EUR", 1, "3", version=2))
    assert found(rates, 1) == ("0.333333333333", 0)
    rates.put(rate("EUR", "USD", 1, "2"))
    assert found(rates, 1) == ("2", 0)


def test_a_newer_day_goes_before_a_better_way() -> None:
    rates = table(
        rate("EUR", "USD", 1, "2"), rate("GBP", "EUR", 2, "2"), rate("GBP", "USD", 2, "3")
    )
    assert found(rates, 2) == ("1.5", 0)


def test_both_legs_are_of_one_day() -> None:
    assert found(table(rate("EUR", "GBP", 1, "2"), rate("GBP", "USD", 2, "3")), 2) is None


def test_without_a_cross_currency_and_with_one_that_is_in_the_pair_nothing_is_crossed() -> None:
    legs = rate("EUR", "GBP", 1, "2"), rate("GBP", "USD", 1, "3")
    assert found(table(*legs), 1) == ("6", 0)
    assert found(table(*legs, cross=None), 1) is None
    assert found(table(*legs, cross="USD"), 1) is None


def test_it_is_rounded_once_half_even() -> None:
    # 1.000000000001 x 0.5 is a tie at the twelfth place, and so is three times as much.
    legs = rate("EUR", "GBP", 1, "1.000000000001"), rate("GBP", "USD", 1, "0.5")
    assert found(table(*legs), 1) == ("0.5", 0)
    assert found(table(rate("EUR", "GBP", 1, "1.000000000003"), legs[1]), 1) == (
        "0.500000000002",
        0,
    )
    # A third of three: rounded in between it would not be one.
    thirds = rate("GBP", "EUR", 1, "3"), rate("GBP", "USD", 1, "3")
    assert found(table(*thirds), 1) == ("1", 0)


@pytest.mark.parametrize(
    ("one", "other"), [("0.000000000001", "0.4"), ("999999999", "1.000000002")]
)
def test_what_rounds_to_nothing_or_does_not_fit_is_none(one: str, other: str) -> None:
    older = rate("EUR", "USD", 0, "7")
    rates = table(older, rate("EUR", "GBP", 1, one), rate("GBP", "USD", 1, other))
    assert found(rates, 1) == ("7", 1)


def test_an_inverse_that_does_not_fit_leaves_the_cross_rate_its_turn() -> None:
    rates = table(
        rate("USD", "EUR", 1, "0.000000000001"),
        rate("EUR", "GBP", 1, "2"), rate("GBP", "USD", 1, "2"),
    )  # fmt: skip
    assert found(rates, 1) == ("4", 0)


def test_versions_come_in_any_order() -> None:
    rates = Rates()
    assert rates.put(rate("EUR", "USD", 1, "2", version=2)) is Taken.JOURNALLED
    assert rates.put(rate("EUR", "USD", 1, "1")) is Taken.SUPERSEDED
    assert rates.put(rate("EUR", "USD", 1, "2.0", version=2)) is Taken.DUPLICATE
    assert rates.put(rate("EUR", "USD", 1, "9", version=2)) is Taken.CONFLICT
    assert found(rates, 1) == ("2", 0)
    assert rates.put(rate("EUR", "USD", 1, "3", version=3)) is Taken.JOURNALLED
    assert found(rates, 1) == ("3", 0)


def test_any_table_says_what_the_fractions_say() -> None:
    random = Random(1)
    seen = 0
    for _ in range(400):
        known = [
            rate(one, other, random.randrange(5), random.choice(AMOUNTS), random.randrange(1, 4))
            for _ in range(random.choice((1, 5, 20)))
            for one, other in [random.sample(CURRENCIES, 2)]
        ]
        cross, max_age = random.choice((None, *CURRENCIES)), random.randrange(4)
        rates = table(*known, cross=cross, max_age=max_age)
        naive = NaiveRates(known, cross, max_age)
        for day in range(8):
            for one in CURRENCIES:
                for other in set(CURRENCIES) - {one}:
                    with localcontext() as context:
                        context.prec = 5  # that of the caller is of no consequence
                        resolved = rates.resolve(one, other, on(day).date())
                    said = None if resolved is None else Fraction(resolved.rate)
                    assert said == naive.found(one, other, on(day).date())
                    seen += said is not None
    assert seen > 5_000


def test_the_rate_keeps_the_places_of_a_result() -> None:
    resolved = table(rate("USD", "EUR", 1, "3")).resolve("EUR", "USD", on(1).date())
    assert resolved is not None
    assert resolved.rate.as_tuple().exponent == Decimal("1e-12").as_tuple().exponent
