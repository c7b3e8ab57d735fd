"""What is asked about the performance of a portfolio, and what cannot be answered."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from analytics.periods import Grain, Horizon, Period, period_of
from reports.history import PortfolioHistory, read_history
from reports.positions import is_known
from reports.snapshot import Snapshot
from reports.sources import Grouping

_IS_KNOWN = """
SELECT EXISTS (
    SELECT FROM transactions
    WHERE portfolio_id = %s AND security_id = %s AND status <> 'CANCELLED')
"""
STANDARD = tuple(Horizon)
DAYS_MAX = 36_600  # a hundred years
DAYS_TOGETHER_MAX = 2 * DAYS_MAX  # of all periods of a question


class NoPeriod(StrEnum):
    """The requirement for a period that the history does not meet."""

    HISTORY_MUST_REACH_BACK = "history_must_reach_back"
    HISTORY_MUST_HAVE_BEGUN = "history_must_have_begun"
    PERIOD_MUST_NOT_EXCEED_A_CENTURY = "period_must_not_exceed_a_century"


class SeveralBaseCurrencies(Exception):
    """Holdings of a portfolio without a record are kept in more than one: send a record."""


class TooManyDays(Exception):
    """A transaction of long ago makes a period longer than is answered: ask for explicit days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Periods by name end on `to`; explicit ones where they say."""

    to: date
    periods: tuple[Horizon | Period, ...] = STANDARD
    security_id: str | None = None  # None: the whole portfolio
    breakdown: Grain | None = None
    rolling_months: int | None = None  # windows that end with each month
    rolling_days: int | None = None  # windows that end with each day
    contribution: Grouping | None = None
    currency_effect: bool = False
    benchmark: str | None = None  # a security whose prices are the series

    @property
    def has_local(self) -> bool:
        """Whether gains in the currencies of holdings are asked for."""
        return self.currency_effect or self.contribution is not None

    @property
    def last_day(self) -> date:
        """Of all that is asked."""
        explicit = [each.last_day for each in self.periods if isinstance(each, Period)]
        return max([self.to, *explicit])


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A period as it was asked for. Null: it has no days, and why."""

    name: Horizon | None
    period: Period | None
    reason: NoPeriod | None


def named_periods(asked: Asked, inception: date | None) -> list[Named]:
    """In the order they were asked for."""
    return [_named(each, asked.to, inception) for each in asked.periods]


def _named(each: Horizon | Period, to: date, inception: date | None) -> Named:
    last_day = each.last_day if isinstance(each, Period) else to
    name = None if isinstance(each, Period) else each
    if inception is None or inception > last_day:
        return Named(name=name, period=None, reason=NoPeriod.HISTORY_MUST_HAVE_BEGUN)
    if isinstance(each, Period):
        # Days before the first transaction have nothing on them.
        period = Period(max(each.first_day, inception), each.last_day)
        return Named(name=None, period=period, reason=None)
    found = period_of(each, to, inception)
    if found is None:
        return Named(name=name, period=None, reason=NoPeriod.HISTORY_MUST_REACH_BACK)
    if found.days > DAYS_MAX:
        # One transaction of long ago, mistyped as like as not, must not take the others theirs.
        return Named(name=name, period=None, reason=NoPeriod.PERIOD_MUST_NOT_EXCEED_A_CENTURY)
    return Named(name=name, period=found, reason=None)


def covering(periods: Iterable[Period | None]) -> Period | None:
    """The days from the first to the last of all. `TooManyDays`, so that a question takes seconds
    at most, whoever asks."""
    there = [each for each in periods if each is not None]
    if not there:
        return None
    whole = Period(min(each.first_day for each in there), max(each.last_day for each in there))
    if whole.days > DAYS_MAX:
        raise TooManyDays(f"{whole.first_day} to {whole.last_day} is more than {DAYS_MAX} days")
    if sum(each.days for each in there) > DAYS_TOGETHER_MAX:
        raise TooManyDays(f"all periods have more than {DAYS_TOGETHER_MAX} days together")
    return whole


def known_history(
    snapshot: Snapshot,
    portfolio_id: str,
    last_day: date,
    security_id: str | None,
    *,
    has_local: bool = False,
) -> PortfolioHistory | None:
    """None: there is no such portfolio, or no such holding in it. One that begins after the last
    day has nothing in it."""
    if not is_known(snapshot, portfolio_id):
        return None
    history = read_history(snapshot, portfolio_id, last_day, has_local=has_local)
    if security_id is not None:
        one = history.holdings.get(security_id)
        if one is not None:
            alone = {security_id: one}
            history = replace(history, base_currency=one.base_currency, holdings=alone)
        elif snapshot.row(_IS_KNOWN, portfolio_id, security_id)[0]:
            history = replace(history, holdings={})  # it begins later
        else:
            return None
    if history.base_currency is None and history.holdings:
        raise SeveralBaseCurrencies
    return history
