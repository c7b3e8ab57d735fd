"""Exchange rates on each day of a span."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from calculator import Rates
from calculator.money import ONE
from reports.columns import Scaled, scaled
from reports.rates import resolved


@dataclass(frozen=True, slots=True)
class RateDays:
    """Of one pair; where `is_known` is false it says nothing."""

    rate: Scaled
    is_known: NDArray[np.bool_]
    rates: tuple[Decimal | None, ...]


@dataclass(slots=True)
class RateTable:
    """Found when they are first asked for."""

    rates: Rates
    first_day: date
    days: int
    _found: dict[tuple[str, str], RateDays] = field(default_factory=dict)

    def of(self, currency: str, base_currency: str) -> RateDays:
        pair = currency, base_currency
        if pair not in self._found:
            self._found[pair] = self._resolve(currency, base_currency)
        return self._found[pair]

    def _resolve(self, currency: str, base_currency: str) -> RateDays:
        if currency == base_currency:
            ones = Scaled(np.ones(self.days, np.int64), 0)
            return RateDays(ones, np.ones(self.days, np.bool_), (ONE,) * self.days)
        found = [
            resolved(self.rates, currency, base_currency, self.first_day + timedelta(days=number))
            for number in range(self.days)
        ]
        rates = tuple(None if each is None else each.rate for each in found)
        # Where there is none, any number will do.
        whole = scaled([ONE if each is None else each for each in rates])
        return RateDays(whole, np.array([each is not None for each in rates]), rates)
