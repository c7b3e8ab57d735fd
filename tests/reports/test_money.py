"""What cash is worth: a unit of its currency where it is kept, else what its price says."""

from datetime import date
from decimal import Decimal

import pytest

from reports.limits import Limits
from reports.timeseries import time_series
from reports.valuation import valuation_on
from tests.reports.conftest import looking
from tests.reports.filled import book, instrument, portfolio, price, rate, trade

LIMITS = Limits()
DAYS = [date(2024, 3, day) for day in (1, 2, 3)]


def values(database_url: str) -> list[Decimal]:
    """At the end of each day, as valuations and series both say."""
    with looking(database_url) as snapshot:
        valued = [valuation_on(snapshot, "P1", day, LIMITS) for day in DAYS]
        series = time_series(snapshot, "P1", None, DAYS[-1], None, LIMITS)
    totals = [each.total for each in valued if each is not None]
    found = [total.market_value for total in totals if total is not None]
    assert series is not None
    assert [day.end_value for day in series.days] == found
    return found


@pytest.mark.parametrize("name", ["CASH", "FUND"])
def test_where_none_is_kept_a_price_that_is_known_is_what_counts(migrated: str, name: str) -> None:
    """CASH is the ticker of a bank, and a money market fund is of the class cash."""
    if name == "FUND":
        instrument(migrated, name, "USD", asset_class="Cash")
    price(migrated, name, "USD", {"2024-03-02": "75"})
    bought = trade("B", "BUY", "2024-03-01", "100", "75", security_id=name)
    book(migrated, [bought], portfolio("USD"))
    assert values(migrated) == [100, 7500, 7500]


def test_a_price_in_another_currency_counts_from_its_day(migrated: str) -> None:
    price(migrated, "CASH_USD", "EUR", {"2024-03-02": "0.5"})
    rate(migrated, "EUR/USD", {"2024-03-01": "1.2"})
    book(
        migrated,
        [trade("B", "DEPOSIT", "2024-03-01", amount="100", security_id="CASH_USD")],
        portfolio("USD"),
    )
    assert values(migrated) == [100, 60, 60]


@pytest.mark.parametrize("cash", ["explicit", "automatic"])
def test_where_it_is_kept_a_unit_is_one_of_its_currency(migrated: str, cash: str) -> None:
    """Whatever others call by this name."""
    instrument(migrated, "CASH", "USD", asset_class="Equity", multiplier=Decimal(10))
    price(migrated, "CASH", "USD", {"2024-03-02": "75"})
    rate(migrated, "EUR/USD", {"2024-03-01": "1.2"})
    came = trade(
        "D", "DEPOSIT", "2024-03-01", amount="100", security_id="CASH", currency="EUR",
        fx_rate="1.1",
    )  # fmt: skip
    book(migrated, [came], portfolio("USD", cash=cash))
    assert values(migrated) == [120, 120, 120]
