"""How old prices and exchange rates may be, and which currency a rate may be made through."""

from dataclasses import dataclass

PRICE_MAX_AGE_DAYS = 7  # longer than any usual holidays
FX_MAX_AGE_DAYS = 7
CROSS_CURRENCY = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Days before the day that is asked about."""

    price_max_age_days: int = PRICE_MAX_AGE_DAYS  # older: stale
    fx_max_age_days: int = FX_MAX_AGE_DAYS  # older: no rate
    cross_currency: str | None = CROSS_CURRENCY  # None: there is none
