"""One holding at the end of each day of a span: units, cost and value, and whether it has one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from analytics.flow_rules import OF_POSITION, Amount
from calculator.money import AMOUNT_LIMIT, EXACT, ONE, ZERO
from reports.columns import Amounts, Scaled, product, rounded_product, running, scaled
from reports.history import HoldingHistory
from reports.instruments import Instrument
from reports.limits import Limits
from reports.price_days import EPOCH, PriceDays, Prices, of_money, on_each_day, or_money
from reports.rate_days import RateDays, RateTable

IN_KIND = frozenset(name for name, rule in OF_POSITION.items() if rule.amount is Amount.VALUE)


@dataclass(frozen=True, slots=True)
class Span:
    """Days one after another. The first is the day before what is asked about: its end is the begin
    of that."""

    days: NDArray[np.int64]  # since EPOCH
    base_currency: str
    rates: RateTable
    limits: Limits

    @property
    def first_ordinal(self) -> int:
        """The index of a day is its ordinal less this."""
        return int(self.days[0]) + EPOCH.toordinal()

    def rate_on(self, currency: str, day: date) -> Decimal | None:
        """Base currency per unit; None where it is not known, or the day is not in the span."""
        index = self.index(day)
        if not 0 <= index < len(self.days):
            return None
        return self.rates.of(currency, self.base_currency).rates[index]

    def index(self, day: date) -> int:
        """Of any day: below 0, or too high, where it is not in the span."""
        return day.toordinal() - self.first_ordinal


@dataclass(frozen=True, slots=True)
class HoldingDays:
    """Values are zero where `is_valued` is false, and where nothing is held, which is valued."""

    history: HoldingHistory
    instrument: Instrument
    unit_value: "UnitValue"
    units: Scaled
    value: Amounts  # base currency
    is_valued: NDArray[np.bool_]
    is_stale: NDArray[np.bool_]
    # Units came or went in kind, at a value that is not known.
    is_moved_unvalued: NDArray[np.bool_]
    # Its value is known at both ends, and that of what moved in kind, so that what happens on the day
    # is part of the figures. False for the first.
    is_counted: NDArray[np.bool_]

    @property
    def is_whole(self) -> bool:
        """Valued on each day."""
        return bool(self.is_valued.all()) and not self.is_moved_unvalued.any()

    def value_local(self) -> Amounts:
        """In the trade currency; where there is no value in base currency there is none here."""
        exact = product(self.units, self.unit_value.local)
        one = Scaled(np.ones(len(exact.whole), np.int64), 0)
        return rounded_product(exact, one).where(self.is_valued & (self.units.whole != 0))

    def costs(self) -> list[Decimal]:
        """At the end of each day, base currency. The caller works in `EXACT`."""
        moves = self.history.moves
        sums = list(accumulate((move.cost for move in moves), initial=ZERO))
        at = np.searchsorted(
            _numbers([move.day for move in moves]), self.unit_value.days, side="right"
        )
        return [sums[number] for number in at.tolist()]


@dataclass(frozen=True, slots=True)
class UnitValue:
    """What one unit is worth on each day, exact."""

    days: NDArray[np.int64]
    local: Scaled  # trade currency
    rate: RateDays  # base currency per unit of trade currency
    is_known: NDArray[np.bool_]
    age_days: NDArray[np.int64]

    def of(self, units: Decimal, index: int) -> tuple[Decimal, Decimal] | None:
        """(base, local) value of units, half-even to 12 places; None where it is not known."""
        if not self.is_known[index]:
            return None
        rate = self.rate.rates[index]
        assert rate is not None
        exact = EXACT.multiply(
            units, Decimal(int(self.local.whole[index])).scaleb(-self.local.places, EXACT)
        )
        step = Decimal("1e-12")
        base = EXACT.multiply(exact, rate).quantize(step, context=EXACT)
        return base, exact.quantize(step, context=EXACT)


def holding_days(
    history: HoldingHistory,
    instrument: Instrument,
    prices: Prices | None,
    span: Span,
    *,
    is_kept: bool,
) -> HoldingDays:
    """Of a holding that had a transaction; `is_kept`: it is cash that its portfolio keeps."""
    assert history.trade_currency is not None
    multiplier = instrument.multiplier
    if is_kept:
        quoted, multiplier = of_money(history.trade_currency, span.days), ONE
    else:
        quoted = on_each_day(prices, span.days)
        if instrument.is_cash:
            quoted = or_money(quoted, instrument.cash_currency or history.trade_currency)
    unit = _unit_value(quoted, multiplier, history.trade_currency, span)
    units = _units(history, span.days)
    is_held = units.whole != 0
    is_valued = unit.is_known | ~is_held
    value = rounded_product(product(units, unit.local), unit.rate.rate)
    # An absurd price of one must not take the others their values.
    is_valued &= np.abs(value.units.astype(np.float64)) < float(AMOUNT_LIMIT)
    is_moved_unvalued = _moved_in_kind(history, span) & ~unit.is_known
    return HoldingDays(
        history=history,
        instrument=instrument,
        unit_value=unit,
        units=units,
        value=value.where(is_held & is_valued),
        is_valued=is_valued,
        is_stale=is_held & is_valued & (unit.age_days > span.limits.price_max_age_days),
        is_moved_unvalued=is_moved_unvalued,
        is_counted=_counted(is_valued, is_moved_unvalued),
    )


def _counted(
    is_valued: NDArray[np.bool_], is_moved_unvalued: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    found = is_valued & ~is_moved_unvalued
    found[1:] &= is_valued[:-1]
    found[0] = False
    return found


def _moved_in_kind(history: HoldingHistory, span: Span) -> NDArray[np.bool_]:
    """On which days units came or went at the value of the day."""
    found = np.zeros(len(span.days), np.bool_)
    on = {move.day for move in history.moves if move.is_cash or move.transaction_type in IN_KIND}
    indexes = _numbers(sorted(on)) - span.days[0]
    found[indexes[(indexes >= 0) & (indexes < len(found))]] = True
    return found


def _units(history: HoldingHistory, days: NDArray[np.int64]) -> Scaled:
    on = _numbers([move.day for move in history.moves])
    held = running(scaled([move.units for move in history.moves]))
    return Scaled(held.whole[np.searchsorted(on, days, side="right")], held.places)


def _numbers(days: Sequence[date]) -> NDArray[np.int64]:
    epoch = EPOCH.toordinal()
    return np.array([day.toordinal() - epoch for day in days], dtype=np.int64)


def _unit_value(
    quoted: PriceDays, multiplier: Decimal, trade_currency: str, span: Span
) -> UnitValue:
    local, is_known = product(quoted.price, scaled([multiplier])), quoted.is_known
    foreign = quoted.names - {trade_currency}
    if foreign:
        local, is_known = _converted(local, quoted, foreign, trade_currency, span)
    rate = span.rates.of(trade_currency, span.base_currency)
    return UnitValue(span.days, local, rate, is_known & rate.is_known, quoted.age_days)


def _converted(
    local: Scaled, quoted: PriceDays, foreign: frozenset[str], trade_currency: str, span: Span
) -> tuple[Scaled, NDArray[np.bool_]]:
    """Prices that are not in the trade currency, at the rate of the day they are used on."""
    factors = [ONE] * len(span.days)
    is_known = quoted.is_known.copy()
    for currency in foreign:
        rates = span.rates.of(currency, trade_currency)
        is_in_it = np.broadcast_to(quoted.currencies == currency.encode(), is_known.shape)
        for index in np.flatnonzero(is_in_it).tolist():
            rate = rates.rates[index]
            is_known[index] &= rate is not None
            factors[index] = rate or ONE
    return product(local, scaled(factors)), is_known
