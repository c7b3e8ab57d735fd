"""Reference data of the sample: what its securities are, and what they and its currencies cost day
by day."""

import csv
import io
from collections.abc import Iterable, Iterator

from samples.market import FIRST_DAY, LAST_DAY, LISTINGS, Market

# By ticker: the company, its sector.
COMPANIES = {
    "AAPL": ("Apple Inc.", "Information technology"),
    "AMD": ("Advanced Micro Devices, Inc.", "Information technology"),
    "BAC": ("Bank of America Corporation", "Financials"),
    "HD": ("The Home Depot, Inc.", "Consumer discretionary"),
    "JNJ": ("Johnson & Johnson", "Health care"),
    "JPM": ("JPMorgan Chase & Co.", "Financials"),
    "KO": ("The Coca-Cola Company", "Consumer staples"),
    "LLY": ("Eli Lilly and Company", "Health care"),
    "MRK": ("Merck & Co., Inc.", "Health care"),
    "MSFT": ("Microsoft Corporation", "Information technology"),
    "PEP": ("PepsiCo, Inc.", "Consumer staples"),
    "PFE": ("Pfizer Inc.", "Health care"),
    "PG": ("The Procter & Gamble Company", "Consumer staples"),
    "WMT": ("Walmart Inc.", "Consumer staples"),
    "XOM": ("Exxon Mobil Corporation", "Energy"),
}
# Of cash, by currency: its country where it has one.
COUNTRIES = {"CHF": "CH", "EUR": "", "GBP": "GB", "JPY": "JP", "USD": "US"}
PAIRS = (("EUR", "USD"), ("GBP", "USD"), ("USD", "CHF"), ("USD", "JPY"))
Rows = Iterable[tuple[str, ...]]


def instruments() -> bytes:
    return _csv(
        ("security_id", "name", "isin", "instrument_currency", "asset_class", "product_type",
         "sector", "country_of_risk", "issuer"),
        _instruments(),
    )  # fmt: skip


def _instruments() -> Iterator[tuple[str, ...]]:
    for listing in sorted(LISTINGS.values(), key=lambda listing: listing.security_id):
        name, sector = COMPANIES[listing.ticker]
        yield (
            listing.security_id, name, listing.isin, "USD", "Equity", "Common stock", sector, "US",
            name,
        )  # fmt: skip
    for currency, country in COUNTRIES.items():
        yield (
            f"CASH.{currency}", f"Cash in {currency}", "", currency, "Cash", "Cash", "", country, "",
        )  # fmt: skip


def market_prices(market: Market) -> bytes:
    """The close of each listing in the currency of its exchange. Cash needs none."""
    prices = (
        (security_id, day.isoformat(), f"{market.price(day, listing):f}", listing.currency)
        for security_id, listing in sorted(LISTINGS.items())
        for day in market.days
    )
    return _csv(("security_id", "price_date", "price", "currency"), prices)


def fx_rates(market: Market) -> bytes:
    """Against the dollar, as markets quote them; the others are made through it."""
    rates = (
        (*pair, day.isoformat(), f"{market.rate(day, *pair):f}")
        for pair in PAIRS
        for day in market.rate_days
        if FIRST_DAY <= day <= LAST_DAY
    )
    return _csv(("from_currency", "to_currency", "rate_date", "rate"), rates)


def _csv(columns: tuple[str, ...], rows: Rows) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
