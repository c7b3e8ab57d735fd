"""How old prices and exchange rates may be, and which currency a rate may be made through."""

from dataclasses import dataclass

from calculator import CROSS_CURRENCY, MAX_AGE_DAYS

PRICE_MAX_AGE_DAYS = 7  # longer than any usual holidays


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Days before the day that is asked about."""

    price_max_age_days: int = PRICE_MAX_AGE_DAYS  # older: stale
    fx_max_age_days: int = MAX_AGE_DAYS  # older: no rate
    cross_currency: str | None = CROSS_CURRENCY  # None: there is none
