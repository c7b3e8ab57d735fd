"""Exchange rates: what is known of them, and which one a trade is booked with."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from calculator.money import COST_STEP, EXACT, ONE, ZERO
from calculator.taken import Taken

CROSS_CURRENCY = "USD"  # on one side of most trades in currencies, so quoted against all others
MAX_AGE_DAYS = 7
RATE_LIMIT = Decimal(
    "1e9"
)  # as of the rate that a transaction brings: nine digits before the point
_DAY = timedelta(1)

Pair = tuple[str, str]
"""(currency traded in, base currency)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRate:
    """What one unit of from_currency cost in to_currency on a day. Two are equal when their content
    is: the rate by value."""

    from_currency: str
    to_currency: str
    rate_date: date
    rate: Decimal  # to_currency per unit of from_currency, positive, at most 12 places
    version: int = 1


class Resolved(NamedTuple):
    """A rate that holds on a day, and the day it is of."""

    rate: Decimal  # base currency per unit of the other
    rate_date: date
    made_of: tuple[FxRate, ...]  # one, or two where it is a cross rate


class Rates:
    """A table of rates. What `resolve` says hangs on the set of rates alone, not on their order.

    `cross_currency` is the one that a rate may be made through; None: there is none. A rate holds
    on its day and on `max_age_days` days behind it, as long as no newer one is known.
    """

    def __init__(
        self, cross_currency: str | None = CROSS_CURRENCY, max_age_days: int = MAX_AGE_DAYS
    ) -> None:
        self.cross_currency = cross_currency
        self.max_age_days = max_age_days
        self._of: dict[Pair, dict[date, FxRate]] = {}  # (from, to)

    def put(self, rate: FxRate) -> Taken:
        """Take a version of a rate in; the highest is in force, whichever comes first."""
        days = self._of.setdefault((rate.from_currency, rate.to_currency), {})
        known = days.get(rate.rate_date)
        if known is not None and rate.version <= known.version:
            if rate.version < known.version:
                return Taken.SUPERSEDED
            return Taken.DUPLICATE if rate == known else Taken.CONFLICT
        days[rate.rate_date] = rate
        return Taken.JOURNALLED

    def resolve(self, currency: str, base_currency: str, day: date) -> Resolved | None:
        """The rate of the day, or the newest one before it that is not too old. In any context."""
        if not self._is_quoted(currency, base_currency):
            return None
        for age in range(self.max_age_days + 1):
            rate_date = day - age * _DAY
            for exact, made_of in self._quotes(currency, base_currency, rate_date):
                rate = exact.quantize(COST_STEP, context=EXACT)
                if ZERO < rate < RATE_LIMIT:
                    return Resolved(rate, rate_date, made_of)
        return None

    def _is_quoted(self, currency: str, base_currency: str) -> bool:
        """Whether any rate could be one of these two currencies; most often the first look tells."""
        return any(leg in self._of for leg in self.legs(currency, base_currency))

    def legs(self, currency: str, base_currency: str) -> Iterable[Pair]:
        """The (from, to) of all rates that a rate of this pair may be made of."""
        yield from ((currency, base_currency), (base_currency, currency))
        cross = self.cross_currency
        if cross is not None and cross not in (currency, base_currency):
            yield from ((currency, cross), (cross, currency))
            yield from ((cross, base_currency), (base_currency, cross))

    def _quotes(
        self, currency: str, base_currency: str, day: date
    ) -> Iterator[tuple[Decimal, tuple[FxRate, ...]]]:
        """What rates of one day say, the one to prefer first; good for the rounding to 12 places.

        A quotient of two products of such rates is a tie at the 12th place or at least 10^-55 away
        from one, and the 100 digits of `EXACT` have at most 25 of them before the point.
        """
        if (direct := self._on(currency, base_currency, day)) is not None:
            yield direct.rate, (direct,)
        if (inverse := self._on(base_currency, currency, day)) is not None:
            yield EXACT.divide(ONE, inverse.rate), (inverse,)
        cross = self.cross_currency
        if cross is None or cross in (currency, base_currency):
            return
        first, second = self._leg(currency, cross, day), self._leg(cross, base_currency, day)
        if first is not None and second is not None:
            above, below = EXACT.multiply(first[0], second[0]), EXACT.multiply(first[1], second[1])
            yield EXACT.divide(above, below), (first[2], second[2])

    def _leg(self, currency: str, other: str, day: date) -> tuple[Decimal, Decimal, FxRate] | None:
        """Numerator and denominator, of the direct rate if there is one."""
        if (direct := self._on(currency, other, day)) is not None:
            return direct.rate, ONE, direct
        if (inverse := self._on(other, currency, day)) is not None:
            return ONE, inverse.rate, inverse
        return None

    def _on(self, from_currency: str, to_currency: str, day: date) -> FxRate | None:
        days = self._of.get((from_currency, to_currency))
        return None if days is None else days.get(day)
