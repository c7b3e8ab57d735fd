"""Exchange rates that were read, resolved as the books resolve them."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Protocol

from calculator import FxRate, Rates, Resolved
from calculator.money import ONE
from reports.limits import Limits
from reports.snapshot import Snapshot

_READ = """
SELECT from_currency, to_currency, rate_date, rate FROM fx_rates
WHERE from_currency = ANY(%s) AND to_currency = ANY(%s) AND rate_date BETWEEN %s AND %s
"""


class RateTable(Protocol):
    """Exchange rates between different currencies, whoever keeps them."""

    def resolve(self, currency: str, base_currency: str, day: date) -> Resolved | None: ...


def resolved(rates: RateTable, currency: str, base_currency: str, day: date) -> Resolved | None:
    """The rate that holds on the day; 1 where both are the same."""
    if currency == base_currency:
        return Resolved(ONE, day, ())
    return rates.resolve(currency, base_currency, day)


def read_rates(
    snapshot: Snapshot, currencies: Iterable[str], first_day: date, last_day: date, limits: Limits
) -> Rates:
    """What holds between these currencies on these days."""
    among = sorted({*currencies, *([limits.cross_currency] if limits.cross_currency else [])})
    oldest = first_day - timedelta(days=limits.fx_max_age_days)
    rates = Rates(limits.cross_currency, limits.fx_max_age_days)
    for from_currency, to_currency, rate_date, rate in snapshot.rows(
        _READ, among, among, oldest, last_day
    ):
        rates.put(
            FxRate(
                from_currency=from_currency,
                to_currency=to_currency,
                rate_date=rate_date,
                rate=rate,
            )
        )
    return rates
