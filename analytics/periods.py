"""Which days a period has.

A period is its first and its last day, both included. Its begin value is the end value of the day
before its first day: 2024 begins with what 2023 ended with, and has 366 days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from analytics.bad_input import BadInput, Rule
from analytics.exact import check_day

ONE_DAY = timedelta(days=1)


class Grain(StrEnum):
    """How finely a period is broken down: parts of the calendar."""

    DAILY = "DAILY"
    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    YEARLY = "YEARLY"


class Horizon(StrEnum):
    """The periods that reports name."""

    MONTH_TO_DATE = "MTD"
    QUARTER_TO_DATE = "QTD"
    YEAR_TO_DATE = "YTD"
    ONE_YEAR = "1Y"
    THREE_YEARS = "3Y"
    FIVE_YEARS = "5Y"
    SINCE_INCEPTION = "SI"


MONTHS = {Grain.MONTHLY: 1, Grain.QUARTERLY: 3, Grain.YEARLY: 12}
TO_DATE = {
    Horizon.MONTH_TO_DATE: Grain.MONTHLY,
    Horizon.QUARTER_TO_DATE: Grain.QUARTERLY,
    Horizon.YEAR_TO_DATE: Grain.YEARLY,
}
TRAILING = {Horizon.ONE_YEAR: 12, Horizon.THREE_YEARS: 36, Horizon.FIVE_YEARS: 60}


@dataclass(frozen=True, slots=True)
class Period:
    """At least one day. `BadInput` where the last day is before the first."""

    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        check_day("first_day", self.first_day)
        check_day("last_day", self.last_day)
        if self.last_day < self.first_day:
            rule = Rule.PERIOD_MUST_NOT_END_BEFORE_IT_BEGINS
            raise BadInput("last_day", rule, f"{self.last_day} is before {self.first_day}")

    @property
    def days(self) -> int:
        """Calendar days, first and last included: also those from begin value to end value."""
        return (self.last_day - self.first_day).days + 1

    @property
    def begin_date(self) -> date:
        """The day whose end value the period begins with."""
        return self.first_day - ONE_DAY

    def __contains__(self, day: date) -> bool:
        return self.first_day <= day <= self.last_day


def part_of(day: date, grain: Grain) -> Period:
    """The whole day, month, quarter or year of the calendar that `day` is in."""
    if grain is Grain.DAILY:
        return Period(day, day)
    length = MONTHS[grain]
    first_month = (day.month - 1) // length * length + 1
    return Period(day.replace(month=first_month, day=1), month_end(day.year, first_month + length))


def month_end(year: int, next_month: int) -> date:
    """The last day before the first of `next_month`, of which 13 is January of the next year."""
    return date(year + next_month // 13, (next_month - 1) % 12 + 1, 1) - ONE_DAY


def parts(period: Period, grain: Grain) -> Iterator[Period]:
    """The period broken down; its first and last part are cut where it begins and ends."""
    day = period.first_day
    while day <= period.last_day:
        part = part_of(day, grain)
        yield Period(day, min(part.last_day, period.last_day))
        day = part.last_day + ONE_DAY


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month; the month's end where it has no such day.

    The end of a month goes to the end of a month: 28 Feb 2025 less a year is 29 Feb 2024, and
    30 June less a month is 31 May. So twelve months that end with a month are whole months.
    """
    if months <= 0:
        raise BadInput("months", Rule.LENGTH_MUST_BE_POSITIVE, str(months))
    index = day.year * 12 + day.month - 1 - months
    end = month_end(index // 12, index % 12 + 2)
    is_month_end = day == month_end(day.year, day.month + 1)
    return end if is_month_end else end.replace(day=min(day.day, end.day))


def trailing(as_of: date, months: int) -> Period:
    """The months up to and with `as_of`. A year to 29 Feb 2024 is 1 March 2023 to 29 Feb 2024."""
    return Period(months_before(as_of, months) + ONE_DAY, as_of)


def period_of(horizon: Horizon, as_of: date, inception: date) -> Period | None:
    """What the name means on the day `as_of`, for what began on the day `inception`.

    To-date periods begin at the inception, if that is later. One, three and five years are None
    where the history does not reach back so far: a part of them would not be what they say.
    `BadInput` for an inception after `as_of`.
    """
    whole = Period(inception, as_of)
    if horizon in TO_DATE:
        return Period(max(part_of(as_of, TO_DATE[horizon]).first_day, inception), as_of)
    if horizon in TRAILING:
        period = trailing(as_of, TRAILING[horizon])
        return period if period.first_day >= inception else None
    return whole


def rolling_days(within: Period, days: int) -> Iterator[Period]:
    """All windows of so many days that lie within, one for each last day."""
    if days <= 0:
        raise BadInput("days", Rule.LENGTH_MUST_BE_POSITIVE, str(days))
    first_day = within.first_day
    while (last_day := first_day + timedelta(days=days - 1)) <= within.last_day:
        yield Period(first_day, last_day)
        first_day += ONE_DAY


def rolling_months(within: Period, months: int) -> Iterator[Period]:
    """All windows of so many whole months of the calendar that lie within."""
    for month in parts(within, Grain.MONTHLY):
        if month.last_day == part_of(month.last_day, Grain.MONTHLY).last_day:
            window = trailing(month.last_day, months)
            if window.first_day >= within.first_day:
                yield window
