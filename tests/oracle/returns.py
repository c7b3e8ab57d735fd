"""What days of `performance` returned, linked or weighted by money, read from the contract alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from functools import partial
from itertools import pairwise
from typing import Any

from tests.oracle.performance import CONTEXT, ONE_DAY, ZERO, Day, r

SOMETHING = ("begin_value", "end_value", "counted_fees", "flow_at_begin", "flow_at_end")
LIMIT = Decimal(10) ** 26
ROOT_STEP = Decimal(1).scaleb(-40)
# Logarithms of 1 + rate at which the sign is looked at: closely where a rate can be told.
CLOSELY = [Decimal(number) / 10 for number in range(-400, 640)]
PLACES = [*(Decimal(number) for number in range(-300, -40)), *CLOSELY,
          *(Decimal(number) for number in range(64, 300))]  # fmt: skip


Gain = Callable[[Day], Decimal]
Parts = Mapping[str, Mapping[date, tuple[Decimal, Decimal]]]  # by day: (gain, local gain in base)


class DoesNotFitError(Exception):
    """The answer is 409, `figures-out-of-range`."""


def fitting(number: Decimal) -> Decimal:
    if abs(number) >= LIMIT:
        raise DoesNotFitError(number)
    return r(number)


def month_start(day: date, months: int = 0) -> date:
    """The first of the month that is so many months later."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def named(name: str, to: date, inception: date) -> tuple[date | None, str | None]:
    """The first day of a period that ends on `to`, or why there is none."""
    starts = {
        "MTD": month_start(to),
        "QTD": month_start(to, -((to.month - 1) % 3)),
        "YTD": date(to.year, 1, 1),
        "SI": inception,
    }
    if name in starts:
        return max(starts[name], inception), None
    months = {"1Y": 12, "3Y": 36, "5Y": 60}[name]
    last_of_month = month_start(to, 1 - months) - ONE_DAY
    is_month_end = (to + ONE_DAY).day == 1
    same_day = last_of_month.replace(day=min(to.day, last_of_month.day))
    first = (last_of_month if is_month_end else same_day) + ONE_DAY
    return (first, None) if first >= inception else (None, "history_must_reach_back")


Run = list[Day]  # that are linked; those on which nothing happened are not among them


def capital(day: Day) -> Decimal:
    return Decimal(day["begin_value"] + day["flow_at_begin"])


def net_gain(day: Day) -> Decimal:
    return Decimal(day["end_value"] - capital(day) - day["flow_at_end"])


def gross_gain(day: Day) -> Decimal:
    return Decimal(net_gain(day) + day["counted_fees"])


def runs_of(days: Sequence[Day], gain: Gain) -> tuple[list[Run], list[Day]]:
    """And the days between them, of no capital, on which something happened."""
    runs: list[Run] = []
    breaks = []
    begun: list[Day] = []
    for day in days:
        is_idle = not any(day[name] for name in SOMETHING)
        if capital(day) <= 0 and not is_idle:
            if begun:
                runs.append(begun)
            begun = []
            breaks.append(day)
        elif not is_idle:
            begun = [*begun, day]
            if gain(day) < -capital(day):  # more than all is lost
                runs.append(begun)
                begun = []
    if begun:
        runs.append(begun)
    return runs, breaks


def factor_of(run: Run, gain: Gain) -> Decimal:
    factor = Decimal(1)
    for day in run:
        factor *= 1 + gain(day) / capital(day)
    return factor


def linked(days: Sequence[Day], gain: Gain = net_gain) -> dict[str, Any]:
    with localcontext(CONTEXT):
        runs, breaks = runs_of(days, gain)
        segments = []
        for run in runs:
            factor, (first, last) = factor_of(run, gain), (run[0]["date"], run[-1]["date"])
            segments.append(
                {
                    "from": first,
                    "to": last,
                    "total_return": fitting(factor - 1),
                    "annualized_return": annualized(factor, (last - first).days + 1),
                }
            )
        said = [
            {"valuation_date": day["date"], "capital": capital(day), "gain": gain(day)}
            for day in breaks
        ]
        is_one = len(segments) == 1 and not any(each["gain"] for each in said)
        return {
            "total_return": segments[0]["total_return"] if is_one else None,
            "annualized_return": segments[0]["annualized_return"] if is_one else None,
            "segments": segments,
            "breaks": said,
        }


def contributions(days: Sequence[Day], parts: Parts) -> list[dict[str, Any]]:
    """Of each segment: gains over the capital of the whole, times what was linked before; local
    gains likewise, linked by themselves."""
    with localcontext(CONTEXT):
        return [_contributed(run, parts) for run in runs_of(days, net_gain)[0]]


def _contributed(run: Run, parts: Parts) -> dict[str, Any]:
    total = fitting(factor_of(run, net_gain) - 1)
    base = _shared(
        run,
        {name: {day: gain for day, (gain, _) in of.items()} for name, of in parts.items()},
        net_gain,
        total,
    )
    local_total = local_return(run, parts)
    local: dict[str, Decimal | None] = dict.fromkeys(parts)
    if local_total is not None:
        gains = {name: {day: gain for day, (_, gain) in of.items()} for name, of in parts.items()}
        local |= _shared(run, gains, partial(_local_gain, parts), local_total)
    return {
        "total_return": total,
        "local": local_total,
        "currency": _rest(total, local_total),
        "parts": [
            {"name": name, "contribution": base[name], "local": local[name]}
            | {"currency": _rest(base[name], local[name])}
            for name in sorted(base, key=lambda name: (-base[name], name))
        ],
    }


