"""What is known of a day that holdings are valued on: instruments, prices and rates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from analytics.valuation import Quote
from calculator import Resolved
from calculator.money import EXACT, ONE
from reports.instruments import Instrument, read_instruments
from reports.limits import Limits
from reports.prices import Price, day_before, read_prices
from reports.rates import RateTable, read_rates, resolved
from reports.snapshot import Snapshot


class Missing(StrEnum):
    """What a value lacks, phrased as the requirement. The first leaves a value that is `stale`."""

    PRICE_MUST_BE_RECENT = "price_must_be_recent"
    PRICE_MUST_BE_KNOWN = "price_must_be_known"
    FX_RATE_MUST_BE_KNOWN = "fx_rate_must_be_known"
    VALUE_MUST_FIT = "value_must_fit"  # below 10^26


class Held(NamedTuple):
    """What is asked about: a security, in terms of a holding of it."""

    security_id: str
    trade_currency: str
    base_currency: str
    keeps_cash: bool  # its portfolio does, so that a unit of cash is one of its currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A price on a day in terms of a holding. None is not known."""

    price: Price | None
    local_price: Decimal | None  # exact, in the trade currency
    rate: Resolved | None  # base currency per unit of trade currency
    multiplier: Decimal
    missing: tuple[Missing, ...]

    @property
    def quote(self) -> Quote | None:
        """None where something that is needed for a value in base currency is not known."""
        if self.local_price is None or self.rate is None:
            return None
        return Quote(price=self.local_price, multiplier=self.multiplier, fx_rate=self.rate.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Of one day, and for the prices of the day before."""

    day: date
    limits: Limits
    instruments: Mapping[str, Instrument]
    prices: Mapping[str, Price]
    prices_before: Mapping[str, Price]
    rates: RateTable
    # Of many portfolios most hold the same things.
    _found: dict[tuple[date, Held], Quoted] = field(default_factory=dict)

    def quoted(self, held: Held) -> Quoted:
        """At the end of the day."""
        return self._once(self.day, self.prices, held)

    def quoted_before(self, held: Held) -> Quoted:
        """At the end of the day before."""
        return self._once(day_before(self.day), self.prices_before, held)

    def _once(self, day: date, prices: Mapping[str, Price], held: Held) -> Quoted:
        found = self._found.get((day, held))
        if found is None:
            found = self._found[day, held] = self._quoted(day, prices, held)
        return found

    def _quoted(self, day: date, prices: Mapping[str, Price], held: Held) -> Quoted:
        security_id, trade_currency, base_currency, keeps_cash = held
        instrument = self.instruments[security_id]
        price, multiplier = prices.get(security_id), instrument.multiplier
        if instrument.is_cash and keeps_cash:
            price, multiplier = Price(day, ONE, trade_currency), ONE
        elif instrument.is_cash and price is None:
            price = Price(day, ONE, instrument.cash_currency or trade_currency)
        missing: list[Missing] = []
        local_price = None
        if price is None:
            missing.append(Missing.PRICE_MUST_BE_KNOWN)
        else:
            if price.price_date < day - timedelta(days=self.limits.price_max_age_days):
                missing.append(Missing.PRICE_MUST_BE_RECENT)
            to_local = resolved(self.rates, price.currency, trade_currency, day)
            if to_local is not None:
                local_price = EXACT.multiply(price.price, to_local.rate)
        rate = resolved(self.rates, trade_currency, base_currency, day)
        if rate is None or (price is not None and local_price is None):
            missing.append(Missing.FX_RATE_MUST_BE_KNOWN)
        return Quoted(
            price=price,
            local_price=local_price,
            rate=rate,
            multiplier=multiplier,
            missing=tuple(missing),
        )


def read_market(
    snapshot: Snapshot,
    security_ids: Iterable[str],
    currencies: Iterable[str],
    day: date,
    limits: Limits,
) -> Market:
    """`currencies` are those that values are to be in; those of prices are found."""
    wanted = sorted(set(security_ids))
    instruments = read_instruments(snapshot, wanted)
    prices = read_prices(snapshot, wanted, day)
    before = read_prices(snapshot, wanted, day_before(day))
    among = {*currencies, *(price.currency for price in (*prices.values(), *before.values()))}
    cash = {each.cash_currency for each in instruments.values() if each.is_cash}
    among |= {currency for currency in cash if currency is not None}
    return Market(
        day=day,
        limits=limits,
        instruments=instruments,
        prices=prices,
        prices_before=before,
        rates=read_rates(snapshot, among, day_before(day), day, limits),
    )
