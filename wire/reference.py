"""Reference data: what instruments are, what they cost, what currencies cost, when markets are open.

The four kinds are read alike from every door. Of one identity the highest version counts, and of
two contents of one version the first in the log.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar

from calculator import FxRate
from wire.codes import boolean, country_code, isin, multiplier
from wire.fields import (
    Malformed,
    Members,
    Rule,
    amount,
    calendar_date,
    currency_code,
    free_text,
    id_text,
    rate,
    version_number,
)
from wire.objects import Form, members_of
from wire.topics import BUSINESS_DATES, FX_RATES, INSTRUMENTS, MARKET_PRICES, Topic

DEFAULT_CALENDAR = "DEFAULT"
ONE = Decimal(1)


def is_cash_class(asset_class: str | None, product_type: str | None) -> bool:
    """Whether an instrument of these is money: one of them says `cash`, in whatever case."""
    return "cash" in ((asset_class or "").casefold(), (product_type or "").casefold())


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a security is."""

    security_id: str
    name: str | None = None
    isin: str | None = None
    instrument_currency: str
    asset_class: str | None = None
    product_type: str | None = None
    sector: str | None = None
    country_of_risk: str | None = None
    rating: str | None = None
    issuer: str | None = None
    maturity_date: date | None = None
    multiplier: Decimal = ONE  # currency per unit and point of the price
    version: int = 1

    @property
    def is_cash(self) -> bool:
        return is_cash_class(self.asset_class, self.product_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPrice:
    """What one unit of a security cost on a day."""

    security_id: str
    price_date: date
    price: Decimal
    currency: str
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessDate:
    """Whether a day is one of business in a calendar."""

    calendar: str = DEFAULT_CALENDAR
    business_date: date
    is_business_day: bool = True
    version: int = 1


Record = Instrument | MarketPrice | FxRate | BusinessDate
Content = TypeVar("Content", bound=Record, covariant=True)
Identity = tuple[Any, ...]  # the values of the identity's fields


@dataclass(frozen=True, eq=False)
class Kind(Generic[Content]):
    """One kind of reference data. Topic, list and table have the same name."""

    topic: Topic
    content: type[Content]
    identity: tuple[str, ...]
    needed: tuple[str, ...]
    telltale: str  # a needed field that no event of another kind has
    read: Callable[[Form], dict[str, Any]]

    @property
    def name(self) -> str:
        return self.topic.name

    @cached_property
    def fields(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self.content))

    @cached_property
    def _identity(self) -> Callable[[object], Any]:
        return attrgetter(*self.identity)

    def decode(self, value: bytes | None) -> Content | Malformed:
        """The one decoder of all doors: it refuses, it never raises."""
        members = members_of(value)
        if not isinstance(members, Members):
            return Malformed((members,))
        form = Form(members, self.fields)
        values = self.read(form)
        version = form.take("version", version_number)
        if form.errors:
            return Malformed(tuple(form.errors), form.left_off)
        given = {name: read for name, read in values.items() if read is not None}
        return self.content(**given, version=version or 1)

    def identity_of(self, record: object) -> Identity:
        identity = self._identity(record)
        return identity if len(self.identity) > 1 else (identity,)

    def key_of(self, record: object) -> str:
        """The key of its record in Kafka."""
        return "|".join(map(str, self.identity_of(record)))


def _instrument(form: Form) -> dict[str, Any]:
    return {
        "security_id": form.need("security_id", id_text),
        "name": form.take("name", free_text),
        "isin": form.take("isin", isin),
        "instrument_currency": form.need("instrument_currency", currency_code),
        "asset_class": form.take("asset_class", free_text),
        "product_type": form.take("product_type", free_text),
        "sector": form.take("sector", free_text),
        "country_of_risk": form.take("country_of_risk", country_code),
        "rating": form.take("rating", free_text),
        "issuer": form.take("issuer", free_text),
        "maturity_date": form.take("maturity_date", calendar_date),
        "multiplier": form.take("multiplier", multiplier),
    }


def _market_price(form: Form) -> dict[str, Any]:
    return {
        "security_id": form.need("security_id", id_text),
        "price_date": form.need("price_date", calendar_date),
        "price": form.need("price", amount),
        "currency": form.need("currency", currency_code),
    }


def _fx_rate(form: Form) -> dict[str, Any]:
    read = {
        "from_currency": form.need("from_currency", currency_code),
        "to_currency": form.need("to_currency", currency_code),
        "rate_date": form.need("rate_date", calendar_date),
        "rate": form.need("rate", rate),
    }
    currency = read["from_currency"]
    if currency is not None and currency == read["to_currency"]:
        message = f"both are {currency}, which costs one of itself"
        form.refuse("to_currency", Rule.CURRENCIES_MUST_DIFFER, message)
    return read


def _business_date(form: Form) -> dict[str, Any]:
    return {
        "calendar": form.take("calendar", id_text),
        "business_date": form.need("business_date", calendar_date),
        "is_business_day": form.take("is_business_day", boolean),
    }


OF_INSTRUMENTS = Kind(
    INSTRUMENTS, Instrument, ("security_id",), ("security_id", "instrument_currency"),
    "instrument_currency", _instrument,
)  # fmt: skip
OF_MARKET_PRICES = Kind(
    MARKET_PRICES, MarketPrice, ("security_id", "price_date"),
    ("security_id", "price_date", "price", "currency"), "price_date", _market_price,
)  # fmt: skip
OF_FX_RATES = Kind(
    FX_RATES, FxRate, ("from_currency", "to_currency", "rate_date"),
    ("from_currency", "to_currency", "rate_date", "rate"), "rate_date", _fx_rate,
)  # fmt: skip
OF_BUSINESS_DATES = Kind(
    BUSINESS_DATES, BusinessDate, ("calendar", "business_date"), ("business_date",),
    "business_date", _business_date,
)  # fmt: skip
KINDS: tuple[Kind[Record], ...] = (
    OF_INSTRUMENTS, OF_MARKET_PRICES, OF_FX_RATES, OF_BUSINESS_DATES,
)  # fmt: skip
