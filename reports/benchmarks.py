"""A benchmark: a security whose prices are the series, in their own currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from analytics.benchmark import BenchmarkReturn, PriceSeries
from analytics.periods import Period
from calculator.money import EXACT
from reports.limits import Limits
from reports.price_days import EPOCH, Prices, read_price_days
from reports.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Of prices above zero; others are as if they were missing."""

    series: PriceSeries
    limits: Limits

    def over(self, period: Period) -> BenchmarkReturn:
        return self.series.over(period, self.limits.price_max_age_days)


def read_benchmark(
    snapshot: Snapshot, security_id: str, period: Period, limits: Limits
) -> Benchmark:
    """One without prices has no return."""
    found = read_price_days(snapshot, [security_id], period.begin_date, period.last_day)
    prices = _by_day(found[security_id]) if security_id in found else {}
    return Benchmark(PriceSeries(prices), limits)


def _by_day(prices: Prices) -> Mapping[date, Decimal]:
    places = prices.price.places
    pairs = zip(prices.days.tolist(), prices.price.whole.tolist(), strict=True)
    return {
        EPOCH + timedelta(days=day): Decimal(whole).scaleb(-places, EXACT)
        for day, whole in pairs
        if whole > 0
    }
