"""The days of a portfolio, or of one of its holdings: values, flows, income, costs and gains."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, localcontext
from itertools import accumulate, pairwise

import numpy as np

from analytics.days import Day
from analytics.flow_rules import When
from analytics.periods import Period
from calculator.cash import CashManagement
from calculator.money import EXACT, ZERO
from reports.columns import Amounts, of_steps
from reports.flows import Flow, portfolio_flows, position_flows
from reports.history import PortfolioHistory, payments_in_base
from reports.holding_days import HoldingDays, Span, holding_days
from reports.instruments import read_instruments
from reports.limits import Limits
from reports.price_days import read_price_days, span
from reports.rate_days import RateTable
from reports.rates import read_rates
from reports.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class SeriesDay:
    """In base currency. `day` has begin and end value, flows and fees."""

    day: Day
    income: Decimal  # dividends and interest, before their fees
    fees: Decimal  # all; those of `day` are the ones that lessened its values
    taxes: Decimal
    realized_gain_loss: Decimal
    unrealized_gain_loss: Decimal  # at the end of the day, of what has a value
    stale: int  # holdings whose price is older than it should be
    unvalued: int  # holdings of some units without a value: part of no figure here


@dataclass(frozen=True, slots=True)
class Holdings:
    """Of a portfolio on a span of days."""

    history: PortfolioHistory
    span: Span
    period: Period
    setting: CashManagement
    days: Mapping[str, HoldingDays]


def read_holdings(
    snapshot: Snapshot,
    history: PortfolioHistory,
    period: Period,
    limits: Limits,
) -> Holdings:
    """Of a history that reaches to the end of the period and has a base currency."""
    assert history.base_currency is not None
    chosen = history.holdings
    first_day = period.begin_date
    instruments = read_instruments(snapshot, chosen)
    kept = {
        name
        for name, each in instruments.items()
        if each.is_cash and history.setting is not CashManagement.SECURITIES_ONLY
    }
    priced = [name for name in instruments if name not in kept]
    prices = read_price_days(snapshot, priced, first_day, period.last_day)
    currencies = {history.base_currency}
    currencies |= {each.trade_currency for each in chosen.values() if each.trade_currency}
    currencies |= {each.cash_currency for each in instruments.values() if each.cash_currency}
    currencies |= {paid.currency for each in chosen.values() for paid in each.payments}
    for each in prices.values():
        currencies |= each.names
    rates = read_rates(snapshot, currencies, first_day, period.last_day, limits)
    numbers = span(first_day, period.last_day)
    table = RateTable(rates, first_day, len(numbers))
    over = Span(numbers, history.base_currency, table, limits)
    history = payments_in_base(history, over.rate_on)
    days = {
        name: holding_days(each, instruments[name], prices.get(name), over, is_kept=name in kept)
        for name, each in history.holdings.items()
    }
    return Holdings(history, over, period, history.setting, days)


def portfolio_days(holdings: Holdings) -> list[SeriesDay]:
    """One for each day of the period."""
    flows = portfolio_flows(holdings.days, holdings.span, holdings.setting)
    return _series(holdings, holdings.days.values(), flows)


def position_days(holdings: Holdings, security_id: str) -> list[SeriesDay]:
    """Likewise of one holding by itself."""
    days = holdings.days[security_id]
    return _series(holdings, [days], position_flows(days, holdings.span, holdings.setting))


def _series(
    holdings: Holdings, parts: Iterable[HoldingDays], flows: Iterable[Flow]
) -> list[SeriesDay]:
    parts = list(parts)
    length = len(holdings.span.days)
    total = Amounts.zeros(length)
    stale, unvalued = np.zeros(length, np.int64), np.zeros(length, np.int64)
    for each in parts:
        total += each.value
        stale += each.is_stale
        unvalued += ~each.is_valued | each.is_moved_unvalued
    with localcontext(EXACT):
        values = [of_steps(steps) for steps in total.in_steps()]
        begins, ends = _timed(flows, values)
        booked = _booked(holdings.span, parts)
        costs = _costs(booked.costs, parts)
        first = holdings.period.first_day
        return [
            SeriesDay(
                Day(
                    valuation_date=first + timedelta(days=index - 1),
                    begin_value=begin_value,
                    flow_at_begin=begins[index],
                    flow_at_end=ends[index],
                    end_value=end_value,
                    fees=booked.counted_fees[index],
                ),
                booked.income[index],
                booked.fees[index],
                booked.taxes[index],
                booked.gains[index],
                end_value - costs[index],
                int(stale[index]),
                int(unvalued[index]),
            )
            for index, (begin_value, end_value) in enumerate(pairwise(values), 1)
        ]


def _timed(flows: Iterable[Flow], values: Sequence[Decimal]) -> tuple[list[Decimal], list[Decimal]]:
    """Flows at begin and at end of each day. The caller works in `EXACT`."""
    length = len(values)
    begins, ends = [ZERO] * length, [ZERO] * length
    came, went = [ZERO] * length, [ZERO] * length
    for index, when, amount, _ in flows:
        if when is When.BEGIN:
            begins[index] += amount
        elif when is When.END:
            ends[index] += amount
        elif amount > 0:
            came[index] += amount
        else:
            went[index] += amount
    for index in range(1, length):
        net = came[index] + went[index]
        if values[index - 1] + begins[index] + max(net, ZERO) > 0:
            begins[index] += max(net, ZERO)
            ends[index] += min(net, ZERO)
        else:
            # Bought and sold on a day that began without anything: what came in was its capital.
            begins[index] += came[index]
            ends[index] += went[index]
    return begins, ends


@dataclass(frozen=True, slots=True)
class _Booked:
    """By index; what was booked before the span counts at its first day, what was after it not."""

    costs: list[Decimal]
    gains: list[Decimal]
    income: list[Decimal]
    fees: list[Decimal]
    taxes: list[Decimal]
    counted_fees: list[Decimal]  # of holdings whose value is known: others lessened none


def _booked(over: Span, parts: Iterable[HoldingDays]) -> _Booked:
    """The caller works in `EXACT`."""
    length = len(over.days)
    booked = _Booked(*([ZERO] * length for _ in range(6)))
    by_type = {
        "DIVIDEND": booked.income,
        "INTEREST": booked.income,
        "FEE": booked.fees,
        "TAX": booked.taxes,
    }
    first_day = over.first_ordinal
    for each in parts:
        counted = each.is_counted
        for move in each.history.moves:
            index = max(0, move.day.toordinal() - first_day)
            if index < length:
                booked.costs[index] += move.cost
                if move.gain is not None:
                    booked.gains[index] += move.gain
        for payment in each.history.payments:
            index = max(0, over.index(payment.day))
            if index < length:
                by_type[payment.transaction_type][index] += payment.amount
                if payment.transaction_type == "FEE" and counted[index]:
                    booked.counted_fees[index] += payment.amount
    return booked


def _costs(changes: Sequence[Decimal], parts: Iterable[HoldingDays]) -> list[Decimal]:
    """Of what has a value, at the end of each day. The caller works in `EXACT`."""
    costs = list(accumulate(changes))
    for each in parts:
        if not each.is_whole:
            of_part = each.costs()
            for index in np.flatnonzero(~each.is_valued).tolist():
                costs[index] -= of_part[index]
    return costs
