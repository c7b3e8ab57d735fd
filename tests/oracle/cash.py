"""Cash: which holdings are cash, what moves them, and how they are booked."""

import re
from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction

from tests.oracle.booking import (
    POOL,
    Holding,
    Lot,
    Row,
    booked,
    not_booked,
    r,
    shown,
    too_large,
    units_of,
)
from tests.oracle.decode import DECREASES, INCREASES, Account, Trade

CHARGES = {"FEE", "TAX"}
INCOME = {"DIVIDEND", "INTEREST"}


def is_cash(account: Account | None, security_id: str, by_instrument: Collection[str]) -> bool:
    """Whether the holding is booked as cash."""
    kept = account is not None and account.cash_management in {"explicit", "automatic"}
    named = re.fullmatch("CASH|CASH_[A-Z][A-Z][A-Z]", security_id) is not None
    return kept and (named or security_id in by_instrument)


def currency_of(holding: Holding, trade: Trade) -> str | None:
    """What the cash is of, before the trade is booked."""
    named = re.fullmatch("CASH_([A-Z][A-Z][A-Z])", trade.security_id)
    return holding.currency if named is None else named[1]


def local_amount(trade: Trade) -> Fraction:
    """G."""
    if trade.gross_transaction_amount is not None:
        return Fraction(trade.gross_transaction_amount)
    assert trade.quantity is not None
    assert trade.price is not None
    return r(Fraction(trade.quantity) * Fraction(trade.price))


def movement(trade: Trade) -> Fraction:
    """What a transaction sent for a cash holding adds to it."""
    kind = trade.transaction_type
    if kind in INCREASES:
        return units_of(trade)
    if kind in DECREASES:
        return -units_of(trade)
    if kind in CHARGES:
        return -local_amount(trade)
    return local_amount(trade) - Fraction(trade.trade_fee)


def payment(trade: Trade) -> Fraction:
    """What a booked transaction of any other holding adds to the cash of its currency."""
    fee = Fraction(trade.trade_fee)
    if trade.transaction_type == "BUY":
        return -local_amount(trade) - fee
    if trade.transaction_type == "SELL" or trade.transaction_type in INCOME:
        return local_amount(trade) - fee
    if trade.transaction_type in CHARGES:
        return -local_amount(trade)
    return Fraction(0)


def cash_trade(
    trade: Trade, account: Account | None, by_instrument: Collection[str]
) -> Trade | None:
    """The cash entry that a booked transaction causes."""
    if account is None or account.cash_management != "automatic":
        return None
    paid = payment(trade)
    if is_cash(account, trade.security_id, by_instrument) or paid == 0:
        return None
    amount: Decimal = shown(abs(paid))
    return Trade(
        transaction_id=trade.transaction_id + "~cash",
        portfolio_id=trade.portfolio_id,
        security_id="CASH_" + trade.trade_currency,
        instrument_id=None,
        transaction_type="WITHDRAWAL" if paid < 0 else "DEPOSIT",
        transaction_date=trade.settlement_date or trade.transaction_date,
        settlement_date=None,
        quantity=amount,
        price=None,
        gross_transaction_amount=amount,
        trade_fee=Decimal(0),
        trade_currency=trade.trade_currency,
        currency=None,
        fx_rate=trade.fx_rate,
        version=trade.version,
    )


def book_cash(holding: Holding, trade: Trade, base_currency: str) -> Row:
    """Take from the pool what goes toward zero, add what goes away from it."""
    moved, closed = movement(trade), closed_by(holding, trade)
    opened = moved + closed
    rate = rate_of(trade, base_currency) if opened else Fraction(1)
    if rate is None:
        return not_booked("PENDING", "fx_rate_must_be_known")
    if currency_of(holding, trade) not in {None, trade.trade_currency}:
        return not_booked("REJECTED", "trade_currency_must_match_the_holding")
    disposals = [share(holding.lots[0], closed)] if closed else []
    taken, taken_local = (
        sum((Fraction(str(row[name])) for row in disposals), Fraction(0))
        for name in ("cost", "cost_local")
    )
    cost, cost_local = r(opened * rate) - taken, opened - taken_local
    totals = holding.quantity + moved, holding.cost + cost, holding.cost_local + cost_local
    neutral = trade.transaction_type in CHARGES | INCOME
    amount = local_amount(trade) if neutral else Fraction(0)
    if too_large(amount, moved, cost, cost_local, *totals):
        return not_booked("REJECTED", "amount_must_fit")
    stays = holding.lots[:1] if closed != holding.quantity else []
    holding.lots = pool(trade, stays, opened, *totals)
    holding.currency = trade.trade_currency
    holding.quantity, holding.cost, holding.cost_local = totals
    holding.booked_dates.append(trade.transaction_date)
    row = booked(cost, cost, None, cost_local, cost_local, None, disposals=disposals)
    return row | {"cash_movement": shown(moved)}


def closed_by(holding: Holding, trade: Trade) -> Fraction:
    """What it takes of the pool, with the sign of the pool."""
    moved = movement(trade)
    if moved * holding.quantity >= 0:
        return Fraction(0)
    return -moved if abs(moved) <= abs(holding.quantity) else holding.quantity


def opened_by(holding: Holding, trade: Trade) -> Fraction:
    """What goes away from zero, which alone has a use for a rate."""
    return movement(trade) + closed_by(holding, trade)


def rate_of(trade: Trade, base_currency: str) -> Fraction | None:
    """x, or None where it is needed and not known."""
    if trade.trade_currency == base_currency:
        return Fraction(1)
    return None if trade.fx_rate is None else Fraction(trade.fx_rate)


def pool(
    trade: Trade,
    stays: list[Lot],
    opened: Fraction,
    quantity: Fraction,
    cost: Fraction,
    cost_local: Fraction,
) -> list[Lot]:
    """The one lot, if anything is held or owed; a new one unless some of it stays."""
    lot = Lot(
        lot_id=POOL,
        acquired_at=stays[0].acquired_at if stays else trade.transaction_date,
        opened_quantity=opened + (stays[0].opened_quantity if stays else 0),
        quantity=quantity,
        cost=cost,
        cost_local=cost_local,
        order=(0,),
    )
    return [lot] if quantity else []


def share(pool: Lot, closed: Fraction) -> Row:
    """What a movement took of the pool, with the sign of the pool."""
    nothing = ("proceeds", "proceeds_local", "realized_gain_loss", "realized_gain_loss_local")
    return {
        "lot_id": POOL,
        "acquired_at": pool.acquired_at,
        "quantity": shown(closed),
        "cost": shown(r(pool.cost * closed / pool.quantity)),
        "cost_local": shown(r(pool.cost_local * closed / pool.quantity)),
    } | dict.fromkeys(nothing)
