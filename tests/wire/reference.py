"""Reference data as text: a full record of each kind."""

from typing import Any

from wire.reference import (
    OF_BUSINESS_DATES,
    OF_FX_RATES,
    OF_INSTRUMENTS,
    OF_MARKET_PRICES,
    Kind,
)

INSTRUMENT: dict[str, object] = {
    "security_id": "AAPL.XNAS",
    "name": "Apple Inc., 苹果 😀",
    "isin": "US0378331005",
    "instrument_currency": "USD",
    "asset_class": "Equity",
    "product_type": "Common stock",
    "sector": "Information technology",
    "country_of_risk": "US",
    "rating": "AA+",
    "issuer": "Apple Inc.",
    "maturity_date": "2040-02-29",
    "multiplier": "0.5",
    "version": "3",
}
PRICE: dict[str, object] = {
    "security_id": "AAPL.XNAS",
    "price_date": "2024-01-31",
    "price": "184.4000",
    "currency": "USD",
    "version": 2,
}
RATE: dict[str, object] = {
    "from_currency": "USD",
    "to_currency": "EUR",
    "rate_date": "2024-01-31",
    "rate": "0.9213",
    "version": 2,
}
DAY: dict[str, object] = {
    "calendar": "XNYS",
    "business_date": "2024-07-04",
    "is_business_day": False,
    "version": 2,
}
FULL: list[tuple[Kind[Any], dict[str, object]]] = [
    (OF_INSTRUMENTS, INSTRUMENT), (OF_MARKET_PRICES, PRICE), (OF_FX_RATES, RATE),
    (OF_BUSINESS_DATES, DAY),
]  # fmt: skip
