"""What was earned over periods: time-weighted, with what it came from."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from analytics.days import Basis
from analytics.exact import rounded_return
from analytics.periods import Period
from analytics.time_weighted import (
    Break,
    DayReturn,
    Linked,
    NotAnnualized,
    Segment,
    day_returns,
    link,
)
from calculator.money import EXACT
from reports.series import SeriesDay


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReturn:
    """Days linked without a break, both ends included."""

    from_: date
    to: date
    total_return: Decimal
    annualized_return: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Null where there is none: no day with capital, or more segments than one."""

    total_return: Decimal | None
    annualized_return: Decimal | None  # a year, ACT/365
    not_annualized: NotAnnualized | None
    segments: tuple[SegmentReturn, ...]
    breaks: tuple[Break, ...]


@dataclass(frozen=True, slots=True)
class Earned:
    """The days of a portfolio or holding, and the return of each on both bases."""

    days: Sequence[SeriesDay]
    net: Sequence[DayReturn]
    gross: Sequence[DayReturn]

    def within(self, period: Period) -> slice:
        """Of these days, those of the period."""
        dates = self.days
        first = bisect_left(dates, period.first_day, key=_date)
        return slice(first, bisect_right(dates, period.last_day, key=_date))


def _date(day: SeriesDay) -> date:
    return day.day.valuation_date


def earned(days: Sequence[SeriesDay]) -> Earned:
    plain_days = [each.day for each in days]
    net = day_returns(plain_days, Basis.NET_OF_FEES)
    has_fees = any(day.fees for day in plain_days)
    gross = day_returns(plain_days, Basis.GROSS_OF_FEES) if has_fees else net
    return Earned(days, net, gross)


def linked_return(returns: Sequence[DayReturn], basis: Basis) -> Return:
    return told(link(returns, basis))


def told(linked: Linked) -> Return:
    """As an answer tells it: annualized where its only segment is."""
    total = linked.total_return
    annualized = None if total is None else linked.segments[0].annualized_return
    is_rate = isinstance(annualized, Decimal)
    return Return(
        total_return=total,
        annualized_return=annualized if isinstance(annualized, Decimal) else None,
        not_annualized=None if is_rate or not isinstance(annualized, NotAnnualized) else annualized,
        segments=tuple(map(_segment, linked.segments)),
        breaks=linked.breaks,
    )


def _segment(segment: Segment) -> SegmentReturn:
    rate = segment.annualized_return
    return SegmentReturn(
        from_=segment.period.first_day,
        to=segment.period.last_day,
        total_return=segment.total_return,
        annualized_return=rate if isinstance(rate, Decimal) else None,
    )


def less(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return None
    with localcontext(EXACT):
        return rounded_return(one - other)
