"""What was booked in a portfolio, holding by holding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from analytics.flow_rules import CashSetting
from calculator.money import COST_STEP, EXACT, ONE, ZERO
from reports import moves
from reports.snapshot import Row, Snapshot

_MOVES = f"""
SELECT security_id, trade_currency, base_currency, {moves.DAY}, transaction_type,
    {moves.UNITS_MOVED}, net_cost, realized_gain_loss, {{local}},
    cash_movement IS NOT NULL, cause_transaction_id IS NOT NULL, {{other_day}}
FROM transactions
WHERE portfolio_id = %s AND transaction_date < %s AND status = 'BOOKED' AND {moves.MOVES}
ORDER BY transaction_date
"""
_LOCAL = "net_cost_local, realized_gain_loss_local"
_NO_LOCAL = "NULL, NULL"
_OTHERS = f"""
SELECT security_id, trade_currency, base_currency, {moves.DAY}, transaction_type,
    coalesce(gross_transaction_amount, quantity * price), trade_fee,
    coalesce(applied_fx_rate, fx_rate), cash_movement IS NOT NULL, {{other_day}}
FROM transactions
WHERE portfolio_id = %s AND transaction_date < %s AND status = 'BOOKED' AND {moves.PAYS}
ORDER BY transaction_date
"""
_RECORD = "SELECT base_currency, cash_management FROM portfolios WHERE portfolio_id = %s"


class Move(NamedTuple):
    """Units and cost that came or went; gains are those of a sale."""

    day: date
    transaction_type: str
    units: Decimal
    cost: Decimal
    gain: Decimal | None
    cost_local: Decimal | None  # None: not asked for
    gain_local: Decimal | None
    is_cash: bool = False  # of a cash holding that is kept
    is_entry: bool = False  # made by the books: the cash that a trade or payment moves
    other_day: date | None = None  # of that cash, or of what moved it, where the books make it

    @property
    def is_payment(self) -> bool:
        """Income, a fee or a tax of cash, which is among the payments as well."""
        return self.transaction_type in moves.PAYMENTS


class Payment(NamedTuple):
    """Income, a fee or a tax: no units move but those of cash."""

    day: date
    transaction_type: str
    currency: str
    amount: Decimal  # base currency, before the fee
    fee: Decimal
    amount_local: Decimal  # in `currency`
    fee_local: Decimal
    is_cash: bool = False  # of a cash holding that is kept
    other_day: date | None = None  # of the cash that it moves, where the books do that


@dataclass(slots=True)
class HoldingHistory:
    """In order of time. The trade currency is that of its moves, or of a payment without any."""

    security_id: str
    trade_currency: str | None = None
    base_currencies: set[str] = field(default_factory=set)
    moves: list[Move] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)

    @property
    def base_currency(self) -> str | None:
        """None where there are several: without a record each transaction's own is its base."""
        return next(iter(self.base_currencies)) if len(self.base_currencies) == 1 else None


@dataclass(frozen=True, slots=True)
class PortfolioHistory:
    """`base_currency` is None where there are several, as in a portfolio without a record."""

    portfolio_id: str
    base_currency: str | None
    holdings: Mapping[str, HoldingHistory]
    setting: CashSetting = CashSetting.SECURITIES_ONLY

    @property
    def inception(self) -> date | None:
        """The day of the first transaction."""
        days = [each.moves[0].day for each in self.holdings.values() if each.moves]
        days += [each.payments[0].day for each in self.holdings.values() if each.payments]
        return min(days, default=None)


def read_history(
    snapshot: Snapshot, portfolio_id: str, last_day: date, *, has_local: bool
) -> PortfolioHistory:
    """Up to the end of the last day. Amounts in trade currency take their time: only if asked for."""
    holdings: dict[str, HoldingHistory] = {}
    recorded = snapshot.rows(_RECORD, portfolio_id)
    bases = {row[0] for row in recorded}
    setting = next((CashSetting(row[1]) for row in recorded), CashSetting.SECURITIES_ONLY)
    other_day = moves.OTHER_DAY if setting is CashSetting.AUTOMATIC else "NULL"
    moved = _MOVES.format(local=_LOCAL if has_local else _NO_LOCAL, other_day=other_day)
    until = moves.end_of(last_day)

    def of(security_id: str) -> HoldingHistory:
        found = holdings.get(security_id)
        if found is None:
            found = holdings[security_id] = HoldingHistory(security_id)
        return found

    for row in snapshot.rows(moved, portfolio_id, until):
        holding = of(row[0])
        holding.trade_currency = row[1]
        holding.base_currencies.add(row[2])
        holding.moves.append(Move._make(row[3:]))
    for row in snapshot.rows(_OTHERS.format(other_day=other_day), portfolio_id, until):
        holding = of(row[0])
        holding.trade_currency = holding.trade_currency or row[1]
        holding.base_currencies.add(row[2])
        holding.payments.append(_payment(row))
    for each in holdings.values():
        bases |= each.base_currencies
    base_currency = bases.pop() if len(bases) == 1 else None
    return PortfolioHistory(portfolio_id, base_currency, holdings, setting)


def _payment(row: Row) -> Payment:
    """Amounts become base currency as the books make it of them."""
    _, currency, base, day, transaction_type, amount, fee, fx_rate, is_cash, other_day = row
    local, fee_local = EXACT.create_decimal(amount), fee or ZERO
    rate = ONE if currency == base or fx_rate is None else fx_rate
    return Payment(
        day,
        transaction_type,
        currency,
        _rounded(EXACT.multiply(_rounded(local), rate)),
        _rounded(EXACT.multiply(fee_local, rate)),
        _rounded(local),
        fee_local,
        is_cash,
        other_day,
    )


def _rounded(exact: Decimal) -> Decimal:
    return exact.quantize(COST_STEP, context=EXACT)
