"""What one unit of money that was there from the first to the last day has earned.

    r = (end value - begin value - flows) / (begin value + flow at begin)

for each day, linked geometrically, as GIPS wants it: Standards Handbook for Firms (2020),
https://www.gipsstandards.org/standards/gips-standards-for-firms/gips-standards-handbook-for-firms/
https://en.wikipedia.org/wiki/Time-weighted_return
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum

from analytics.days import Basis, Day, check_joined
from analytics.exact import check_amount, rounded_return
from analytics.periods import Period
from calculator.money import EXACT, ONE, ZERO

DAYS_PER_YEAR = 365  # ACT/365, also in leap years


class NotAnnualized(StrEnum):
    """The requirement for an annual rate that a return does not meet."""

    PERIOD_MUST_EXCEED_A_YEAR = "period_must_exceed_a_year"
    RETURN_MUST_EXCEED_MINUS_ONE = "return_must_exceed_minus_one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A day on which something happened to a capital of zero or less: it has no return."""

    valuation_date: date
    capital: Decimal  # zero or below
    gain: Decimal  # money that no return shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Days linked without a break."""

    period: Period  # from its first to its last day with money before the next break
    total_return: Decimal  # a fraction, half-even to 12 places; -1: all is lost
    annualized_return: Decimal | NotAnnualized


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Segments and breaks, each in order of time."""

    segments: tuple[Segment, ...]
    breaks: tuple[Break, ...]

    @property
    def total_return(self) -> Decimal | None:
        """The return of the only segment. None without one, and where it would hide something:
        where there are more, or something was gained or lost in a break."""
        if len(self.segments) != 1 or any(each.gain for each in self.breaks):
            return None
        return self.segments[0].total_return


@dataclass(frozen=True, slots=True)
class DayReturn:
    """A day and its return, not rounded; None where there is no capital to divide by."""

    day: Day
    exact_return: Decimal | None


def day_returns(days: Sequence[Day], basis: Basis = Basis.NET_OF_FEES) -> list[DayReturn]:
    """One for each day; 0 for idle days. `BadInput` for days that do not join."""
    check_joined(days)
    with localcontext(EXACT):
        return [DayReturn(day, _exact_return(day, basis)) for day in days]


def _exact_return(day: Day, basis: Basis) -> Decimal | None:
    if day.is_idle:
        return ZERO
    capital = day.capital
    return day.gain(basis) / capital if capital > 0 else None


def runs(returns: Iterable[DayReturn]) -> list[list[DayReturn]]:
    """The days of each segment: cut out where a day has no return, and after one below -1.

    Who lost more than everything owes money: whatever is linked after that has the wrong sign.
    Idle days before anything was held, and after the last of it, belong to no run: they would only
    make the time longer that a return is annualized over. Those in between do.
    """
    found: list[list[DayReturn]] = []
    run: list[DayReturn] = []
    for each in returns:
        if each.exact_return is None:
            run = []
        elif run or not each.day.is_idle:
            if not run:
                found.append(run)
            run.append(each)
            if each.exact_return < -1:
                run = []
    for run in found:
        while run[-1].day.is_idle:
            run.pop()
    return found


def link(returns: Sequence[DayReturn], basis: Basis = Basis.NET_OF_FEES) -> Linked:
    """Daily returns linked: (1 + r1)(1 + r2)... - 1; computed before on the same basis.

    A day with capital of zero or less on which something happened ends the segment, and is told
    as a break; the next day with capital begins another. Idle days change nothing, and a day that
    loses all leaves -1 whatever comes later in its segment. No days, no segments.
    `BadInput` for a return of 10^26 or more.
    """
    with localcontext(EXACT):
        return Linked(
            segments=tuple(_segment(run) for run in runs(returns)),
            breaks=tuple(
                Break(
                    valuation_date=each.day.valuation_date,
                    capital=each.day.capital,
                    gain=each.day.gain(basis),
                )
                for each in returns
                if each.exact_return is None
            ),
        )


def _segment(run: Sequence[DayReturn]) -> Segment:
    factor = ONE
    for each in run:
        assert each.exact_return is not None
        factor *= 1 + each.exact_return
    period = Period(run[0].day.valuation_date, run[-1].day.valuation_date)
    return Segment(
        period=period,
        total_return=rounded_return(factor - 1),
        annualized_return=annualized(factor - 1, period.days),
    )


def annualized(total_return: Decimal, days: int) -> Decimal | NotAnnualized:
    """The yearly rate that gives `total_return` in so many days: (1 + r)^(365 / days) - 1.

    A fraction, half-even to 12 places. Only beyond 365 days: "Returns for periods of less
    than one year must not be annualized", https://gipsstandards.org/?GIPSID=370. A return of -1
    or less has no rate.
    """
    check_amount("total_return", total_return)
    if days <= DAYS_PER_YEAR:
        return NotAnnualized.PERIOD_MUST_EXCEED_A_YEAR
    if total_return <= -1:
        return NotAnnualized.RETURN_MUST_EXCEED_MINUS_ONE
    with localcontext(EXACT):
        return rounded_return((1 + total_return) ** (Decimal(DAYS_PER_YEAR) / days) - 1)
