from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.benchmark import (
    BenchmarkReturn,
    ExcessReturn,
    PriceIn,
    PriceSeries,
    excess_return,
)
from analytics.periods import Grain, Period, parts
from tests.analytics.figures import LAW, on, twelve

DOLLARS_PER_EURO = {date(2024, 1, 1): Decimal("1.1"), date(2024, 1, 3): Decimal("1.2")}


def rate_on(currency: str, day: date) -> Decimal | None:
    rates = {"EUR": DOLLARS_PER_EURO, "USD": {day: Decimal(1)}}
    return rates.get(currency, {}).get(day)


def in_dollars(prices: Mapping[date, Decimal]) -> PriceSeries:
    return PriceSeries({day: PriceIn(price, "USD") for day, price in prices.items()}, rate_on)


def series(**prices: str) -> PriceSeries:
    """By the day of January 2024: `d2="100"`, in dollars, or `d2="100 EUR"`."""
    found = {}
    for day, text in prices.items():
        price, _, currency = text.partition(" ")
        found[date(2024, 1, int(day[1:]))] = PriceIn(Decimal(price), currency or "USD")
    return PriceSeries(found, rate_on)


def january(first: int, last: int) -> Period:
    return Period(date(2024, 1, first), date(2024, 1, last))


def test_a_period_begins_with_the_price_of_the_day_before() -> None:
    answer = series(d1="100", d2="110", d3="121").over(january(2, 3))
    assert answer == BenchmarkReturn(
        total_return=Decimal("0.21"),
        reason=None,
        currency="USD",
        begin_price_date=date(2024, 1, 1),
        end_price_date=date(2024, 1, 3),
    )


def test_an_earlier_price_stands_in_and_is_told() -> None:
    answer = series(d5="100", d12="110").over(january(8, 14))  # 7 and 14 January are Sundays
    assert answer.total_return == Decimal("0.1")
    assert (answer.begin_price_date, answer.end_price_date) == (
        date(2024, 1, 5),
        date(2024, 1, 12),
    )


def test_the_rate_is_that_of_the_day_and_not_of_the_price() -> None:
    answer = series(d1="100 EUR", d2="110 EUR").over(january(2, 3))
    assert answer.total_return == Decimal("0.2")  # 110 x 1.2 / (100 x 1.1) - 1
    assert (answer.currency, answer.reason) == ("EUR", None)


@pytest.mark.parametrize(
    ("prices", "reason", "currency"),
    [
        (series(d9="100"), "price_must_be_known", None),  # none before the begin
        (series(d8="100"), "price_must_be_recent", "USD"),  # too old at the end
        (series(d1="9", d8="100", d12="1"), "price_must_be_recent", "USD"),
        (series(), "price_must_be_known", None),
    ],
)
def test_without_a_recent_price_there_is_no_return(
    prices: PriceSeries, reason: str, currency: str | None
) -> None:
    answer = prices.over(january(9, 20))
    assert (answer.total_return, answer.reason, answer.currency) == (None, reason, currency)


@pytest.mark.parametrize(
    ("prices", "reason", "currency"),
    [
        (series(d1="100 EUR", d2="100"), "currency_must_not_change", None),
        (series(d1="100", d2="100 EUR", d3="100"), "currency_must_not_change", None),
        (series(d1="100 EUR", d2="100", d3="100 EUR"), "currency_must_not_change", None),
        (series(d1="100 CHF", d3="100 CHF"), "fx_rate_must_be_known", "CHF"),
    ],
)
def test_what_cannot_be_converted_has_no_return(
    prices: PriceSeries, reason: str, currency: str | None
) -> None:
    answer = prices.over(january(2, 3))
    assert (answer.total_return, answer.reason, answer.currency) == (None, reason, currency)
    assert answer.begin_price_date == date(2024, 1, 1)


def test_another_currency_before_or_after_does_not_matter() -> None:
    prices = series(d1="100 EUR", d2="100", d3="110", d4="100 EUR")
    assert prices.over(january(3, 3)).total_return == Decimal("0.1")


def test_how_old_a_price_may_be_is_up_to_who_asks() -> None:
    prices = series(d1="100", d2="103")
    assert prices.over(january(2, 9)).total_return == Decimal("0.03")
    assert prices.over(january(2, 10)).total_return is None
    assert prices.over(january(2, 10), age_days_max=8).total_return == Decimal("0.03")
    assert prices.over(january(2, 3), age_days_max=0).total_return is None


def test_prices_that_change_later_change_no_answer() -> None:
    one, two, three = (PriceIn(Decimal(n), "USD") for n in (1, 2, 3))
    prices = {date(2024, 1, 1): one, date(2024, 1, 2): two}
    kept = PriceSeries(prices, rate_on)
    prices[date(2024, 1, 2)] = three
    assert kept.over(january(2, 2)).total_return == 1


def test_the_published_excess_comes_out() -> None:
    """https://rpc.cfainstitute.org/comment/reply/node/130991/field_comments/4371:
    200 became 210, the benchmark's 205: 2.5% and 2.439%."""
    excess = excess_return(Decimal("0.05"), Decimal("0.025"))
    assert excess.arithmetic == Decimal("0.025")
    assert f"{excess.geometric * 100:.3f}" == "2.439"


def test_who_does_as_the_benchmark_does_exceeds_it_by_nothing() -> None:
    assert excess_return(Decimal("-0.3"), Decimal("-0.3")) == ExcessReturn(
        arithmetic=Decimal(0), geometric=Decimal(0)
    )


PRICES = st.lists(st.integers(1, 10**9), min_size=3, max_size=12)


@LAW
@given(PRICES, st.integers(1, 10**6), st.data())
def test_returns_of_parts_link_to_the_whole_and_the_scale_does_not_matter(
    cents: list[int], factor: int, data: st.DataObject
) -> None:
    prices = {on(n): Decimal(cent).scaleb(-2) for n, cent in enumerate(cents)}
    period = Period(on(1), on(len(cents) - 1))
    whole = in_dollars(prices).over(period)
    assert whole.total_return == twelve(Fraction(cents[-1], cents[0]) - 1)
    scaled = {day: price * factor for day, price in prices.items()}
    assert in_dollars(scaled).over(period) == whole
    grain = data.draw(st.sampled_from(Grain))
    exact = Fraction(1)
    for part in parts(period, grain):
        answer = in_dollars(prices).over(part)
        assert answer.begin_price_date is not None
        assert answer.end_price_date is not None
        exact *= Fraction(prices[answer.end_price_date]) / Fraction(prices[answer.begin_price_date])
    assert whole.total_return == twelve(exact - 1)


@LAW
@given(st.integers(-999_999, 10**7), st.integers(-999_999, 10**7))
def test_both_excess_returns_agree_on_who_did_better(portfolio: int, benchmark: int) -> None:
    r, b = Decimal(portfolio).scaleb(-6), Decimal(benchmark).scaleb(-6)
    excess = excess_return(r, b)
    assert (excess.arithmetic > 0) == (excess.geometric > 0) == (r > b)
    exact = (1 + Fraction(r)) / (1 + Fraction(b)) - 1
    assert excess.geometric == twelve(exact)
