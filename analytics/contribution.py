"""How much of a linked return each part of the portfolio brought, so that the parts sum to it.

    C_part = sum over the days of  gain_part / capital_total * (1 + r linked up to the day before)

sums over the parts to the linked return itself, since the linked return grows on each day by that
day's return times what was linked before. R. Litterman, Modern Investment Management (2003),
chapter 19, formulas 19.50 to 19.53; A. Frongello, Linking Single Period Attribution Results,
J. of Performance Measurement (2002), is the same without a benchmark.

The return is split into what it had been in the currencies of the parts, and what these did to it:

    1 + base = (1 + local)(1 + currencies)

local linked of the days' own local returns. What a part brings to it is by the same formula, linked
by the local returns of the whole, and the rest of its contribution is its currency: so these sum to
the split of the whole. D. Karnosky and B. Singer, Global Asset Management and Performance
Attribution (1994), without their cash rates.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from analytics.exact import adding_up, check_amount, rounded_return
from analytics.time_weighted import DayReturn, link, runs
from calculator.money import COST_STEP, EXACT, ONE, ZERO

BASE_PLACES, LOCAL_PLACES = 12, 24
_ROUNDINGS_A_DAY = 10
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
    """`local` + `currency` is `contribution`, to the last digit. Null where the whole has none."""

    name: str
    contribution: Decimal
    local: Decimal | None
    currency: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentContributions:
    """Fractions, half-even to 12 places. The parts sum to all three, to the last digit, and
    `local` + `currency` is the return.

    Both are None where a day but the last lost more than all locally, which is to say that rates
    alone kept the whole from debt: what is linked after that has the wrong sign."""

    total_return: Decimal
    local: Decimal | None
    currency: Decimal | None
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
        """Of the only segment of these days; None where there are several or none, or no local
        return."""
        total = link(self._returns[within]).total_return
        if total is None:
            return None
        with localcontext(EXACT):
            [run] = runs(self._returns[within])
            local = self._linked_local(run)
        return None if local.total_return is None else split_return(total, local.total_return)

    def _of_run(self, run: Sequence[DayReturn]) -> SegmentContributions:
        """The caller works in `EXACT`."""
        first = self._index(run[0])
        days = slice(first, first + len(run))
        whole, local = _linked((each.exact_return for each in run), run), self._linked_local(run)
        assert whole.total_return is not None
        base_of = _shared(
            whole, {name: each.base[days] for name, each in self._parts.items()}, BASE_PLACES
        )
        local_of = _shared(
            local, {name: each.local[days] for name, each in self._parts.items()}, LOCAL_PLACES
        )
        found = [
            Contribution(
                name=name,
                contribution=each,
                local=local_of.get(name),
                currency=_rest(each, local_of.get(name)),
            )
            for name, each in base_of.items()
        ]
        found.sort(key=lambda each: (-each.contribution, each.name))
        return SegmentContributions(
            total_return=whole.total_return,
            local=local.total_return,
            currency=_rest(whole.total_return, local.total_return),
            parts=tuple(found),
        )

    def _linked_local(self, run: Sequence[DayReturn]) -> "_Linked":
        """Had no rate moved within a day. The caller works in `EXACT`."""
        gains = self._local[(first := self._index(run[0])) : first + len(run)]
        return _linked(
            (
                Decimal(gain).scaleb(-LOCAL_PLACES) / each.day.capital if each.day.capital else ZERO
                for gain, each in zip(gains, run, strict=True)
            ),
            run,
        )

    def _index(self, day: DayReturn) -> int:
        return bisect_left(self._returns, _date(day), key=_date)


@dataclass(frozen=True, slots=True)
class _Linked:
    """`weights`: what a gain of one on each day adds to the linked return; 0 on idle days."""

    total_return: Decimal | None
    weights: Sequence[int]  # times _FINE


def _linked(returns: Iterable[Decimal | None], run: Sequence[DayReturn]) -> _Linked:
    """None where a day before the last loses more than all. The caller works in `EXACT`."""
    linked, weights, is_lost = ONE, [], False
    for each, exact_return in zip(run, returns, strict=True):
        assert exact_return is not None
        is_lost |= linked < 0
        weights.append(int(linked / each.day.capital * _FINE) if each.day.capital else 0)
        linked *= 1 + exact_return
    return _Linked(None if is_lost else rounded_return(linked - 1), weights)


def _rest(whole: Decimal, part: Decimal | None) -> Decimal | None:
    return None if part is None else whole - part


def _date(each: DayReturn) -> date:
    return each.day.valuation_date


def _shared(linked: _Linked, gains: Mapping[str, Sequence[int]], places: int) -> dict[str, Decimal]:
    """The return, part by part; empty where there is none. The caller works in `EXACT`."""
    if linked.total_return is None:
        return {}
    exact = {
        name: Decimal(
            sum(gain * weight for gain, weight in zip(each, linked.weights, strict=True) if gain)
        ).scaleb(-places)
        / _FINE
        for name, each in gains.items()
    }
    # Both sides of what moves within the whole are money that is rounded by itself.
    weight = Decimal(sum(map(abs, linked.weights))) / _FINE
    return adding_up(linked.total_return, exact, COST_STEP * (1 + _ROUNDINGS_A_DAY * weight))


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
