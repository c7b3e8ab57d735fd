"""What was booked in a portfolio, holding by holding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from calculator.cash import CashManagement
from calculator.money import COST_STEP, EXACT, ONE, ZERO
from reports import moves
from reports.snapshot import Row, Snapshot

_DAY = "(traded_at AT TIME ZONE 'UTC')::date"
_MOVES = f"""
SELECT security_id, trade_currency, base_currency, {_DAY}, transaction_type,
    {moves.UNITS_MOVED}, net_cost, realized_gain_loss, {{local}},
    cash_movement IS NOT NULL, cause_transaction_id IS NOT NULL, other_side
FROM ({{traded}}) AS traded
WHERE portfolio_id = %s AND traded_at < %s AND status = 'BOOKED' AND {moves.MOVES}
ORDER BY traded_at
"""
_LOCAL = "net_cost_local, realized_gain_loss_local"
_NO_LOCAL = "NULL, NULL"
_OTHERS = f"""
SELECT security_id, trade_currency, base_currency, {_DAY}, transaction_type,
    coalesce(gross_transaction_amount, quantity * price), trade_fee,
    coalesce(applied_fx_rate, fx_rate), cash_movement IS NOT NULL, other_side
FROM ({{traded}}) AS traded
WHERE portfolio_id = %s AND traded_at < %s AND status = 'BOOKED' AND {moves.PAYS}
ORDER BY traded_at
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
    other_side: str | None = None  # security_id of that cash, or of what moves it

    @property
    def is_payment(self) -> bool:
        """Income, a fee or a tax of cash, which is among the payments as well."""
        return self.transaction_type in moves.PAYMENTS


class Payment(NamedTuple):
    """Income, a fee or a tax: no units move but those of cash."""

    day: date
    transaction_type: str
    currency: str
    amount_local: Decimal  # in `currency`, before the fee
    fee_local: Decimal
    rate: Decimal | None  # base currency per unit; None where the books needed none and had none
    is_cash: bool = False  # of a cash holding that is kept
    other_side: str | None = None  # security_id of the cash that it moves, where the books do that

    @property
    def amount(self) -> Decimal:
        """In base currency, as the books make it of that in the trade currency."""
        assert self.rate is not None, "`payments_in_base` found one, or left it out"
        return to_step(EXACT.multiply(self.amount_local, self.rate))

    @property
    def fee(self) -> Decimal:
        """In base currency."""
        assert self.rate is not None
        return to_step(EXACT.multiply(self.fee_local, self.rate))


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
    setting: CashManagement = CashManagement.SECURITIES_ONLY

    @property
    def inception(self) -> date | None:
        """The day of the first transaction."""
        days = [each.moves[0].day for each in self.holdings.values() if each.moves]
        days += [each.payments[0].day for each in self.holdings.values() if each.payments]
        return min(days, default=None)


def read_history(
    snapshot: Snapshot, portfolio_id: str, last_day: date, *, has_local: bool
) -> PortfolioHistory:
    """Up to the end of the last day; a cash entry is of the day of its cause. Amounts in trade
    currency take their time: only if asked for, or if cash is kept."""
    holdings: dict[str, HoldingHistory] = {}
    recorded = snapshot.rows(_RECORD, portfolio_id)
    bases = {row[0] for row in recorded}
    setting = next((CashManagement(row[1]) for row in recorded), CashManagement.SECURITIES_ONLY)
    traded = moves.TRADED if setting is CashManagement.AUTOMATIC else moves.PLAIN
    has_local = has_local or setting is not CashManagement.SECURITIES_ONLY
    moved = _MOVES.format(local=_LOCAL if has_local else _NO_LOCAL, traded=traded)
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
    for row in snapshot.rows(_OTHERS.format(traded=traded), portfolio_id, until):
        holding = of(row[0])
        holding.trade_currency = holding.trade_currency or row[1]
        holding.base_currencies.add(row[2])
        holding.payments.append(_payment(row))
    for each in holdings.values():
        bases |= each.base_currencies
    base_currency = bases.pop() if len(bases) == 1 else None
    return PortfolioHistory(portfolio_id, base_currency, holdings, setting)


def _payment(row: Row) -> Payment:
    _, currency, base, day, transaction_type, amount, fee, fx_rate, is_cash, other_side = row
    return Payment(
        day,
        transaction_type,
        currency,
        to_step(EXACT.create_decimal(amount)),
        fee or ZERO,
        ONE if currency == base else fx_rate,
        is_cash,
        other_side,
    )


def payments_in_base(
    history: PortfolioHistory, rate_on: Callable[[str, date], Decimal | None]
) -> PortfolioHistory:
    """With a rate for each payment, and without those of which none is known.

    Where cash is kept it is the one of the day, as that of the cash which it moves is: the rate a
    payment brings is what somebody reckoned with, and would be a gain or loss of that day.
    """
    is_kept = history.setting is not CashManagement.SECURITIES_ONLY

    def rated(payment: Payment) -> Payment:
        if payment.rate is not None and (not is_kept or payment.currency == history.base_currency):
            return payment
        return payment._replace(rate=rate_on(payment.currency, payment.day) or payment.rate)

    holdings = {
        name: replace(each, payments=[p for p in map(rated, each.payments) if p.rate is not None])
        for name, each in history.holdings.items()
    }
    return replace(history, holdings=holdings)


def to_step(exact: Decimal) -> Decimal:
    """Half-even to 12 places, in any context."""
    return exact.quantize(COST_STEP, context=EXACT)
