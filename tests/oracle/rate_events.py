"""Records of exchange rates that somebody's transactions ask for."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from tests.oracle.spelling import Content, spelled

CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY")


class Asked(NamedTuple):
    """The rate that a transaction needs."""

    currency: str
    base: str
    day: date

    @property
    def key(self) -> bytes:
        return f"{self.currency}|{self.base}|{self.day}".encode()


def rate_values(rng: Random, asked: Asked, corrected: float, junk: float) -> Iterator[bytes]:
    """A few about that pair and those days: direct, inverse, through dollars, too old, twice,
    corrected or contradicted. What they come to hangs on the order of their one partition."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        one, other = _pair(rng, asked)
        content: Content = {
            "from_currency": one,
            "to_currency": other,
            "rate_date": asked.day - timedelta(days=rng.choice([0, 0, 0, 1, 2, 7, 8])),
            "rate": _amount(rng),
            "version": rng.choice([1, 1, 2, 7]),
        }
        yield spelled(rng, content)
        if rng.random() < corrected:
            yield spelled(rng, content | {"rate": _amount(rng), "version": 9})
        if rng.random() < 0.1:
            yield spelled(rng, content)
        if rng.random() < 0.03:
            yield spelled(rng, content | {"rate": _amount(rng)})
        if rng.random() < junk:
            yield b'{"from_currency":"EUR"'


def _amount(rng: Random) -> Decimal:
    return Decimal(f"{rng.randint(1, 3_000_000)}E-6")


def _pair(rng: Random, asked: Asked) -> list[str]:
    pair = rng.choice(
        [
            [asked.currency, asked.base],
            [asked.currency, asked.base],
            [asked.currency, "USD"],
            [asked.base, "USD"],
        ]
    )
    if len(set(pair)) < 2:
        pair = [asked.currency, rng.choice([one for one in CURRENCIES if one != asked.currency])]
    return rng.sample(pair, 2)
