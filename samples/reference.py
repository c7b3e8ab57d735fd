"""Reference data of the sample: what its securities are, and what they and its currencies cost at
the end of each month."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import permutations

from samples.market import LISTINGS, Market

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
    """Of each listing in the currency of its exchange; cash is worth itself."""
    prices = [
        (listing.security_id, day.isoformat(), f"{market.price(day, listing):f}", listing.currency)
        for day in _month_ends(market)
        for listing in LISTINGS.values()
    ]
    prices += [
        (f"CASH.{currency}", day.isoformat(), "1", currency)
        for day in _month_ends(market)
        for currency in COUNTRIES
    ]
    return _csv(("security_id", "price_date", "price", "currency"), sorted(prices))


def fx_rates(market: Market) -> bytes:
    """Each currency in each other one, rounded as the rates of the transactions are."""
    rates = [
        (bought, paid, day.isoformat(), f"{market.rate(day, bought, paid):f}")
        for bought, paid in permutations(COUNTRIES, 2)
        for day in _month_ends(market)
    ]
    return _csv(("from_currency", "to_currency", "rate_date", "rate"), rates)


def _month_ends(market: Market) -> list[date]:
    """The last day of each month on which New York trades."""
    return list({(day.year, day.month): day for day in market.days}.values())


def _csv(columns: tuple[str, ...], rows: Rows) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
