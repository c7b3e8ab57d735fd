"""A benchmark: a security whose prices are the series, in the base currency of the portfolio."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

from analytics.benchmark import BenchmarkReturn, PriceIn, PriceSeries
from analytics.periods import Period
from calculator.money import EXACT
from reports.limits import Limits
from reports.price_days import EPOCH, Prices, read_price_days
from reports.rates import read_rates, resolved
from reports.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Of prices above zero; others are as if they were missing."""

    series: PriceSeries
    limits: Limits

    def over(self, period: Period) -> BenchmarkReturn:
        return self.series.over(period, self.limits.price_max_age_days)


def read_benchmark(
    snapshot: Snapshot, security_id: str, base_currency: str, period: Period, limits: Limits
) -> Benchmark:
    """For returns within the period. One without prices has none."""
    first_day, last_day = period.begin_date, period.last_day
    found = read_price_days(snapshot, [security_id], first_day, last_day)
    prices = _by_day(found[security_id]) if security_id in found else {}
    currencies = {each.currency for each in prices.values()} | {base_currency}
    between = currencies if len(currencies) > 1 else ()
    rates = read_rates(snapshot, between, first_day, last_day, limits)

    @cache
    def rate_on(currency: str, day: date) -> Decimal | None:
        rate = resolved(rates, currency, base_currency, day)
        return None if rate is None else rate.rate

    return Benchmark(PriceSeries(prices, rate_on), limits)


def _by_day(prices: Prices) -> Mapping[date, PriceIn]:
    places = prices.price.places
    days, whole = prices.days.tolist(), prices.price.whole.tolist()
    return {
        EPOCH + timedelta(days=day): PriceIn(
            Decimal(price).scaleb(-places, EXACT), currency.decode()
        )
        for day, price, currency in zip(days, whole, prices.currencies.tolist(), strict=True)
        if price > 0
    }
