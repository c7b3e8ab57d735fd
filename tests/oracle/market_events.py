"""A seeded market: prices, exchange rates and instruments as producers send them, in any order."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from tests.oracle.decode import Trade, decode_transaction
from tests.oracle.events import FIRST_DAY, FX_RATES, INSTRUMENTS, TRANSACTIONS, Message
from tests.oracle.rate_events import CURRENCIES
from tests.oracle.spelling import Content, spelled

MARKET_PRICES = "market_prices"
CROSS = "USD"
# Days from one to the next: now and then longer than a rate or price may be old.
GAPS = (1, 1, 1, 1, 2, 2, 3, 3, 4, 9)
PRICED = 0.95  # of the securities
QUOTED = 0.85  # of the rates, on a day that has some
CORRECTED, REPEATED, CONTRADICTED, SUPERSEDED, JUNK = 0.15, 0.1, 0.02, 0.2, 0.02


def securities_in(messages: Iterable[Message]) -> list[str]:
    """Whatever is traded."""
    events = (decode_transaction(m.value) for m in messages if m.topic == TRANSACTIONS)
    return sorted({event.security_id for event in events if isinstance(event, Trade)})


def market_messages(seed: int, securities: Iterable[str], days: int) -> list[Message]:
    """Of so many days, and some before them."""
    rng = Random(f"market {seed}")
    found: list[Message] = []
    for security in securities:
        if rng.random() < PRICED:
            found += _prices(rng, security, days)
        if rng.random() < 0.5:
            found += _instrument(rng, security)
    rates = dict.fromkeys([(each, CROSS) for each in CURRENCIES if each != CROSS], Decimal("1.1"))
    # What is quoted directly goes before what is made through dollars.
    rates["EUR", "CHF"] = Decimal("0.95")
    for day in _days(rng, days):
        for pair, rate in rates.items():
            rates[pair] = _next(rng, rate, "0.000001")
            if rng.random() < (0.1 if pair == ("EUR", "CHF") else QUOTED):
                found += _rate(rng, *pair, day, rate)
    return found


def _prices(rng: Random, security: str, days: int) -> Iterator[Message]:
    """Of a walk, in one currency but for a few days."""
    currency, price = rng.choice(CURRENCIES), Decimal(rng.randint(1_000, 9_000)) / 100
    for day in _days(rng, days):
        price = _next(rng, price, rng.choice(["0.01", "0.0001"]))
        content: Content = {
            "security_id": security,
            "price_date": day,
            "price": price,
            "currency": currency if rng.random() < 0.97 else rng.choice(CURRENCIES),
            "version": rng.choice([1, 1, 1, 3]),
        }
        yield from _sent(rng, MARKET_PRICES, f"{security}|{day}", day, content, "price")


def _rate(rng: Random, one: str, other: str, day: date, rate: Decimal) -> Iterator[Message]:
    if rng.random() < 0.2:
        one, other, rate = other, one, (1 / rate).quantize(Decimal("1e-9"))
    content: Content = {
        "from_currency": one,
        "to_currency": other,
        "rate_date": day,
        "rate": rate,
        "version": rng.choice([1, 1, 1, 3]),
    }
    yield from _sent(rng, FX_RATES, f"{one}|{other}|{day}", day, content, "rate")


def _instrument(rng: Random, security: str) -> Iterator[Message]:
    content: Content = {
        "security_id": security,
        "instrument_currency": rng.choice(CURRENCIES),
        "name": f"The share {security}",
        "asset_class": rng.choice(["EQUITY"] * 4 + ["BOND"] * 3 + ["Cash"]),
        "multiplier": rng.choice([Decimal(1), Decimal(10), Decimal("0.01")]),
        "version": rng.choice([1, 3]),
    }
    yield from _sent(rng, INSTRUMENTS, security, FIRST_DAY.date(), content, "multiplier")


def _days(rng: Random, days: int) -> Iterator[date]:
    day = FIRST_DAY.date() - timedelta(days=rng.choice(GAPS))
    while day < FIRST_DAY.date() + timedelta(days=days):
        yield day
        day += timedelta(days=rng.choice(GAPS))


def _next(rng: Random, value: Decimal, step: str) -> Decimal:
    """Up or down by three per cent at most."""
    return (value * (1 + Decimal(rng.randint(-30, 30)) / 1000)).quantize(Decimal(step))


def _sent(
    rng: Random, topic: str, key: str, day: date, content: Content, number: str
) -> Iterator[Message]:
    """The record, at times corrected, repeated, contradicted, superseded, or beside junk."""
    version = content["version"]
    assert isinstance(version, int)
    values = [spelled(rng, content)]
    if rng.random() < CORRECTED:
        values.append(spelled(rng, content | _changed(rng, content, number) | {"version": 5}))
    if rng.random() < REPEATED:
        values.append(spelled(rng, content))
    if rng.random() < CONTRADICTED:
        values.append(spelled(rng, content | _changed(rng, content, number)))
    if version > 1 and rng.random() < SUPERSEDED:
        values.append(spelled(rng, content | _changed(rng, content, number) | {"version": 2}))
    if rng.random() < JUNK:
        values.append(b'{"version":1')
    when = datetime(day.year, day.month, day.day, tzinfo=FIRST_DAY.tzinfo)
    for value in values:
        yield Message(topic=topic, partition=0, key=key.encode(), value=value, when=when)


def _changed(rng: Random, content: Content, number: str) -> Content:
    value = content[number]
    assert isinstance(value, Decimal)
    return {number: _next(rng, value, "0.000001")}
