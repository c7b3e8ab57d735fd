"""The prices and instruments of a process, packed: what valuations as of today need of them.

Hundreds of thousands are kept, so each is a few bytes that are read when they are asked for. One
thread keeps; any other may read while the table is at rest.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec

from calculator import plain
from reports.instruments import Instrument, unknown
from reports.prices import Price
from streams.known_cash import KnownCash
from wire import reference

Packed = bytes


def utc_now() -> datetime:
    return datetime.now(UTC)


class Today:
    """The day in UTC. It never goes back, whatever the clock does: prices that only a day before
    would need are forgotten."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._latest = date.min

    def __call__(self) -> date:
        self._latest = max(self._latest, self._now().date())
        return self._latest


class _Day(msgspec.Struct, array_like=True, gc=False):
    """A price; the newest version of it that came."""

    ordinal: int
    price: str
    currency: str
    version: int


_encode = msgspec.msgpack.Encoder().encode
_decode_days = msgspec.msgpack.Decoder(list[_Day]).decode


class KnownPrices:
    """Of each security the newest price of the days before today, and all of today and later.

    `on_change` is told the security_id where what is kept of it became another.
    """

    def __init__(self, today: Callable[[], date], on_change: Callable[[str], object]) -> None:
        self._today = today
        self._on_change = on_change
        self._packed: dict[str, Packed] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def keep(self, _offset: int, price: reference.MarketPrice) -> None:
        """Take in the next readable record of the topic."""
        before = self._packed.get(price.security_id)
        packed = _with(before, price, self._today().toordinal())
        if packed != before:
            self._packed[price.security_id] = packed
            self._on_change(price.security_id)

    def packed(self, security_id: str) -> Packed | None:
        return self._packed.get(security_id)


def _with(packed: Packed | None, price: reference.MarketPrice, today: int) -> Packed:
    days = [] if packed is None else _decode_days(packed)
    day = _Day(price.price_date.toordinal(), plain(price.price), price.currency, price.version)
    known = next((each for each in days if each.ordinal == day.ordinal), None)
    if known is None or known.version < day.version:
        days = sorted(
            [day, *(each for each in days if each is not known)], key=lambda each: each.ordinal
        )
    past = sum(each.ordinal < today for each in days)
    return _encode(days[max(0, past - 1) :])


def price_on(packed: Packed | None, day: date) -> Price | None:
    """The newest on or before today or the day before it."""
    ordinal, found = day.toordinal(), None
    for each in () if packed is None else _decode_days(packed):
        if each.ordinal <= ordinal:
            found = each
    if found is None:
        return None
    return Price(date.fromordinal(found.ordinal), Decimal(found.price), found.currency)


class _Instrument(msgspec.Struct, array_like=True, gc=False):
    """What valuations show and use of it."""

    version: int
    instrument_currency: str
    name: str | None
    asset_class: str | None
    product_type: str | None
    multiplier: str


_decode_instrument = msgspec.msgpack.Decoder(_Instrument).decode


class KnownInstruments:
    """The highest version of each; of two contents of one version the first. `cash` is told what
    each makes of its security."""

    def __init__(self, on_change: Callable[[str], object], cash: KnownCash) -> None:
        self._on_change = on_change
        self._cash = cash
        self._packed: dict[str, Packed] = {}

    def keep(self, offset: int, instrument: reference.Instrument) -> None:
        """Take in the next readable record of the topic."""
        security_id = instrument.security_id
        before = self._packed.get(security_id)
        if before is None or _decode_instrument(before).version < instrument.version:
            self._packed[security_id] = _encode(
                _Instrument(
                    instrument.version,
                    instrument.instrument_currency,
                    instrument.name,
                    instrument.asset_class,
                    instrument.product_type,
                    plain(instrument.multiplier),
                )
            )
            self._cash.keep(offset, security_id, is_cash=instrument.is_cash)
            self._on_change(security_id)

    def packed(self, security_id: str) -> Packed | None:
        return self._packed.get(security_id)


def instrument_of(security_id: str, packed: Packed | None) -> Instrument:
    """As reports know it."""
    if packed is None:
        return unknown(security_id)
    found = _decode_instrument(packed)
    return Instrument(
        security_id,
        name=found.name,
        instrument_currency=found.instrument_currency,
        asset_class=found.asset_class,
        product_type=found.product_type,
        multiplier=Decimal(found.multiplier),
    )
