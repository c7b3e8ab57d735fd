"""Which part of a portfolio gained how much on each day, in its own currency and by it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any

from analytics.exact import adding_up, rounded_return
from analytics.time_weighted import DayReturn, runs
from calculator.money import EXACT, ONE, cost_steps
from reports.columns import Amounts
from reports.flows import position_flows
from reports.holding_days import HoldingDays
from reports.returns import Earned
from reports.series import Holdings

_FINE = 10**80  # of weights: a gain of 10^26 is told to 10^-42


class Grouping(StrEnum):
    """What the parts are."""

    POSITION = "position"
    ASSET_CLASS = "asset_class"
    SECTOR = "sector"
    CURRENCY = "currency"
    COUNTRY = "country"
    RATING = "rating"
    ISSUER = "issuer"


UNKNOWN = "UNKNOWN"  # the part of what no instrument tells of


def group_of(days: HoldingDays, grouping: Grouping) -> str:
    """Which part the holding is in; its currency is the one it is traded in."""
    instrument = days.instrument
    found = {
        Grouping.POSITION: instrument.security_id,
        Grouping.ASSET_CLASS: instrument.asset_class,
        Grouping.SECTOR: instrument.sector,
        Grouping.CURRENCY: days.history.trade_currency,
        Grouping.COUNTRY: instrument.country_of_risk,
        Grouping.RATING: instrument.rating,
        Grouping.ISSUER: instrument.issuer,
    }[grouping]
    return found or UNKNOWN


@dataclass(slots=True)
class Part:
    """Holdings of one currency that are in one group; amounts by index of the day, in steps."""

    value: Amounts
    value_local: Amounts
    flows: list[int]
    flows_local: list[int]
    rates: tuple[Decimal | None, ...]
    _gains: list[int] = field(default_factory=list)
    _local_gains: list[Decimal] = field(default_factory=list)

    def gains(self) -> list[int]:
        """In base currency, by index; the first is of no day of the period."""
        if not self._gains:
            self._gains = _gains(self.value, self.flows)
        return self._gains

    def local_gains(self) -> list[Decimal]:
        """In steps of base currency, had the rate stood still since the begin of each day. The
        caller works in `EXACT`."""
        if not self._local_gains:
            gains = _gains(self.value_local, self.flows_local)
            self._local_gains = [
                gain * ((self.rates[index - 1] or self.rates[index] or ONE) if index else ONE)
                for index, gain in enumerate(gains)
            ]
        return self._local_gains


def _gains(value: Amounts, flows: Sequence[int]) -> list[int]:
    ends = value.in_steps()
    return [0] + [
        end - begin - flow for begin, end, flow in zip(ends[:-1], ends[1:], flows[1:], strict=True)
    ]


Parts = Mapping[str, Sequence[Part]]


def parts_of(holdings: Holdings, grouping: Grouping) -> Parts:
    """By group; of each group one for each currency."""
    length = len(holdings.span.days)
    found: dict[str, dict[str, Part]] = {}
    for each in holdings.days.values():
        currency = each.history.trade_currency
        assert currency is not None
        by_currency = found.setdefault(group_of(each, grouping), {})
        part = by_currency.get(currency)
        if part is None:
            nothing = Amounts.zeros(length)
            rates = each.unit_value.rate.rates
            part = Part(nothing, nothing, [0] * length, [0] * length, rates)
            by_currency[currency] = part
        part.value += each.value
        part.value_local += each.value_local()
        for flow in position_flows(each, holdings.span, holdings.setting):
            part.flows[flow.at] += cost_steps(flow.amount)
            part.flows_local[flow.at] += cost_steps(flow.amount_local)
    return {name: list(by_currency.values()) for name, by_currency in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """`local` + `currency` is `contribution`, to the last digit."""

    name: str
    contribution: Decimal
    local: Decimal
    currency: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentContributions:
    """The contributions sum to the return, to the last digit."""

    total_return: Decimal
    parts: tuple[Contribution, ...]  # the largest first


def contributions(earned: Earned, within: slice, parts: Parts) -> tuple[SegmentContributions, ...]:
    """Of each segment of these days, net of fees: gains over the capital of the whole, times what
    was linked before."""
    with localcontext(EXACT):
        return tuple(_of_run(run, _offsets(earned, run), parts) for run in runs(earned.net[within]))


def _offsets(earned: Earned, run: Sequence[DayReturn]) -> int:
    """The index of the run's first day in the span, which begins a day earlier."""
    first = earned.days[0].day.valuation_date
    return (run[0].day.valuation_date - first).days + 1


def _of_run(run: Sequence[DayReturn], offset: int, parts: Parts) -> SegmentContributions:
    linked, weights = ONE, []
    for each in run:
        assert each.exact_return is not None
        weights.append(int(linked / each.day.capital * _FINE) if each.day.capital else 0)
        linked *= 1 + each.exact_return
    total = rounded_return(linked - 1)
    exact = {name: _weighted((part.gains() for part in group), weights, offset)
             for name, group in parts.items()}  # fmt: skip
    local = {name: _weighted((part.local_gains() for part in group), weights, offset)
             for name, group in parts.items()}  # fmt: skip
    told = adding_up(total, exact)
    found = [
        Contribution(
            name=name,
            contribution=each,
            local=rounded_return(local[name]),
            currency=each - rounded_return(local[name]),
        )
        for name, each in told.items()
    ]
    found.sort(key=lambda each: (-each.contribution, each.name))
    return SegmentContributions(total_return=total, parts=tuple(found))


def _weighted(gains: Iterable[Sequence[Any]], weights: Sequence[int], offset: int) -> Decimal:
    """Of gains in steps, each times the weight of its day."""
    total = Decimal(0)
    for each in gains:
        days = each[offset : offset + len(weights)]
        total += sum(gain * weight for gain, weight in zip(days, weights, strict=True) if gain)
    return total.scaleb(-12) / _FINE


def local_returns(earned: Earned, parts: Parts) -> list[DayReturn]:
    """Of each day, had no rate moved since it began. Fees lessen it, as they do the return."""
    with localcontext(EXACT):
        sums = [Decimal(0)] * (len(earned.days) + 1)
        for group in parts.values():
            for part in group:
                for index, gain in enumerate(part.local_gains()):
                    if gain:
                        sums[index] += gain
        return [
            DayReturn(
                each.day,
                None
                if each.exact_return is None
                else sums[index].scaleb(-12) / each.day.capital
                if each.day.capital
                else each.exact_return,
            )
            for index, each in enumerate(earned.net, 1)
        ]
