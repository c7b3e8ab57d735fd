from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.benchmark import BenchmarkReturn, ExcessReturn, PriceSeries, excess_return
from analytics.periods import Grain, Period, parts
from tests.analytics.figures import LAW, on, twelve


def series(**prices: str) -> PriceSeries:
    """By the day of January 2024: `d2="100"`."""
    return PriceSeries(
        {date(2024, 1, int(day[1:])): Decimal(price) for day, price in prices.items()}
    )


def january(first: int, last: int) -> Period:
    return Period(date(2024, 1, first), date(2024, 1, last))


def test_a_period_begins_with_the_price_of_the_day_before() -> None:
    answer = series(d1="100", d2="110", d3="121").over(january(2, 3))
    assert answer == BenchmarkReturn(
        period=january(2, 3),
        total_return=Decimal("0.21"),
        begin_price_date=date(2024, 1, 1),
        end_price_date=date(2024, 1, 3),
        missing=(),
    )


def test_an_earlier_price_stands_in_and_is_told() -> None:
    answer = series(d5="100", d12="110").over(january(8, 14))  # 7 and 14 January are Sundays
    assert answer.total_return == Decimal("0.1")
    assert (answer.begin_price_date, answer.end_price_date) == (
        date(2024, 1, 5),
        date(2024, 1, 12),
    )
    assert answer.missing == (date(2024, 1, 7), date(2024, 1, 14))


@pytest.mark.parametrize(
    ("prices", "missing"),
    [
        (series(d9="100"), (date(2024, 1, 8), date(2024, 1, 20))),  # none before the begin
        (series(d8="100"), (date(2024, 1, 20),)),  # too old at the end
        (series(), (date(2024, 1, 8), date(2024, 1, 20))),
    ],
)
def test_without_a_recent_price_there_is_no_return(
    prices: PriceSeries, missing: tuple[date, ...]
) -> None:
    answer = prices.over(january(9, 20))
    assert answer.total_return is None
    assert answer.missing == missing


def test_how_old_a_price_may_be_is_up_to_who_asks() -> None:
    prices = series(d1="100", d2="103")
    assert prices.over(january(2, 9)).total_return == Decimal("0.03")
    assert prices.over(january(2, 10)).total_return is None
    assert prices.over(january(2, 10), age_days_max=8).total_return == Decimal("0.03")
    assert prices.over(january(2, 3), age_days_max=0).total_return is None


def test_prices_that_change_later_change_no_answer() -> None:
    prices = {date(2024, 1, 1): Decimal(1), date(2024, 1, 2): Decimal(2)}
    kept = PriceSeries(prices)
    prices[date(2024, 1, 2)] = Decimal(3)
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
    whole = PriceSeries(prices).over(period)
    assert whole.total_return == twelve(Fraction(cents[-1], cents[0]) - 1)
    scaled = {day: price * factor for day, price in prices.items()}
    assert PriceSeries(scaled).over(period) == whole
    grain = data.draw(st.sampled_from(Grain))
    exact = Fraction(1)
    for part in parts(period, grain):
        answer = PriceSeries(prices).over(part)
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
