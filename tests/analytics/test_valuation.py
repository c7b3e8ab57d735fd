from dataclasses import fields
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from analytics.valuation import (
    DayChange,
    Position,
    Quote,
    Valuation,
    day_change,
    valued,
    weights,
)
from calculator.money import EXACT
from tests.analytics.figures import LAW, cents, twelve


def position(quantity: str, cost: str, cost_local: str) -> Position:
    return Position(quantity=Decimal(quantity), cost=Decimal(cost), cost_local=Decimal(cost_local))


def quote(price: str, multiplier: str = "1", fx_rate: str = "1") -> Quote:
    return Quote(price=Decimal(price), multiplier=Decimal(multiplier), fx_rate=Decimal(fx_rate))


def test_a_position_in_another_currency_gains_by_price_and_by_rate() -> None:
    """100 bought at 150 EUR and 1.10, 40 sold: 60 are left that cost 9,000 EUR or 9,900 USD."""
    assert valued(position("60", "9900", "9000"), quote("180", fx_rate="1.20")) == Valuation(
        market_value_local=Decimal(10_800),
        market_value=Decimal(12_960),
        unrealized_gain_local=Decimal(1_800),
        unrealized_gain=Decimal(3_060),
        price_gain=Decimal(2_160),
        currency_gain=Decimal(900),
    )


def test_an_option_is_worth_its_price_times_its_multiplier() -> None:
    valuation = valued(position("3", "900", "900"), quote("2.5", multiplier="100"))
    assert valuation.market_value == 750
    assert valuation.unrealized_gain == -150


def test_a_short_position_gains_when_the_price_falls() -> None:
    valuation = valued(position("-10", "-1000", "-1000"), quote("80"))
    assert (valuation.market_value, valuation.unrealized_gain) == (Decimal(-800), Decimal(200))


def test_nothing_held_is_worth_nothing() -> None:
    valuation = valued(position("0", "0", "0"), quote("-5", fx_rate="3"))
    assert {str(getattr(valuation, field.name)) for field in fields(valuation)} == {"0E-12"}


def test_the_base_value_is_rounded_once_not_from_the_rounded_local_value() -> None:
    valuation = valued(position("1", "0", "0"), quote("0.0000000000005", fx_rate="3"))
    assert valuation.market_value_local == 0
    assert valuation.market_value == Decimal("2e-12")  # 1.5e-12, half-even


AMOUNTS = cents(-(10**9), 10**9)
PRICES = st.one_of(st.just(0), st.integers(-(10**6), -(10**3)), st.integers(10**3, 10**15)).map(
    lambda number: Decimal(number).scaleb(-8)
)
RATES = st.integers(10**6, 10**12).map(lambda number: Decimal(number).scaleb(-8))
QUOTES = st.builds(Quote, price=PRICES, multiplier=RATES, fx_rate=RATES)


@LAW
@given(st.builds(Position, quantity=AMOUNTS, cost=AMOUNTS, cost_local=AMOUNTS), QUOTES)
def test_parts_of_the_gain_add_up_and_values_are_what_fractions_give(
    position: Position, quote: Quote
) -> None:
    valuation = valued(position, quote)
    parts = EXACT.add(valuation.price_gain, valuation.currency_gain)
    assert parts == valuation.unrealized_gain
    exact_local = Fraction(position.quantity) * Fraction(quote.price) * Fraction(quote.multiplier)
    value = twelve(exact_local * Fraction(quote.fx_rate))
    assert valuation.market_value_local == twelve(exact_local)
    assert valuation.market_value == value
    assert Fraction(valuation.unrealized_gain) == Fraction(value) - Fraction(position.cost)
    at_rate = twelve(Fraction(position.cost_local) * Fraction(quote.fx_rate))
    assert Fraction(valuation.currency_gain) == Fraction(at_rate) - Fraction(position.cost)


def test_a_day_changes_by_price_and_rate() -> None:
    assert day_change(Decimal(10), quote("100", fx_rate="1.1"), quote("104", fx_rate="1.25")) == (
        DayChange(
            change_local=Decimal(40),
            change=Decimal(200),
            change_fraction=twelve(Fraction(200, 1100)),
        )
    )


def test_a_short_position_that_loses_has_a_change_below_zero() -> None:
    change = day_change(Decimal(-10), quote("100"), quote("104"))
    assert (change.change, change.change_fraction) == (Decimal(-40), Decimal("-0.04"))


def test_of_nothing_there_is_no_fraction() -> None:
    assert day_change(Decimal(0), quote("1"), quote("2")).change_fraction is None
    assert day_change(Decimal(1), quote("0"), quote("2")).change_fraction is None


@LAW
@given(AMOUNTS, QUOTES, QUOTES)
def test_there_and_back_is_no_change(quantity: Decimal, one: Quote, two: Quote) -> None:
    there, back = day_change(quantity, one, two), day_change(quantity, two, one)
    assert there.change == back.change.copy_negate()
    assert there.change_local == back.change_local.copy_negate()


def test_weights_of_thirds_sum_to_one() -> None:
    assert weights({"A": Decimal(1), "B": Decimal(1), "C": Decimal(1)}) == {
        "A": Decimal("0.333333333334"),
        "B": Decimal("0.333333333333"),
        "C": Decimal("0.333333333333"),
    }


def test_a_short_position_has_a_weight_below_zero() -> None:
    assert weights({"A": Decimal(150), "B": Decimal(-50)}) == {
        "A": Decimal("1.5"),
        "B": Decimal("-0.5"),
    }


@LAW
@given(st.lists(cents(-1000, 10**9), min_size=1, max_size=30), st.integers(1, 10**6))
def test_weights_sum_to_one_whatever_the_scale(values: list[Decimal], factor: int) -> None:
    named = {str(n): value for n, value in enumerate([*values, Decimal(10**6)])}
    found = weights(named)
    assert sum(found.values()) == 1
    assert weights({name: value * factor for name, value in named.items()}) == found


def test_weights_that_would_not_fit_are_not_told() -> None:
    """Long and short of next to nothing together, and more than fits."""
    short = -Decimal("999999999999999.999999999999")
    assert weights({"A": Decimal(10**15), "B": short}) == {}
    assert weights({"A": Decimal(10**14), "B": short / 10 + Decimal("0.01")}) != {}
    assert weights({"A": Decimal(6 * 10**25), "B": Decimal(6 * 10**25)}) == {}
