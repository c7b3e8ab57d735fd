"""What prices, exchange rates and instruments say of a day, read from the contract alone."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from tests.oracle.booking import shown
from tests.oracle.decode import (
    Readers,
    Record,
    RefusedError,
    a_code,
    a_date,
    a_version,
    an_id,
    decimal_of_digits,
    members_of,
    read_fields,
)
from tests.oracle.instruments import FIELDS
from tests.oracle.rates import Quotes, Rule, quotes_of

PRICE_AGE_MAX = 7  # days; older: stale
ONE = Decimal(1)
MONEY = re.compile(r"CASH(?:_([A-Z]{3}))?")
PRICE_FIELDS: Readers = {
    "security_id": an_id,
    "price_date": a_date,
    "price": decimal_of_digits(15),
    "currency": a_code,
    "version": a_version,
}


class Price(NamedTuple):
    price_date: date
    price: Decimal
    currency: str


class Instrument(NamedTuple):
    """Money is worth 1 in its own currency; None: in that of whoever holds it."""

    multiplier: Decimal = ONE
    is_money: bool = False
    currency: str | None = None


class Worth(NamedTuple):
    """Of one unit at the end of a day, exact; None is not known."""

    price: Price | None
    multiplier: Decimal
    local: Decimal | None  # in the trade currency
    rate: Decimal | None  # base currency per unit of that
    rate_date: date | None
    is_stale: bool

    def of(self, units: Decimal) -> Decimal | None:
        """In base currency, not rounded."""
        if self.local is None or self.rate is None:
            return None
        return units * self.local * self.rate


class Held(NamedTuple):
    """What is to be worth something, and whether its portfolio keeps cash."""

    security: str
    trade_currency: str
    base_currency: str
    keeps_cash: bool


class Market(NamedTuple):
    """Prices by security and day."""

    prices: Mapping[str, Mapping[date, Price]]
    quotes: Quotes
    instruments: Mapping[str, Instrument]

    def price(self, security: str, trade_currency: str, day: date) -> Price | None:
        """The latest on or before the day, however old; of money without one it is 1."""
        known = self.prices.get(security, {})
        newest = max((each for each in known if each <= day), default=None)
        if newest is not None:
            return known[newest]
        instrument = self.instrument(security)
        return (
            Price(day, ONE, instrument.currency or trade_currency) if instrument.is_money else None
        )

    def instrument(self, security: str) -> Instrument:
        """Money also goes by its name."""
        found = self.instruments.get(security, Instrument())
        named = MONEY.fullmatch(security)
        return (
            found
            if named is None
            else Instrument(found.multiplier, True, named[1] or found.currency)
        )

    def rate(self, one: str, other: str, day: date) -> tuple[date, Decimal] | None:
        if one == other:
            return day, ONE
        found = self.quotes.rate_on(one, other, day)
        return None if found is None else (found[0], shown(found[1]))

    def worth(self, held: Held, day: date) -> Worth:
        security, trade_currency, base_currency, keeps_cash = held
        price = self.price(security, trade_currency, day)
        instrument = self.instrument(security)
        multiplier = instrument.multiplier
        if keeps_cash and instrument.is_money:
            price, multiplier = Price(day, ONE, trade_currency), ONE
        to_local = None if price is None else self.rate(price.currency, trade_currency, day)
        to_base = self.rate(trade_currency, base_currency, day)
        local = None
        if price is not None and to_local is not None:
            local = price.price * multiplier * to_local[1]
        return Worth(
            price=price,
            multiplier=multiplier,
            local=local,
            rate=None if to_base is None else to_base[1],
            rate_date=None if to_base is None else to_base[0],
            is_stale=price is not None and (day - price.price_date).days > PRICE_AGE_MAX,
        )


def in_force(records: Iterable[Record], fields: Readers, *identity: str) -> list[dict[str, Any]]:
    """Of each identity the highest version, of equal versions the first; the malformed are none."""
    known: dict[tuple[object, ...], dict[str, Any]] = {}
    needed = (*identity, "price", "currency", "instrument_currency")
    for record in records:
        try:
            content, bad = read_fields(members_of(record.value), fields)
        except RefusedError:
            continue
        lacking = [name for name in needed if name in fields and content[name] is None]
        if bad or lacking or content.get("multiplier") == 0:
            continue
        content["version"] = content["version"] or 1
        key = tuple(content[name] for name in identity)
        if key not in known or content["version"] > known[key]["version"]:
            known[key] = content
    return list(known.values())


def market_of(
    prices: Iterable[Record], rates: Iterable[Record], instruments: Iterable[Record],
    rule: Rule | None = None,
) -> Market:  # fmt: skip
    """What is in force after all records, in the order of their topics."""
    by_security: dict[str, dict[date, Price]] = {}
    for each in in_force(prices, PRICE_FIELDS, "security_id", "price_date"):
        price = Price(each["price_date"], each["price"], each["currency"])
        by_security.setdefault(each["security_id"], {})[price.price_date] = price
    known = {
        each["security_id"]: Instrument(
            each["multiplier"] or ONE,
            any(str(each[name]).lower() == "cash" for name in ("asset_class", "product_type")),
            each["instrument_currency"],
        )
        for each in in_force(instruments, FIELDS, "security_id")
    }
    return Market(by_security, quotes_of(rates, rule or Rule()), known)