def _shared(
    run: Run, gains: Mapping[str, Mapping[date, Decimal]], gain: Gain, total: Decimal
) -> dict[str, Decimal]:
    """What rounding leaves over goes to the largest, of equals to the first by name."""
    exact = dict.fromkeys(gains, ZERO)
    before = Decimal(1)
    for day in run:
        for name, of in gains.items():
            exact[name] += of.get(day["date"], ZERO) / capital(day) * before
        before *= 1 + gain(day) / capital(day)
    told = {name: r(each) for name, each in exact.items()}
    largest = min(exact, key=lambda name: (-abs(exact[name]), name))
    told[largest] += total - sum(told.values(), ZERO)
    return told


def _local_gain(parts: Parts, day: Day) -> Decimal:
    return sum((of[day["date"]][1] for of in parts.values() if day["date"] in of), ZERO)


def local_return(run: Run, parts: Parts) -> Decimal | None:
    """Had no rate moved within a day; None where a day before the last had lost more than all."""
    gain = partial(_local_gain, parts)
    if any(gain(day) < -capital(day) for day in run[:-1]):
        return None
    return fitting(factor_of(run, gain) - 1)


def _rest(whole: Decimal, part: Decimal | None) -> Decimal | None:
    return None if part is None else whole - part


def currency_effect(days: Sequence[Day], parts: Parts) -> dict[str, Decimal] | None:
    base = linked(days)["total_return"]
    with localcontext(CONTEXT):
        local = None if base is None else local_return(runs_of(days, net_gain)[0][0], parts)
        return None if local is None else {"base": base, "local": local, "currency": base - local}


def annualized(factor: Decimal, days: int) -> Decimal | None:
    """Beyond 365 days."""
    if days <= 365 or factor <= 0:
        return None
    return fitting(factor ** (Decimal(365) / days) - 1)


def flows_of(days: Sequence[Day]) -> list[tuple[date, Decimal]]:
    with localcontext(CONTEXT):
        sums = ((day["date"], day["flow_at_begin"] + day["flow_at_end"]) for day in days)
        return [(day, amount) for day, amount in sums if amount]


def money_weighted(days: Sequence[Day]) -> dict[str, Any]:
    """Of a period that has days."""
    begin, end, flows = days[0]["begin_value"], days[-1]["end_value"], flows_of(days)
    first, last = days[0]["date"], days[-1]["date"]
    with localcontext(CONTEXT):
        paid: dict[date, Decimal] = {}
        for day, amount in [(first - ONE_DAY, begin), *flows, (last, -end)]:
            paid[day] = paid.get(day, ZERO) + amount
        found = rates_of({day: amount for day, amount in paid.items() if amount})
        rates = [rate for rate in found if -1 < rate < LIMIT]
        there = invested(first, last, begin, end, flows)
        rate = rates[0] if len(rates) == 1 else None
        over = None
        if rate is not None and there is not None:
            over = fitting((1 + rate) ** (Decimal(there[1]) / 365) - 1)
        return {
            "begin_value": begin,
            "end_value": end,
            "net_flow": sum((amount for _, amount in flows), ZERO),
            "flows": len(flows),
            "xirr": rate,
            "roots": rates if len(rates) > 1 else [],
            "no_rate": None if rates else "rate_must_fit" if found else no_rate(paid.values()),
            "over_period": over,
            "modified_dietz": None if there is None else there[0],
        }


def no_rate(amounts: Iterable[Decimal]) -> str:
    signs = {amount > 0 for amount in amounts if amount}
    both = len(signs) == 2
    return "present_value_must_reach_zero" if both else "payments_must_have_both_signs"


def invested(
    first: date, last: date, begin: Decimal, end: Decimal, flows: Sequence[tuple[date, Decimal]]
) -> tuple[Decimal | None, int] | None:
    """(Modified Dietz, days) of the days on which there was money; None where no day is left."""
    flows = list(flows)
    if not begin and flows:
        day, begin = flows.pop(0)
        first = day + ONE_DAY
    if not end and flows:
        last, went = flows.pop()
        end = -went
    days = (last - first).days + 1
    if days <= 0:
        return None
    capital = begin + sum((amount * (last - day).days / days for day, amount in flows), ZERO)
    gain = end - begin - sum((amount for _, amount in flows), ZERO)
    return (fitting(gain / capital) if capital > 0 else None), days


def rates_of(paid: dict[date, Decimal]) -> list[Decimal]:
    """Every rate a year, ascending, at which the payments are worth nothing, found by looking
    everywhere: of two that are next to each other it would see none."""
    if not paid:
        return []
    begin = min(paid)

    def worth(log_rate: Decimal) -> Decimal:
        """On the first day."""
        factor = (-log_rate / 365).exp()
        total, power, at = ZERO, Decimal(1), begin
        for day in sorted(paid):
            power *= factor ** (day - at).days
            at = day
            total += paid[day] * power
        return total

    with localcontext(prec=180):
        found = [(low + high) / 2 for low, high in crossings(worth)]
        return [r(each.exp() - 1) for each in found]


def crossings(worth: Callable[[Decimal], Decimal]) -> Iterator[tuple[Decimal, Decimal]]:
    """Narrow intervals in which it crosses zero."""
    # Beside a round number, which may be a rate itself.
    places = [each + ROOT_STEP for each in PLACES]
    with localcontext(prec=60):
        signs = [(place, worth(place) > 0) for place in places]
    for (low, is_above), (high, other) in pairwise(signs):
        if is_above is other:
            continue
        while high - low > ROOT_STEP:
            middle = (low + high) / 2
            if (worth(middle) > 0) is is_above:
                low = middle
            else:
                high = middle
        yield low, high
