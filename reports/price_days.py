"""Long series of prices, read a month in a row, and what holds on each day of a span."""

import io
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from reports.columns import Scaled, scaled_parts
from reports.snapshot import Snapshot

EPOCH = date(2000, 1, 1)
_ENTRY = np.dtype([("day", ">i4"), ("units", ">i8"), ("steps", ">i8"), ("currency", "S3")])
# A price counts however old it is: the last month before that of the first day is wanted too,
# whatever that one has.
_READ = """
COPY (
    SELECT wanted.security_id, string_agg(kept.entries, '')
    FROM (
        SELECT id AS security_id, coalesce(
            (SELECT max(month) FROM market_price_months
             WHERE security_id = id AND month < date_trunc('month', %s::date)), '-infinity') AS since
        FROM unnest(%s::text[]) AS ids (id)
    ) AS wanted
    JOIN market_price_months AS kept
        ON kept.security_id = wanted.security_id
        AND kept.month >= wanted.since AND kept.month <= %s
    GROUP BY wanted.security_id
) TO STDOUT (FORMAT binary)
"""
_HEADER_BYTES = 19


@dataclass(frozen=True, slots=True)
class Prices:
    """Of one security, by day ascending."""

    days: NDArray[np.int64]  # since EPOCH
    price: Scaled
    currencies: NDArray[np.bytes_]
    names: frozenset[str]  # of the currencies


@dataclass(frozen=True, slots=True)
class PriceDays:
    """The price that holds on each day of a span; where `is_known` is false it says nothing.
    `currencies` has one of each day, or one alone."""

    price: Scaled
    age_days: NDArray[np.int64]
    is_known: NDArray[np.bool_]
    currencies: NDArray[np.bytes_]
    names: frozenset[str]


def day_number(day: date) -> int:
    return (day - EPOCH).days


def span(first_day: date, last_day: date) -> NDArray[np.int64]:
    return np.arange(day_number(first_day), day_number(last_day) + 1)


def read_price_days(
    snapshot: Snapshot, security_ids: Iterable[str], first_day: date, last_day: date
) -> Mapping[str, Prices]:
    """Those that hold on days of the span; none of securities without."""
    asked = snapshot.cursor.mogrify(_READ, (first_day, list(security_ids), last_day))
    said = io.BytesIO()
    snapshot.cursor.copy_expert(asked.decode(), said)
    return {name: _prices(entries) for name, entries in _pairs(said.getbuffer())}


def _pairs(said: memoryview) -> Iterable[tuple[str, memoryview]]:
    """Rows of two columns, neither of them null, in the binary format of COPY."""
    at = _HEADER_BYTES
    while struct.unpack_from(">h", said, at)[0] == 2:
        at += 2
        columns = []
        for _ in range(2):
            (length,) = struct.unpack_from(">i", said, at)
            columns.append(said[at + 4 : at + 4 + length])
            at += 4 + length
        yield bytes(columns[0]).decode(), columns[1]


def _prices(entries: memoryview) -> Prices:
    found = np.frombuffer(entries, _ENTRY)
    days = found["day"].astype(np.int64)
    if not (days[1:] > days[:-1]).all():
        order = np.argsort(days, kind="stable")
        # Of several of a day the last that was written.
        order = order[np.append(days[order][1:] != days[order][:-1], True)]
        found, days = found[order], days[order]
    price = scaled_parts(found["units"].astype(np.int64), found["steps"].astype(np.int64))
    currencies = np.ascontiguousarray(found["currency"])
    letters = currencies.view(np.uint8).reshape(-1, 3)
    alike = (letters == letters[0]).all()
    names = frozenset(each.decode() for each in ([currencies[0]] if alike else set(currencies)))
    return Prices(days, price, currencies, names)


def on_each_day(prices: Prices | None, days: NDArray[np.int64]) -> PriceDays:
    if prices is None or not len(prices.days):
        nothing = np.zeros(len(days), np.int64)
        none = np.zeros(len(days), np.bool_)
        currencies = np.zeros(len(days), "S3")
        return PriceDays(Scaled(nothing, 0), nothing, none, currencies, frozenset())
    at = np.searchsorted(prices.days, days, side="right") - 1
    is_known = at >= 0
    at = np.maximum(at, 0)
    return PriceDays(
        Scaled(prices.price.whole[at], prices.price.places),
        days - prices.days[at],
        is_known,
        prices.currencies[at] if len(prices.names) > 1 else prices.currencies[:1],
        prices.names,
    )


def or_money(quoted: PriceDays, currency: str) -> PriceDays:
    """One in this currency, on days without a price."""
    known = quoted.is_known
    if known.all():
        return quoted
    one = 10**quoted.price.places
    return PriceDays(
        Scaled(np.where(known, quoted.price.whole, one), quoted.price.places),
        np.where(known, quoted.age_days, 0),
        np.ones(len(known), np.bool_),
        np.where(known, quoted.currencies, np.bytes_(currency.encode())),
        quoted.names | {currency},
    )


def of_money(currency: str, days: NDArray[np.int64]) -> PriceDays:
    """One, on each day."""
    one = Scaled(np.ones(len(days), np.int64), 0)
    always = np.ones(len(days), np.bool_)
    currencies = np.full(1, currency.encode(), "S3")
    return PriceDays(one, np.zeros(len(days), np.int64), always, currencies, frozenset({currency}))
