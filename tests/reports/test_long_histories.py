"""Questions take their time by what they ask, not by the square of it, and not without end."""

import time
from datetime import date, timedelta
from decimal import Decimal

import pytest

from analytics.periods import Horizon, Period
from reports.limits import Limits
from reports.money_weighted import money_weighted
from reports.performance import performance
from reports.questions import Asked, NoPeriod, TooManyDays
from reports.timeseries import time_series
from tests.reports.conftest import looking
from tests.reports.filled import book, portfolio, price, said, trade

FIRST = date(2014, 1, 2)


def buy_weekly(database_url: str, count: int) -> None:
    days = ((FIRST + timedelta(days=7 * number)).isoformat() for number in range(count))
    events = [trade(f"B{number}", "BUY", day, "1", "10") for number, day in enumerate(days)]
    book(database_url, events, portfolio("USD"))


def test_many_days_without_a_price_do_not_sum_all_costs_for_each(migrated: str) -> None:
    buy_weekly(migrated, 500)
    begun = time.process_time()
    with looking(migrated) as snapshot:
        found = time_series(snapshot, "P1", None, FIRST + timedelta(days=3649), None, Limits())
    assert time.process_time() - begun < 1
    assert found is not None
    assert {day.unrealized_gain_loss for day in found.days} == {Decimal(0)}
    assert {day.unvalued for day in found.days} == {1}


def test_years_of_long_windows_are_linked_once(migrated: str) -> None:
    buy_weekly(migrated, 10)
    price(migrated, "ACME", "USD", {"2014-01-02": "10", "2018-01-02": "11"})
    asked = Asked(
        to=FIRST + timedelta(days=3649),
        periods=(Horizon.SINCE_INCEPTION,) * 5,
        rolling_days=1825,
    )
    begun = time.process_time()
    with looking(migrated) as snapshot:
        found = performance(snapshot, "P1", asked, Limits())
    assert time.process_time() - begun < 5  # 33 million factors otherwise
    assert found is not None
    assert len(found.periods[0].rolling) == 3650 - 1825 + 1
    assert {part.net for part in found.periods[0].rolling} == {Decimal("0.1"), Decimal(0)}


@pytest.mark.parametrize(
    "periods",
    [
        (Period(date(1900, 1, 1), date(1900, 1, 2)), Period(date(2024, 1, 1), date(2024, 1, 2))),
        (Period(date(1990, 1, 1), date(2019, 12, 31)),) * 7,
    ],
)
def test_more_days_than_a_century_are_refused(
    migrated: str, periods: tuple[Horizon | Period, ...]
) -> None:
    book(migrated, [trade("B", "BUY", "1900-01-01", "1", "10")], portfolio("USD"))
    asked = Asked(to=date(2024, 6, 28), periods=periods)
    with looking(migrated) as snapshot:
        with pytest.raises(TooManyDays, match="days"):
            performance(snapshot, "P1", asked, Limits())
        with pytest.raises(TooManyDays, match="days"):
            money_weighted(snapshot, "P1", asked, Limits())
        with pytest.raises(TooManyDays, match="36600 days"):
            time_series(snapshot, "P1", None, date(2024, 6, 28), None, Limits())


def test_a_transaction_of_long_ago_takes_only_its_own_period_the_answer(migrated: str) -> None:
    events = [trade("B", "BUY", "1900-01-01", "1", "10"), trade("C", "BUY", "2024-01-01", "1", "1")]
    book(migrated, events, portfolio("USD"))
    with looking(migrated) as snapshot:
        for ask in (performance, money_weighted):
            found = ask(snapshot, "P1", Asked(to=date(2024, 6, 28)), Limits())
            assert found is not None
            reasons = {each.name: each.reason for each in found.periods}
            too_long = NoPeriod.PERIOD_MUST_NOT_EXCEED_A_CENTURY
            assert reasons.pop(Horizon.SINCE_INCEPTION) is too_long
            assert set(reasons.values()) == {None}


def test_an_absurd_value_of_one_holding_is_none(migrated: str) -> None:
    price(migrated, "ACME", "USD", {"2024-01-01": "2"})
    price(migrated, "HUGE", "USD", {"2024-01-01": "999999999999999"})
    events = [
        trade("A", "BUY", "2024-01-01", "5", "2"),
        trade("H", "BUY", "2024-01-01", "999999999999999", "1", security_id="HUGE"),
    ]
    book(migrated, events, portfolio("USD"))
    with looking(migrated) as snapshot:
        found = time_series(snapshot, "P1", None, date(2024, 1, 2), None, Limits())
    assert found is not None
    assert [said(day.end_value, day.unvalued) for day in found.days] == [(10, 1), (10, 1)]
