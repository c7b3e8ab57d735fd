from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.bad_input import BadInput
from analytics.periods import (
    ONE_DAY,
    Grain,
    Horizon,
    Period,
    months_before,
    part_of,
    parts,
    period_of,
    rolling_days,
    rolling_months,
    trailing,
)
from tests.analytics.figures import LAW

DATES = st.dates(date(1990, 1, 1), date(2040, 12, 31))
LONG_AGO = date(1990, 1, 1)


def spelled(period: Period | None) -> str:
    return "none" if period is None else f"{period.first_day} {period.last_day}"


@pytest.mark.parametrize(
    ("horizon", "as_of", "period"),
    [
        ("MTD", "2024-02-29", "2024-02-01 2024-02-29"),
        ("MTD", "2024-03-01", "2024-03-01 2024-03-01"),
        ("QTD", "2024-06-30", "2024-04-01 2024-06-30"),
        ("QTD", "2024-12-31", "2024-10-01 2024-12-31"),
        ("YTD", "2024-12-31", "2024-01-01 2024-12-31"),
        ("YTD", "2024-01-01", "2024-01-01 2024-01-01"),
        ("1Y", "2024-12-31", "2024-01-01 2024-12-31"),
        ("1Y", "2024-06-15", "2023-06-16 2024-06-15"),
        ("1Y", "2024-02-29", "2023-03-01 2024-02-29"),
        ("1Y", "2025-02-28", "2024-03-01 2025-02-28"),
        ("1Y", "2024-02-28", "2023-03-01 2024-02-28"),
        ("3Y", "2024-02-29", "2021-03-01 2024-02-29"),
        ("5Y", "2025-02-28", "2020-03-01 2025-02-28"),
        ("SI", "2024-06-15", "1990-01-01 2024-06-15"),
    ],
)
def test_a_horizon_has_these_days(horizon: str, as_of: str, period: str) -> None:
    found = period_of(Horizon(horizon), date.fromisoformat(as_of), LONG_AGO)
    assert spelled(found) == period


@pytest.mark.parametrize(
    ("horizon", "period"),
    [
        ("MTD", "2024-06-10 2024-06-15"),
        ("QTD", "2024-06-10 2024-06-15"),
        ("YTD", "2024-06-10 2024-06-15"),
        ("1Y", "none"),
        ("3Y", "none"),
        ("5Y", "none"),
        ("SI", "2024-06-10 2024-06-15"),
    ],
)
def test_a_horizon_does_not_reach_before_the_inception(horizon: str, period: str) -> None:
    found = period_of(Horizon(horizon), date(2024, 6, 15), date(2024, 6, 10))
    assert spelled(found) == period


def test_a_year_that_begins_with_the_inception_is_a_year() -> None:
    as_of, inception = date(2024, 6, 15), date(2023, 6, 16)
    assert period_of(Horizon.ONE_YEAR, as_of, inception) == Period(inception, as_of)
    assert period_of(Horizon.ONE_YEAR, as_of, inception + ONE_DAY) is None


@pytest.mark.parametrize("horizon", Horizon)
def test_nothing_is_known_before_the_inception(horizon: Horizon) -> None:
    with pytest.raises(BadInput, match="period_must_not_end_before_it_begins"):
        period_of(horizon, date(2024, 6, 15), date(2024, 6, 16))


def test_a_period_begins_with_the_value_of_the_day_before() -> None:
    year = Period(date(2024, 1, 1), date(2024, 12, 31))
    assert year.begin_date == date(2023, 12, 31)
    assert year.days == 366
    assert year.begin_date not in year
    assert date(2024, 2, 29) in year


@pytest.mark.parametrize(
    ("day", "months", "earlier"),
    [
        ("2024-03-31", 1, "2024-02-29"),
        ("2024-06-30", 1, "2024-05-31"),  # the end of a month
        ("2024-05-30", 3, "2024-02-29"),  # no such day
        ("2024-01-15", 1, "2023-12-15"),
        ("2024-12-31", 12, "2023-12-31"),
        ("2024-01-31", 11, "2023-02-28"),
    ],
)
def test_months_before_a_day(day: str, months: int, earlier: str) -> None:
    assert months_before(date.fromisoformat(day), months) == date.fromisoformat(earlier)


@LAW
@given(DATES, st.integers(0, 800), st.sampled_from(Grain))
def test_the_parts_of_a_period_are_all_its_days_once(first: date, days: int, grain: Grain) -> None:
    period = Period(first, first + timedelta(days=days))
    found = list(parts(period, grain))
    assert sum(part.days for part in found) == period.days
    assert (found[0].first_day, found[-1].last_day) == (period.first_day, period.last_day)
    for part in found:
        assert part_of(part.first_day, grain) == part_of(part.last_day, grain)
    for one, two in pairwise(found):
        assert two.begin_date == one.last_day
        assert part_of(one.last_day, grain) != part_of(two.first_day, grain)


@LAW
@given(DATES, st.integers(1, 60))
def test_months_before_is_in_the_month_that_was_so_many_before(day: date, months: int) -> None:
    earlier = months_before(day, months)
    assert (day.year - earlier.year) * 12 + day.month - earlier.month == months
    assert earlier.day <= day.day or (day + ONE_DAY).day == 1
    assert ((earlier + ONE_DAY).day == 1) or earlier.day == day.day


@LAW
@given(DATES)
def test_twelve_months_of_a_month_end_are_twelve_whole_months(day: date) -> None:
    year = trailing(part_of(day, Grain.MONTHLY).last_day, 12)
    months = list(parts(year, Grain.MONTHLY))
    assert [part_of(month.first_day, Grain.MONTHLY) for month in months] == months
    assert len(months) == 12


def test_windows_of_days_roll_by_a_day() -> None:
    within = Period(date(2024, 2, 27), date(2024, 3, 2))
    assert [spelled(window) for window in rolling_days(within, 3)] == [
        "2024-02-27 2024-02-29",
        "2024-02-28 2024-03-01",
        "2024-02-29 2024-03-02",
    ]
    assert list(rolling_days(within, 6)) == []


def test_windows_of_months_are_whole_months_within() -> None:
    within = Period(date(2023, 12, 1), date(2024, 4, 29))
    assert [spelled(window) for window in rolling_months(within, 2)] == [
        "2023-12-01 2024-01-31",
        "2024-01-01 2024-02-29",
        "2024-02-01 2024-03-31",
    ]
    assert list(rolling_months(within, 5)) == []
