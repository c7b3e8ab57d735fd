"""Figures to try formulas on: made by hand from text, or by hypothesis."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st

from analytics.days import Basis, Day, Flow, Timing
from analytics.time_weighted import Linked, day_returns, link

LAW = settings(max_examples=60, deadline=None)
START = date(2023, 12, 30)  # two days before a new year, so that short histories cross one


def on(number: int) -> date:
    return START + timedelta(days=number)


def a_day(number: int, begin: str, end: str, **others: str) -> Day:
    """`flow_at_begin`, `flow_at_end` and `fees` as text."""
    return Day(
        valuation_date=on(number),
        begin_value=Decimal(begin),
        end_value=Decimal(end),
        **{name: Decimal(text) for name, text in others.items()},
    )


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda number: Decimal(number).scaleb(-2))


FLOWS = st.one_of(st.just(Decimal(0)), cents(-20_000, 50_000))
VALUES = cents(100_000, 1_000_000)


@st.composite
def histories(
    draw: st.DrawFn,
    days_min: int = 1,
    days_max: int = 8,
    values: st.SearchStrategy[Decimal] = VALUES,
) -> list[Day]:
    """Days that join, one after another. Where the values allow it, each has capital."""
    begin = draw(values)
    days = []
    for number in range(draw(st.integers(days_min, days_max))):
        day = Day(
            valuation_date=on(number),
            begin_value=begin,
            flow_at_begin=draw(FLOWS),
            flow_at_end=draw(FLOWS),
            end_value=draw(values),
            fees=draw(cents(0, 100)),
        )
        days.append(day)
        begin = day.end_value
    return days


# Nothing, debts and total losses among ordinary values.
WILD = st.one_of(st.just(Decimal(0)), cents(-1_000, 1_000), VALUES)


def scaled(days: Sequence[Day], factor: Decimal) -> list[Day]:
    """All money times the factor."""
    return [
        replace(
            day,
            begin_value=day.begin_value * factor,
            flow_at_begin=day.flow_at_begin * factor,
            flow_at_end=day.flow_at_end * factor,
            end_value=day.end_value * factor,
            fees=day.fees * factor,
        )
        for day in days
    ]


def twelve(exact: Fraction) -> Decimal:
    """Half-even to 12 places, without the decimal module's arithmetic."""
    return Decimal(round(exact * 10**12)).scaleb(-12)


def linked(days: Sequence[Day], basis: Basis = Basis.NET_OF_FEES) -> Linked:
    return link(day_returns(days, basis), basis)


def flows_of(days: Iterable[Day]) -> list[Flow]:
    """Those that are not zero, in order of time."""
    return [
        Flow(flow_date=day.valuation_date, amount=amount, timing=timing)
        for day in days
        for amount, timing in ((day.flow_at_begin, Timing.BEGIN), (day.flow_at_end, Timing.END))
        if amount
    ]
