"""Which part of a portfolio gained how much on each day, in its own currency and by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from operator import add

from analytics.contribution import BASE_PLACES, Gains
from calculator.money import EXACT, cost_steps
from reports.columns import Amounts
from reports.flows import position_flows
from reports.instruments import Instrument
from reports.rate_days import RateDays
from reports.series import Holdings


class Grouping(StrEnum):
    """What the parts are."""

    POSITION = "position"
    ASSET_CLASS = "asset_class"
    SECTOR = "sector"
    CURRENCY = "currency"
    COUNTRY = "country"
    RATING = "rating"
    ISSUER = "issuer"


_ONE = 10**BASE_PLACES  # a rate of one
UNKNOWN = "UNKNOWN"  # the part of what no instrument tells of


def group_of(instrument: Instrument, trade_currency: str, grouping: Grouping) -> str:
    """Which part a holding is in; its currency is the one it is traded in."""
    found = {
        Grouping.POSITION: instrument.security_id,
        Grouping.ASSET_CLASS: instrument.asset_class,
        Grouping.SECTOR: instrument.sector,
        Grouping.CURRENCY: trade_currency,
        Grouping.COUNTRY: instrument.country_of_risk,
        Grouping.RATING: instrument.rating,
        Grouping.ISSUER: instrument.issuer,
    }[grouping]
    return found or UNKNOWN


@dataclass(slots=True)
class _Part:
    """Holdings of one currency that are in one group; amounts by index of the day, in steps."""

    value: Amounts
    value_local: Amounts
    flows: list[int]
    flows_local: list[int]


def gains_of(holdings: Holdings, grouping: Grouping) -> Mapping[str, Gains]:
    """By group, of each day of the period."""
    length = len(holdings.span.days)
    parts: dict[tuple[str, str], _Part] = {}
    rates: dict[str, list[int | None]] = {}
    for each in holdings.days.values():
        currency = each.history.trade_currency
        assert currency is not None
        if currency not in rates:
            rates[currency] = _rates_at_begin(each.unit_value.rate)
        part = parts.get(key := (group_of(each.instrument, currency, grouping), currency))
        if part is None:
            nothing = Amounts.zeros(length)
            part = parts[key] = _Part(nothing, nothing, [0] * length, [0] * length)
        part.value += each.value
        part.value_local += each.value_local()
        for flow in position_flows(each, holdings.span, holdings.setting):
            part.flows[flow.at] += cost_steps(flow.amount)
            part.flows_local[flow.at] += cost_steps(flow.amount_local)
    found: dict[str, Gains] = {}
    for (name, currency), part in parts.items():
        gains = _gains(part, rates[currency])
        found[name] = _sum(found[name], gains) if name in found else gains
    return found


def _rates_at_begin(rate: RateDays) -> list[int | None]:
    """Of each day, in 10^-12: that of the end of the day before or, where none is known, its own."""
    found = (before or now for before, now in pairwise(rate.rates))
    return [None if each is None else int(each.scaleb(BASE_PLACES, EXACT)) for each in found]


def _gains(part: _Part, rates: Sequence[int | None]) -> Gains:
    """Where no rate is known nothing has a value, and what is gained is flows alone, each with a
    rate of its own: all of it is local, since nothing was held that another rate could move."""
    base = _gained(part.value, part.flows)
    local = _gained(part.value_local, part.flows_local)
    return Gains(
        base,
        [
            gain * _ONE if rate is None else gain_local * rate
            for gain, gain_local, rate in zip(base, local, rates, strict=True)
        ],
    )


def _gained(value: Amounts, flows: Sequence[int]) -> list[int]:
    """On each day but the first."""
    pairs = zip(pairwise(value.in_steps()), flows[1:], strict=True)
    return [end - begin - flow for (begin, end), flow in pairs]


def _sum(one: Gains, other: Gains) -> Gains:
    return Gains(
        list(map(add, one.base, other.base)),
        list(map(add, one.local, other.local)),
    )
