"""What a price series returned over a period, and by how much a portfolio did better.

A period begins with the price at the end of the day before its first, as a portfolio does.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext

from analytics.bad_input import BadInput, Rule
from analytics.exact import check_amount, check_day, check_positive, rounded_return
from analytics.periods import Period
from calculator.money import EXACT

AGE_DAYS_MAX = 7  # of a price that stands in: longer than any usual holidays


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkReturn:
    """The prices that were taken, and the days that had none of their own."""

    period: Period
    total_return: Decimal | None  # a fraction, half-even to 12 places; None: a price is missing
    begin_price_date: date | None  # None: no price, or none recent enough
    end_price_date: date | None
    missing: tuple[date, ...]  # of begin and end, those without a price on the very day


class PriceSeries:
    """Prices of one thing in one currency, with what it pays out reinvested, by day.

    `BadInput` for a price that is not positive.
    """

    def __init__(self, prices: Mapping[date, Decimal]) -> None:
        for day, price in prices.items():
            check_day("price_date", day)
            check_positive(f"prices[{day}]", price)
        self._prices = dict(prices)
        self._days = sorted(prices)

    def price_date(self, day: date, age_days_max: int) -> date | None:
        """The day itself or the last one before it that has a price, if recent enough."""
        index = bisect_right(self._days, day)
        if index == 0 or self._days[index - 1] < day - timedelta(days=age_days_max):
            return None
        return self._days[index - 1]

    def over(self, period: Period, age_days_max: int = AGE_DAYS_MAX) -> BenchmarkReturn:
        """Price of the last day / price of the day before the first - 1.

        On days without one an earlier price stands in, as on weekends; it is told as missing.
        """
        begin = self.price_date(period.begin_date, age_days_max)
        end = self.price_date(period.last_day, age_days_max)
        total_return = None
        if begin is not None and end is not None:
            with localcontext(EXACT):
                total_return = rounded_return(self._prices[end] / self._prices[begin] - 1)
        needed = (period.begin_date, period.last_day)
        return BenchmarkReturn(
            period=period,
            total_return=total_return,
            begin_price_date=begin,
            end_price_date=end,
            missing=tuple(day for day in needed if day not in self._prices),
        )


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
