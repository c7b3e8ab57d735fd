"""Which exchange rate holds on a day: that of the day or the newest before it, not too old.

Of one day a direct rate is preferred, then the inverse of one, then one through the cross currency;
half-even to 12 places, as a trade is booked with it.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from calculator.money import COST_STEP, EXACT, ONE, ZERO
from reports.limits import Limits
from reports.snapshot import Snapshot

_DAY = timedelta(days=1)
RATE_LIMIT = Decimal("1e9")
_READ = """
SELECT from_currency, to_currency, rate_date, rate FROM fx_rates
WHERE from_currency = ANY(%s) AND to_currency = ANY(%s) AND rate_date BETWEEN %s AND %s
"""


class Resolved(NamedTuple):
    """A rate that holds on a day, and the day it is of."""

    rate: Decimal  # base currency per unit of the other
    rate_date: date


class Rates:
    """Those that were read."""

    def __init__(self, limits: Limits) -> None:
        self._cross = limits.cross_currency
        self._max_age_days = limits.fx_max_age_days
        self._of: dict[tuple[str, str], dict[date, Decimal]] = {}

    def put(self, from_currency: str, to_currency: str, rate_date: date, rate: Decimal) -> None:
        self._of.setdefault((from_currency, to_currency), {})[rate_date] = rate

    def resolve(self, currency: str, base_currency: str, day: date) -> Resolved | None:
        """1 where both are the same."""
        if currency == base_currency:
            return Resolved(ONE, day)
        for age in range(self._max_age_days + 1):
            rate_date = day - age * _DAY
            for exact in self._quotes(currency, base_currency, rate_date):
                rate = exact.quantize(COST_STEP, context=EXACT)
                if ZERO < rate < RATE_LIMIT:
                    return Resolved(rate, rate_date)
        return None

    def _quotes(self, currency: str, base_currency: str, day: date) -> Iterator[Decimal]:
        direct, inverse = self._on(currency, base_currency, day), None
        if direct is not None:
            yield direct
        if (inverse := self._on(base_currency, currency, day)) is not None:
            yield EXACT.divide(ONE, inverse)
        if self._cross is None or self._cross in (currency, base_currency):
            return
        first = self._leg(currency, self._cross, day)
        second = self._leg(self._cross, base_currency, day)
        if first is not None and second is not None:
            yield EXACT.divide(
                EXACT.multiply(first[0], second[0]), EXACT.multiply(first[1], second[1])
            )

    def _leg(self, currency: str, other: str, day: date) -> tuple[Decimal, Decimal] | None:
        """(numerator, denominator), of the direct rate if there is one."""
        if (direct := self._on(currency, other, day)) is not None:
            return direct, ONE
        if (inverse := self._on(other, currency, day)) is not None:
            return ONE, inverse
        return None

    def _on(self, from_currency: str, to_currency: str, day: date) -> Decimal | None:
        return self._of.get((from_currency, to_currency), {}).get(day)


def read_rates(
    snapshot: Snapshot, currencies: Iterable[str], first_day: date, last_day: date, limits: Limits
) -> Rates:
    """What holds between these currencies on these days."""
    among = sorted({*currencies, *([limits.cross_currency] if limits.cross_currency else [])})
    oldest = first_day - timedelta(days=limits.fx_max_age_days)
    rates = Rates(limits)
    for row in snapshot.rows(_READ, among, among, oldest, last_day):
        rates.put(*row)
    return rates
