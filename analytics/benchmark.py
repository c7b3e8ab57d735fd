"""What a price series returned over a period, and by how much a portfolio did better.

A period begins with the price at the end of the day before its first, as a portfolio does, and
prices are converted as the values of a portfolio are: at the rate of the day they are used on.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import accumulate, pairwise

from analytics.bad_input import BadInput, Rule
from analytics.exact import check_amount, check_day, check_positive, rounded_return
from analytics.periods import Period
from calculator.money import EXACT

AGE_DAYS_MAX = 7  # of a price that stands in: longer than any usual holidays


class NoPriceReturn(StrEnum):
    """The requirement for a return that the prices do not meet, at begin or end."""

    PRICE_MUST_BE_KNOWN = "price_must_be_known"
    PRICE_MUST_BE_RECENT = "price_must_be_recent"
    # Prices of the period are in several: of another listing, or pence for pounds.
    CURRENCY_MUST_NOT_CHANGE = "currency_must_not_change"
    FX_RATE_MUST_BE_KNOWN = "fx_rate_must_be_known"


@dataclass(frozen=True, slots=True)
class PriceIn:
    """Per unit."""

    price: Decimal
    currency: str


# Of what is to be the currency of the return, per unit of this one at the end of the day; None: it
# is not known.
RateOn = Callable[[str, date], Decimal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkReturn:
    """The prices that were taken, and why there is no return."""

    total_return: Decimal | None  # a fraction, half-even to 12 places
    reason: NoPriceReturn | None
    currency: str | None  # of the prices; None: there is none, or several
    begin_price_date: date | None  # None: no price, or none recent enough
    end_price_date: date | None


class PriceSeries:
    """Prices of one thing, with what it pays out reinvested, by day.

    `BadInput` for a price that is not positive.
    """

    def __init__(self, prices: Mapping[date, PriceIn], rate_on: RateOn) -> None:
        for day, each in prices.items():
            check_day("price_date", day)
            check_positive(f"prices[{day}]", each.price)
        self._prices = dict(prices)
        self._rate_on = rate_on
        self._days = sorted(prices)
        currencies = [prices[day].currency for day in self._days]
        # How often the currency has changed, up to each of these days.
        changes = accumulate((one != other for one, other in pairwise(currencies)), initial=0)
        self._changes = dict(zip(self._days, changes, strict=False))

    def price_date(self, day: date, age_days_max: int) -> date | NoPriceReturn:
        """The day itself or the last one before it that has a price, if recent enough."""
        index = bisect_right(self._days, day)
        if index == 0:
            return NoPriceReturn.PRICE_MUST_BE_KNOWN
        if self._days[index - 1] < day - timedelta(days=age_days_max):
            return NoPriceReturn.PRICE_MUST_BE_RECENT
        return self._days[index - 1]

    def over(self, period: Period, age_days_max: int = AGE_DAYS_MAX) -> BenchmarkReturn:
        """Price of the last day / price of the day before the first - 1, each at the rate of that
        day. On days without one an earlier price stands in, as on weekends."""
        begin = self.price_date(period.begin_date, age_days_max)
        end = self.price_date(period.last_day, age_days_max)
        days = [each for each in (begin, end) if isinstance(each, date)]
        found = self._return(period, begin, end)
        is_one = bool(days) and self._changes[days[0]] == self._changes[days[-1]]
        return BenchmarkReturn(
            total_return=found if isinstance(found, Decimal) else None,
            reason=found if isinstance(found, NoPriceReturn) else None,
            currency=self._prices[days[0]].currency if is_one else None,
            begin_price_date=begin if isinstance(begin, date) else None,
            end_price_date=end if isinstance(end, date) else None,
        )

    def _return(
        self, period: Period, begin: date | NoPriceReturn, end: date | NoPriceReturn
    ) -> Decimal | NoPriceReturn:
        if isinstance(begin, NoPriceReturn):
            return begin
        if isinstance(end, NoPriceReturn):
            return end
        if self._changes[begin] != self._changes[end]:
            return NoPriceReturn.CURRENCY_MUST_NOT_CHANGE
        before, after = self._prices[begin], self._prices[end]
        rate_before = self._rate_on(before.currency, period.begin_date)
        rate_after = self._rate_on(after.currency, period.last_day)
        if rate_before is None or rate_after is None:
            return NoPriceReturn.FX_RATE_MUST_BE_KNOWN
        with localcontext(EXACT):
            growth = after.price * rate_after / (before.price * rate_before)
            return rounded_return(growth - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcessReturn:
    """Fractions, half-even to 12 places; above zero the portfolio did better."""

    arithmetic: Decimal  # r - b: of the begin value
    geometric: Decimal  # (1 + r) / (1 + b) - 1: of what the benchmark would have become


def excess_return(portfolio_return: Decimal, benchmark_return: Decimal) -> ExcessReturn:
    """Both over the same days. C. R. Bacon, Practical Portfolio Performance Measurement and
    Attribution (2008), chapter 3; https://docs.mantarisk.com/definition-of-excess-return

    `BadInput` for a benchmark that lost everything: nothing can be measured in parts of nothing.
    """
    check_amount("portfolio_return", portfolio_return)
    check_amount("benchmark_return", benchmark_return)
    if benchmark_return <= -1:
        rule = Rule.RETURN_MUST_EXCEED_MINUS_ONE
        raise BadInput("benchmark_return", rule, str(benchmark_return))
    with localcontext(EXACT):
        return ExcessReturn(
            arithmetic=rounded_return(portfolio_return - benchmark_return),
            geometric=rounded_return((1 + portfolio_return) / (1 + benchmark_return) - 1),
        )
