"""What flowed into a holding, and out of it, by the rules of `analytics.flow_rules`."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.flow_rules import (
    NOT_SETTLED,
    OF_PORTFOLIO,
    OF_POSITION,
    Amount,
    CashSetting,
    FlowRule,
    When,
    is_flow_of_position,
)
from calculator.money import COST_STEP, EXACT, ZERO
from reports.history import Move, Payment
from reports.holding_days import HoldingDays, Span

_OF_CASH = {"BUY": "DEPOSIT", "SELL": "WITHDRAWAL"}  # of a portfolio, where cash is kept
RuleOf = Callable[[Move | Payment], FlowRule | None]


class Flow(NamedTuple):
    """On a day of the span; into it is positive."""

    at: int  # index of the day
    when: When
    amount: Decimal  # base currency
    amount_local: Decimal  # in the trade currency; of no meaning where the history has none


def position_flows(days: HoldingDays, span: Span, setting: CashSetting) -> Iterator[Flow]:
    """Of the holding by itself."""
    return _flows(days, span, setting, lambda each: OF_POSITION.get(each.transaction_type))


def portfolio_flows(days: HoldingDays, span: Span, setting: CashSetting) -> Iterator[Flow]:
    """Those of the holding that are flows of its portfolio."""
    return _flows(days, span, setting, lambda each: _of_portfolio(each, setting))


def _of_portfolio(each: Move | Payment, setting: CashSetting) -> FlowRule | None:
    if each.other_day is None:
        name = each.transaction_type
        return OF_PORTFOLIO[setting].get(_OF_CASH.get(name, name) if each.is_cash else name)
    # What the books pay from cash on the same day stays within the portfolio.
    return None if each.other_day == each.day else NOT_SETTLED[each.transaction_type]


def _flows(days: HoldingDays, span: Span, setting: CashSetting, rule_of: RuleOf) -> Iterator[Flow]:
    """On days without a known value at both ends there are none but what makes up for it: what
    then has a value comes in with it, and what has none any more goes out with what it had."""
    is_whole = days.is_whole
    counted = days.is_valued[1:] & days.is_valued[:-1]
    last, first_day = len(span.days), span.first_ordinal
    for move in days.history.moves:
        index = move.day.toordinal() - first_day
        if not move.is_payment and 0 < index < last and (is_whole or counted[index - 1]):
            rule = rule_of(move)
            if rule is not None and (flow := _moved(move, rule, index, days)) is not None:
                yield flow
    for payment in days.history.payments:
        index = payment.day.toordinal() - first_day
        if not 0 < index < last or not (is_whole or counted[index - 1]):
            continue
        rule = rule_of(payment)
        if rule is not None and is_flow_of_position(
            payment.transaction_type, setting, is_cash=payment.is_cash
        ):
            yield _paid(payment, rule, index, days, span)
    if not is_whole:
        yield from _made_up(days, counted)


def _moved(move: Move, rule: FlowRule, index: int, days: HoldingDays) -> Flow | None:
    if not move.is_cash and rule.amount is Amount.COST:
        return Flow(index, rule.when, move.cost, move.cost_local or ZERO)
    if not move.is_cash and rule.amount is Amount.PROCEEDS:
        # What was gained and what it had cost, which left with a sign.
        assert move.gain is not None
        amount, local = EXACT.subtract(move.cost, move.gain), ZERO
        if move.cost_local is not None and move.gain_local is not None:
            local = EXACT.subtract(move.cost_local, move.gain_local)
        return Flow(index, rule.when, amount, local)
    value = days.unit_value.of(move.units, index)
    return None if value is None else Flow(index, rule.when, *value)


def _paid(payment: Payment, rule: FlowRule, index: int, days: HoldingDays, span: Span) -> Flow:
    amount, local = payment.amount, payment.amount_local
    if rule.amount is Amount.INCOME:
        amount = EXACT.subtract(amount, payment.fee)
        local = EXACT.subtract(local, payment.fee_local)
    if payment.currency != days.history.trade_currency:
        # Its amount in base currency is what is known for sure.
        rate = days.unit_value.rate.rates[index]
        local = EXACT.divide(amount, rate).quantize(COST_STEP, context=EXACT) if rate else ZERO
    if rule.sign < 0:
        amount, local = amount.copy_negate(), local.copy_negate()
    return Flow(index, rule.when, amount, local)


def _made_up(days: HoldingDays, counted: NDArray[np.bool_]) -> Iterator[Flow]:
    value, local = days.value, days.value_local()
    for index in (np.flatnonzero(~counted) + 1).tolist():
        if days.is_valued[index - 1] and (gone := value.at(index - 1)):
            yield Flow(index, When.BEGIN, gone.copy_negate(), local.at(index - 1).copy_negate())
        if days.is_valued[index] and (come := value.at(index)):
            yield Flow(index, When.END, come, local.at(index))
