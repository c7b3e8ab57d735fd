"""How much of a linked return each part of the portfolio brought, so that the parts sum to it.

    C_part = sum over the days of  gain_part / capital_total * (1 + r linked up to the day before)

sums over the parts to the linked return itself, since the linked return grows on each day by that
day's return times what was linked before. R. Litterman, Modern Investment Management (2003),
chapter 19, formulas 19.50 to 19.53; A. Frongello, Linking Single Period Attribution Results,
J. of Performance Measurement (2002), is the same without a benchmark.

Each contribution is split into what the part brought in its own currency and by it, as the return
of the whole is: D. Karnosky and B. Singer, Global Asset Management and Performance Attribution
(1994), without their cash rates.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from analytics.exact import adding_up, check_amount, rounded_return
from analytics.time_weighted import DayReturn, link, runs
from calculator.money import EXACT, ONE

BASE_PLACES, LOCAL_PLACES = 12, 24
_FINE = 10**80  # of weights: a gain of 10^26 is told to 10^-42


@dataclass(frozen=True, slots=True)
class Gains:
    """Of one part, net of fees: one of each day, zero on days without it. Whole numbers of base
    currency: there are many, and what they sum to is exact."""

    base: Sequence[int]  # of 10^-12
    # Of 10^-24: gain in the part's own currency, at the rate of the end of the day before. What
    # the day had gained in base currency, had the rate stood still.
    local: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A return in base currency: `local` + `currency` is `base`, to the last digit.

    `currency` has the product of both: what the rate did to begin value and gain alike.
    """

    base: Decimal
    local: Decimal
    currency: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """`local` + `currency` is `contribution`, to the last digit."""

    name: str
    contribution: Decimal
    local: Decimal
    currency: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentContributions:
    """Fractions, half-even to 12 places; the contributions sum to the return, to the last digit."""

    total_return: Decimal
    parts: tuple[Contribution, ...]  # the largest first


class Attribution:
    """Of the days of a whole to its parts, whose gains have the index of the day; net of fees."""

    def __init__(self, returns: Sequence[DayReturn], parts: Mapping[str, Gains]) -> None:
        self._returns = returns
        self._parts = parts
        self._local = [
            sum(day) for day in zip(*(each.local for each in parts.values()), strict=True)
        ]
        assert len(self._local) == len(returns) or not parts

    def contributions(self, within: slice) -> tuple[SegmentContributions, ...]:
        """Of each segment of these days, as `time_weighted.link` cuts them."""
        with localcontext(EXACT):
            return tuple(self._of_run(run) for run in runs(self._returns[within]))

    def currency_effect(self, within: slice) -> Split | None:
        """Of the only segment of these days; None where there are several, or none."""
        with localcontext(EXACT):
            total = link(self._returns[within]).total_return
            local = link([self._local_return(each) for each in self._returns[within]]).total_return
        return None if total is None or local is None else split_return(total, local)

    def _of_run(self, run: Sequence[DayReturn]) -> SegmentContributions:
        """The caller works in `EXACT`."""
        linked, weights = ONE, []
        for each in run:
            assert each.exact_return is not None
            # What a gain of one adds to the linked return; without capital the day is idle.
            weights.append(int(linked / each.day.capital * _FINE) if each.day.capital else 0)
            linked *= 1 + each.exact_return
        total = rounded_return(linked - 1)
        days = self._index(run[0].day.valuation_date)
        within = slice(days, days + len(run))
        told = adding_up(
            total,
            {
                name: _weighted(each.base[within], weights, BASE_PLACES)
                for name, each in self._parts.items()
            },
        )
        local = {
            name: rounded_return(_weighted(each.local[within], weights, LOCAL_PLACES))
            for name, each in self._parts.items()
        }
        found = [
            Contribution(
                name=name, contribution=each, local=local[name], currency=each - local[name]
            )
            for name, each in told.items()
        ]
        found.sort(key=lambda each: (-each.contribution, each.name))
        return SegmentContributions(total_return=total, parts=tuple(found))

    def _local_return(self, each: DayReturn) -> DayReturn:
        """Of a day, had no rate moved since it began."""
        if each.exact_return is None or not each.day.capital:
            return each
        gain = Decimal(self._local[self._index(each.day.valuation_date)]).scaleb(-LOCAL_PLACES)
        return DayReturn(each.day, gain / each.day.capital)

    def _index(self, day: date) -> int:
        return bisect_left(self._returns, day, key=lambda each: each.day.valuation_date)


def _weighted(gains: Sequence[int], weights: Sequence[int], places: int) -> Decimal:
    """Gains, each times the weight of its day. The caller works in `EXACT`."""
    total = sum(gain * weight for gain, weight in zip(gains, weights, strict=True) if gain)
    return Decimal(total).scaleb(-places) / _FINE


def split_return(base_return: Decimal, local_return: Decimal) -> Split:
    """The currency effect of a return: base - local = r_fx * (1 + r_local).

    Since 1 + base = (1 + local)(1 + r_fx), CFA Institute, Currency Management: An Introduction,
    https://www.cfainstitute.org/insights/professional-learning/refresher-readings. Fractions.
    """
    check_amount("base_return", base_return)
    check_amount("local_return", local_return)
    with localcontext(EXACT):
        base, local = rounded_return(base_return), rounded_return(local_return)
        return Split(base=base, local=local, currency=base - local)
