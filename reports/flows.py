"""What flowed into a holding, and out of it, by the rules of `analytics.flow_rules`."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.flow_rules import (
    OF_PORTFOLIO,
    OF_POSITION,
    Amount,
    FlowRule,
    When,
    is_flow_of_position,
)
from calculator.cash import CashManagement
from calculator.money import EXACT, ZERO
from reports.history import Move, Payment, to_step
from reports.holding_days import HoldingDays, Span

_OF_CASH = {"BUY": "DEPOSIT", "SELL": "WITHDRAWAL"}  # of a portfolio, where cash is kept


class Flow(NamedTuple):
    """On a day of the span; into it is positive."""

    at: int  # index of the day
    when: When
    amount: Decimal  # base currency
    amount_local: Decimal  # in the trade currency; of no meaning where the history has none


def position_flows(days: HoldingDays, span: Span, setting: CashManagement) -> Iterator[Flow]:
    """Of the holding by itself."""
    holding = _Holding(days, span, setting)
    yield from (flow for _, flow in holding.flows(OF_POSITION))
    yield from holding.made_up()


def portfolio_flows(
    holdings: Mapping[str, HoldingDays], span: Span, setting: CashManagement
) -> Iterator[Flow]:
    """Those that are flows of the portfolio of these holdings. What moves from one side to another
    within it is none, if both have a known value."""
    for days in holdings.values():
        holding = _Holding(days, span, setting)
        for each, flow in holding.flows(OF_PORTFOLIO):
            other = None if each.other_side is None else holdings.get(each.other_side)
            if other is None or not other.is_counted[flow.at]:
                yield flow
        yield from holding.made_up()


class _Holding:
    """On days that are not counted there are no flows but what makes up for it: what then has a
    value comes in with it, and what has none any more goes out with what it had."""

    def __init__(self, days: HoldingDays, span: Span, setting: CashManagement) -> None:
        self._days, self._span = days, span
        self._setting = setting
        self._counted: list[bool] = days.is_counted.tolist()
        # Where cash is kept, what a trade pays leaves it at the rate of the day, whatever rate the
        # trade brings.
        self._is_at_market = (
            setting is not CashManagement.SECURITIES_ONLY
            and days.history.trade_currency != span.base_currency
        )

    def flows(self, rules: Mapping[str, FlowRule]) -> Iterator[tuple[Move | Payment, Flow]]:
        """Each with what it is of."""
        history, counted, first_day = self._days.history, self._counted, self._span.first_ordinal
        last = len(counted)
        for move in history.moves:
            index = move.day.toordinal() - first_day
            if 0 < index < last and counted[index] and not (move.is_cash and move.is_payment):
                yield move, self._moved(move, rules, index)
        for payment in history.payments:
            index = payment.day.toordinal() - first_day
            if 0 < index < last and counted[index] and self._flows(payment):
                yield payment, self._paid(payment, rules[payment.transaction_type], index)

    def _flows(self, payment: Payment) -> bool:
        name, is_cash = payment.transaction_type, payment.is_cash
        return is_flow_of_position(name, self._setting, is_cash=is_cash)

    def _moved(self, move: Move, rules: Mapping[str, FlowRule], index: int) -> Flow:
        name = move.transaction_type
        if move.is_cash and rules is OF_PORTFOLIO:
            name = _OF_CASH.get(name, name)
        rule = rules[name]
        if move.is_cash or rule.amount is Amount.VALUE:
            value = self._days.unit_value.of(move.units, index)
            assert value is not None, "a day on which it is not known is not counted"
            return Flow(index, rule.when, *value)
        amount, local = move.cost, move.cost_local or ZERO
        if rule.amount is Amount.PROCEEDS:
            # What was gained and what it had cost, which left with a sign.
            assert move.gain is not None
            amount = EXACT.subtract(amount, move.gain)
            local = EXACT.subtract(local, move.gain_local or ZERO)
        if self._is_at_market:
            amount = self._at_market(amount, local, index)
        return Flow(index, rule.when, amount, local)

    def _at_market(self, amount: Decimal, local: Decimal, index: int) -> Decimal:
        rate = self._days.unit_value.rate.rates[index]
        return amount if rate is None else to_step(EXACT.multiply(local, rate))

    def _paid(self, payment: Payment, rule: FlowRule, index: int) -> Flow:
        amount, local = payment.amount, payment.amount_local
        if rule.amount is Amount.INCOME:
            amount = EXACT.subtract(amount, payment.fee)
            local = EXACT.subtract(local, payment.fee_local)
            if self._setting is not CashManagement.SECURITIES_ONLY:
                # Rounded once, as the cash is that it becomes.
                assert payment.rate is not None
                amount = to_step(EXACT.multiply(local, payment.rate))
        if payment.currency != self._days.history.trade_currency:
            # Its amount in base currency is what is known for sure.
            rate = self._days.unit_value.rate.rates[index]
            local = to_step(EXACT.divide(amount, rate)) if rate else ZERO
        if rule.sign < 0:
            amount, local = amount.copy_negate(), local.copy_negate()
        return Flow(index, rule.when, amount, local)

    def made_up(self) -> Iterator[Flow]:
        days = self._days
        if days.is_whole:
            return
        value, local = days.value, days.value_local()
        for index in _indexes(~days.is_counted):
            if days.is_valued[index - 1] and (gone := value.at(index - 1)):
                before = local.at(index - 1).copy_negate()
                yield Flow(index, When.BEGIN, gone.copy_negate(), before)
            if days.is_valued[index] and (come := value.at(index)):
                yield Flow(index, When.END, come, local.at(index))


def _indexes(mask: NDArray[np.bool_]) -> list[int]:
    """But the first, which is of no day of the period."""
    found: list[int] = (np.flatnonzero(mask[1:]) + 1).tolist()
    return found
