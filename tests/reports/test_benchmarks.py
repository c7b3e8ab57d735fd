"""Benchmarks in currencies of their own, beside portfolios in theirs."""

from datetime import date
from decimal import Decimal

import pytest

from analytics.periods import Grain, Period
from reports.limits import Limits
from reports.performance import BenchmarkOver, PeriodReturn, performance
from reports.questions import Asked
from tests.reports.conftest import looking
from tests.reports.filled import book, portfolio, price, rate, trade

MARCH = Period(date(2024, 3, 1), date(2024, 3, 29))


@pytest.fixture
def held(migrated: str) -> str:
    """A share in dollars that gains a tenth in March, in a portfolio in dollars."""
    price(migrated, "ACME", "USD", {"2024-02-29": "100", "2024-03-29": "110"})
    book(migrated, [trade("B", "BUY", "2024-02-29", "1", "100")], portfolio("USD"))
    return migrated


def ask(database_url: str, security_id: str = "INDEX") -> PeriodReturn:
    asked = Asked(to=MARCH.last_day, periods=(MARCH,), benchmark=security_id,
                  breakdown=Grain.YEARLY)  # fmt: skip
    with looking(database_url) as snapshot:
        found = performance(snapshot, "P1", asked, Limits())
    assert found is not None
    return found.periods[0]


def against(database_url: str) -> BenchmarkOver:
    found = ask(database_url).benchmark
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pair", "before", "after", "through"),
    [
        ("EUR/USD", "1.00", "1.25", {}),
        ("USD/EUR", "1.00", "0.80", {}),
        ("EUR/GBP", "0.50", "0.50", {"2024-02-28": "2", "2024-03-29": "2.5"}),
    ],
)
def test_it_is_converted_as_a_position_is(
    held: str, pair: str, before: str, after: str, through: dict[str, str]
) -> None:
    """1,000 euros become 1,200, and one euro a quarter more dollars: direct, inverse, or crossed."""
    price(held, "INDEX", "EUR", {"2024-02-29": "1000", "2024-03-29": "1200"})
    rate(held, pair, {"2024-02-28": before, "2024-03-29": after})
    rate(held, "GBP/USD", through)
    asked = Asked(to=MARCH.last_day, periods=(MARCH,), benchmark="INDEX")
    with looking(held) as snapshot:
        told = performance(snapshot, "P1", asked, Limits(cross_currency="GBP"))
    assert told is not None
    found = told.periods[0].benchmark
    assert found is not None
    assert found.total_return == Decimal("0.5")
    assert (found.benchmark_currency, found.reason) == ("EUR", None)
    assert found.excess_arithmetic == Decimal("-0.4")


def test_the_parts_of_a_period_are_converted_too(held: str) -> None:
    price(held, "INDEX", "EUR", {"2024-02-29": "1000", "2024-03-29": "1200"})
    rate(held, "EUR/USD", {"2024-02-29": "1", "2024-03-29": "1.25"})
    assert [each.benchmark for each in ask(held).breakdown] == [Decimal("0.5")]


def test_without_a_rate_that_is_recent_enough_there_is_no_return(held: str) -> None:
    price(held, "INDEX", "EUR", {"2024-02-29": "1000", "2024-03-29": "1200"})
    rate(held, "EUR/USD", {"2024-02-29": "1.25", "2024-03-21": "1.25"})
    found = against(held)
    assert (found.total_return, found.excess_arithmetic) == (None, None)
    assert (found.reason, found.benchmark_currency) == ("fx_rate_must_be_known", "EUR")
    rate(held, "EUR/USD", {"2024-03-22": "1.25"})
    assert against(held).total_return == Decimal("0.2")


def test_one_whose_currency_changes_has_no_return(held: str) -> None:
    """From pounds to pence nothing is gained."""
    price(held, "INDEX", "GBP", {"2024-02-29": "10"})
    price(held, "INDEX", "GBX", {"2024-03-29": "1000"})
    rate(held, "GBP/USD", {"2024-02-29": "1.25", "2024-03-29": "1.25"})
    rate(held, "GBX/USD", {"2024-02-29": "0.0125", "2024-03-29": "0.0125"})
    found = against(held)
    assert found.total_return is None
    assert (found.reason, found.benchmark_currency) == ("currency_must_not_change", None)


def test_one_in_the_currency_of_the_portfolio_needs_no_rate(held: str) -> None:
    price(held, "INDEX", "USD", {"2024-02-29": "1000", "2024-03-29": "1200"})
    found = against(held)
    assert (found.total_return, found.benchmark_currency) == (Decimal("0.2"), "USD")


def test_one_without_prices_says_so(held: str) -> None:
    found = against(held)
    assert (found.reason, found.benchmark_currency) == ("price_must_be_known", None)
