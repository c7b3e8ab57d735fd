"""Cash on the back of the same envelope: one number that may be negative, and what it had cost."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from calculator import Portfolio, Transaction, TransactionType
from tests.calculator.trading import Classed
from tests.laws.naive import (
    BOTH,
    KINDS,
    LIMIT,
    NaiveHolding,
    NaiveRates,
    amount_of,
    r,
    units_of,
)

OF_CASH = ("CASH", "CASH_USD", "CASH_EUR", "CASH_CHF")


def cash_of(events: Iterable[Any]) -> set[str]:
    """Securities that are cash by name, or by the highest version of what was said of them."""
    said: dict[str, Classed] = {}
    for event in events:
        if isinstance(event, Classed):
            known = said.get(event.security_id)
            if known is None or event.version > known.version:
                said[event.security_id] = event
    return {*OF_CASH, *(event.security_id for event in said.values() if event.is_cash)}


def keeps_cash(record: Portfolio | None, security_id: str, cash: Container[str]) -> bool:
    is_kept = record is not None and record.cash_management != "securities_only"
    return is_kept and security_id in cash


def causes(record: Portfolio | None, security_id: str, cash: Container[str]) -> bool:
    is_automatic = record is not None and record.cash_management == "automatic"
    return is_automatic and security_id not in cash


class NaiveCash(NaiveHolding):
    """A holding of cash, whatever its portfolio's method."""

    def __init__(self, security_id: str, base: str | None, rates: NaiveRates) -> None:
        super().__init__("AVCO", base, rates)
        self.named = security_id.split("_")[1] if security_id in OF_CASH[1:] else None

    def closed_by(self, moved: Fraction) -> Fraction:
        """With the sign of what is held."""
        if moved * self.quantity >= 0:
            return Fraction(0)
        sign = 1 if self.quantity > 0 else -1
        return sign * min(abs(moved), abs(self.quantity))

    def uses_rate(self, trade: Transaction) -> bool:
        return moved_by(trade) + self.closed_by(moved_by(trade)) != 0

    def result_of(self, trade: Transaction, found: Fraction | None) -> tuple[Any, ...]:
        moved = moved_by(trade)
        closed = self.closed_by(moved)
        opened = moved + closed
        rate: Fraction | None = Fraction(1)
        if self.base != trade.trade_currency:
            rate = found if trade.fx_rate is None else Fraction(trade.fx_rate)
        if opened and rate is None:
            return ("fx_rate_must_be_known",)
        if (self.named or self.currency) not in (None, trade.trade_currency):
            return ("trade_currency_must_match_the_holding",)
        came = {"local": opened, "base": r(opened * (rate or 0))}
        parts = [self.part(closed)] if closed else []
        change = {c: came[c] - sum((part[c] for part in parts), Fraction(0)) for c in BOTH}
        after = {c: self.cost[c] + change[c] for c in BOTH}
        gross = amount_of(trade) if KINDS.get(trade.transaction_type, 1) == 1 else Fraction(0)
        numbers: list[Fraction] = [
            gross,
            moved,
            self.quantity + moved,
            *change.values(),
            *after.values(),
        ]
        if max(map(abs, numbers)) >= LIMIT:
            return ("amount_must_fit",)
        since = self.lots[0]["acquired_at"] if self.lots else trade.transaction_date
        if parts and closed == self.quantity:
            since = trade.transaction_date
        self.currency, self.cost = trade.trade_currency, after
        self.quantity += moved
        lot = {"id": "POOL", "acquired_at": since, "quantity": self.quantity, **after}
        self.lots = [lot] if self.quantity else []
        return ("BOOKED", change, change, None, parts, moved)

    def part(self, closed: Fraction) -> dict[str, Any]:
        pool = self.lots[0]
        share = {c: r(pool[c] * closed / pool["quantity"]) for c in BOTH}
        return {"id": "POOL", "acquired_at": pool["acquired_at"], "quantity": closed, **share}


def moved_by(trade: Transaction) -> Fraction:
    kind = KINDS.get(trade.transaction_type, 1)
    if kind != 1:
        return units_of(trade) * (1 - kind)
    if trade.transaction_type in ("FEE", "TAX"):
        return -amount_of(trade)
    return amount_of(trade) - Fraction(trade.trade_fee)


def cash_entries(
    trades: Iterable[Transaction],
    results: Mapping[tuple[str, str], tuple[Any, ...]],
    records: Mapping[Any, Portfolio],
    cash: Container[str],
) -> Iterable[Transaction]:
    """What the booked trades of portfolios that move cash automatically add to it."""
    for trade in trades:
        booked = results[trade.portfolio_id, trade.transaction_id][0] == "BOOKED"
        record = records.get((trade.portfolio_id, None))
        if not booked or not causes(record, trade.security_id, cash):
            continue
        amount, fee = amount_of(trade), Fraction(trade.trade_fee)
        paid = {"BUY": -amount - fee, "FEE": -amount, "TAX": -amount}.get(trade.transaction_type)
        if trade.transaction_type in ("SELL", "DIVIDEND", "INTEREST"):
            paid = amount - fee
        if not paid:
            continue
        units = exact(abs(paid))
        yield replace(
            trade,
            transaction_id=f"{trade.transaction_id}~cash",
            security_id=f"CASH_{trade.trade_currency}",
            transaction_type=TransactionType.DEPOSIT if paid > 0 else TransactionType.WITHDRAWAL,
            transaction_date=trade.settlement_date or trade.transaction_date,
            settlement_date=None,
            quantity=units,
            price=None,
            gross_transaction_amount=units,
            trade_fee=Decimal(0),
        )


def exact(amount: Fraction) -> Decimal:
    """As a decimal: all amounts here are whole steps of 10^-12."""
    steps = amount * 10**12
    assert steps.denominator == 1
    return Decimal(f"{steps.numerator}E-12")
