"""Section 3 of the contract: one transaction on one holding."""

from bisect import insort
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from tests.oracle.decode import (
    AMOUNT_UNUSED,
    INCREASES,
    NEUTRALS,
    QUANTITY_FROM_AMOUNT,
    Trade,
)

STEPS_PER_UNIT = 10**12
LIMIT = 10**26
LOTS_TAKEN_MAX = 50_000
POOL = "POOL"
AMOUNTS = ("gross_cost", "net_cost", "realized_gain_loss")
AMOUNTS_LOCAL = tuple(f"{name}_local" for name in AMOUNTS)

Row = dict[str, object]


@dataclass(slots=True, kw_only=True)
class Lot:
    """What one increase left in the holding, or for AVCO all of them."""

    lot_id: str
    acquired_at: datetime
    opened_quantity: Fraction
    quantity: Fraction
    cost: Fraction
    cost_local: Fraction
    order: tuple[Fraction | int, ...]


@dataclass(slots=True, kw_only=True)
class Part:
    """A piece of a lot that a decrease takes."""

    lot: Lot
    quantity: Fraction
    cost: Fraction
    cost_local: Fraction


@dataclass(slots=True, kw_only=True)
class Amounts:
    """G, r(G*x) and what is left of them after the fee, the latter three for increases and SELL."""

    gross_local: Fraction
    gross: Fraction
    fee_local: Fraction
    fee: Fraction


@dataclass(slots=True, kw_only=True)
class Holding:
    """The state of one holding while its transactions are folded over it."""

    method: str
    currency: str | None = None
    lots: list[Lot] = field(default_factory=list)  # in order of relief
    quantity: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)
    cost_local: Fraction = Fraction(0)
    gain: Fraction = Fraction(0)
    gain_local: Fraction = Fraction(0)
    increases: int = 0
    booked_dates: list[datetime] = field(default_factory=list)


def r(value: Fraction) -> Fraction:
    """Half-even to 12 places (round() of a Fraction is half-even)."""
    return Fraction(round(value * STEPS_PER_UNIT), STEPS_PER_UNIT)


def shown(value: Fraction) -> Decimal:
    """A value of at most 12 places as the Decimal that is exactly it."""
    steps = value * STEPS_PER_UNIT
    assert steps.denominator == 1, value
    return Decimal(f"{steps.numerator}E-12")


def amounts_of(trade: Trade, base_currency: str) -> Amounts:
    """The transaction's amount and fee in both currencies."""
    if trade.gross_transaction_amount is not None:
        gross_local = Fraction(trade.gross_transaction_amount)
    else:
        assert trade.quantity is not None
        assert trade.price is not None
        gross_local = r(Fraction(trade.quantity) * Fraction(trade.price))
    fee_local = Fraction(trade.trade_fee)
    if trade.trade_currency == base_currency:
        rate = Fraction(1)
    else:
        assert trade.fx_rate is not None
        rate = Fraction(trade.fx_rate)
    return Amounts(
        gross_local=gross_local,
        gross=r(gross_local * rate),
        fee_local=fee_local,
        fee=r(fee_local * rate),
    )


def units_of(trade: Trade) -> Fraction:
    """The quantity of an increase or decrease."""
    if trade.transaction_type in QUANTITY_FROM_AMOUNT and not trade.quantity:
        assert trade.gross_transaction_amount is not None
        return Fraction(trade.gross_transaction_amount)
    assert trade.quantity is not None
    return Fraction(trade.quantity)


def parts_taken(lots: list[Lot], quantity: Fraction) -> list[Part]:
    """Which part of which lot a decrease takes, the lots as yet untouched."""
    parts = []
    for lot in lots:
        if quantity == 0:
            break
        taken = min(lot.quantity, quantity)
        quantity -= taken
        parts.append(
            Part(
                lot=lot,
                quantity=taken,
                cost=r(lot.cost * taken / lot.quantity),
                cost_local=r(lot.cost_local * taken / lot.quantity),
            )
        )
    assert quantity == 0
    return parts


def shares(total: Fraction, parts: list[Part]) -> list[Fraction]:
    """Split the total by the quantities of the parts; the last takes the remainder."""
    quantity = sum((part.quantity for part in parts), Fraction(0))
    split = [r(total * part.quantity / quantity) for part in parts[:-1]]
    return [*split, total - sum(split, Fraction(0))]


def relief_order(method: str, age: int, cost: Fraction, quantity: Fraction) -> tuple[Fraction, ...]:
    """What sorts a lot among the others: the smallest is relieved first."""
    unit_cost = r(cost / quantity)
    by_age = Fraction(age)
    return {
        "FIFO": (by_age,),
        "LIFO": (-by_age,),
        "HIFO": (-unit_cost, by_age),
        "LOFO": (unit_cost, by_age),
        "AVCO": (Fraction(0),),
    }[method]


def too_large(*values: Fraction) -> bool:
    """Whether one of the values would reach 10^26."""
    return any(abs(value) >= LIMIT for value in values)


def booked(*values: Fraction | None, disposals: list[Row] | None = None) -> Row:
    """A booked outcome: gross_cost, net_cost, realized_gain_loss, then the same local."""
    numbers = [None if value is None else shown(value) for value in values]
    row: Row = {"status": "BOOKED", "reason": None, "detail": None}
    row |= zip(AMOUNTS + AMOUNTS_LOCAL, numbers, strict=True)
    return row | {"cash_movement": None, "disposals": disposals or []}


def not_booked(status: str, reason: str, detail: str | None = None) -> Row:
    """An outcome that moves nothing."""
    row: Row = {"status": status, "reason": reason, "detail": detail}
    nothing = dict.fromkeys((*AMOUNTS, *AMOUNTS_LOCAL, "cash_movement"))
    return row | nothing | {"disposals": []}


def book_increase(holding: Holding, trade: Trade, base_currency: str) -> Row:
    """Add a lot, or to the pool."""
    amounts, units = amounts_of(trade, base_currency), units_of(trade)
    cost = amounts.gross + amounts.fee
    cost_local = amounts.gross_local + amounts.fee_local
    if too_large(
        amounts.gross_local,
        amounts.gross,
        cost,
        cost_local,
        holding.quantity + units,
        holding.cost + cost,
        holding.cost_local + cost_local,
    ):
        return not_booked("REJECTED", "amount_must_fit")
    if holding.method == "AVCO" and holding.lots:
        (pool,) = holding.lots
        pool.opened_quantity += units
        pool.quantity += units
        pool.cost += cost
        pool.cost_local += cost_local
    else:
        lot = Lot(
            lot_id=POOL if holding.method == "AVCO" else trade.transaction_id,
            acquired_at=trade.transaction_date,
            opened_quantity=units,
            quantity=units,
            cost=cost,
            cost_local=cost_local,
            order=relief_order(holding.method, holding.increases, cost, units),
        )
        insort(holding.lots, lot, key=lambda lot: lot.order)
    holding.currency = trade.trade_currency
    holding.increases += 1
    holding.quantity += units
    holding.cost += cost
    holding.cost_local += cost_local
    return booked(amounts.gross, cost, None, amounts.gross_local, cost_local, None)


def book_neutral(trade: Trade, base_currency: str) -> Row:
    """Income costs nothing, a fee or tax costs its amount; no lot is touched."""
    amounts = amounts_of(trade, base_currency)
    if too_large(amounts.gross_local, amounts.gross):
        return not_booked("REJECTED", "amount_must_fit")
    if trade.transaction_type in {"DIVIDEND", "INTEREST"}:
        return booked(Fraction(0), Fraction(0), None, Fraction(0), Fraction(0), None)
    gross, gross_local = amounts.gross, amounts.gross_local
    return booked(gross, gross, None, gross_local, gross_local, None)


def book_decrease(holding: Holding, trade: Trade, base_currency: str) -> Row:
    """Relieve lots; a SELL realises the difference to its proceeds."""
    units = units_of(trade)
    if units > holding.quantity:
        detail = f"{shown(units).normalize():f} {shown(holding.quantity).normalize():f}"
        return not_booked("REJECTED", "quantity_must_not_exceed_holding", detail)
    parts = parts_taken(holding.lots, units)
    if trade.transaction_type == "SELL":
        amounts = amounts_of(trade, base_currency)
        if too_large(amounts.gross_local, amounts.gross):
            return not_booked("REJECTED", "amount_must_fit")
    if len(parts) > LOTS_TAKEN_MAX:
        return not_booked("REJECTED", "lots_must_fit")
    cost = sum((part.cost for part in parts), Fraction(0))
    cost_local = sum((part.cost_local for part in parts), Fraction(0))
    proceeds: Fraction | None = None
    proceeds_local: Fraction | None = None
    gain: Fraction | None = None
    gain_local: Fraction | None = None
    if trade.transaction_type == "SELL":
        amounts = amounts_of(trade, base_currency)
        proceeds = amounts.gross - amounts.fee
        proceeds_local = amounts.gross_local - amounts.fee_local
        gain = proceeds - cost
        gain_local = proceeds_local - cost_local
        gains_so_far = holding.gain + gain, holding.gain_local + gain_local
        if too_large(gain, gain_local, *gains_so_far):
            return not_booked("REJECTED", "amount_must_fit")
        holding.gain += gain
        holding.gain_local += gain_local
    disposals = disposals_of(parts, proceeds, proceeds_local)
    take(holding, parts)
    return booked(-cost, -cost, gain, -cost_local, -cost_local, gain_local, disposals=disposals)


def disposals_of(
    parts: list[Part], proceeds: Fraction | None, proceeds_local: Fraction | None
) -> list[Row]:
    """One row for each part; proceeds and gains only where there are proceeds."""
    rows: list[Row] = [
        {
            "lot_id": part.lot.lot_id,
            "acquired_at": part.lot.acquired_at,
            "quantity": shown(part.quantity),
            "cost": shown(part.cost),
            "cost_local": shown(part.cost_local),
            "proceeds": None,
            "proceeds_local": None,
            "realized_gain_loss": None,
            "realized_gain_loss_local": None,
        }
        for part in parts
    ]
    if proceeds is None or proceeds_local is None:
        return rows
    split = zip(shares(proceeds, parts), shares(proceeds_local, parts), strict=True)
    for row, part, (share, share_local) in zip(rows, parts, split, strict=True):
        row["proceeds"] = shown(share)
        row["proceeds_local"] = shown(share_local)
        row["realized_gain_loss"] = shown(share - part.cost)
        row["realized_gain_loss_local"] = shown(share_local - part.cost_local)
    return rows


def take(holding: Holding, parts: list[Part]) -> None:
    """Take the parts out of their lots, and empty lots out of the holding."""
    for part in parts:
        part.lot.quantity -= part.quantity
        part.lot.cost -= part.cost
        part.lot.cost_local -= part.cost_local
        holding.quantity -= part.quantity
        holding.cost -= part.cost
        holding.cost_local -= part.cost_local
    holding.lots = [lot for lot in holding.lots if lot.quantity]


def book(holding: Holding, trade: Trade, base_currency: str) -> Row:
    """The checks of the contract in their order, then the booking."""
    kind = trade.transaction_type
    rate_needed = kind not in AMOUNT_UNUSED and trade.trade_currency != base_currency
    if rate_needed and trade.fx_rate is None:
        return not_booked("PENDING", "fx_rate_must_be_known")
    if kind not in NEUTRALS and holding.currency not in {None, trade.trade_currency}:
        return not_booked("REJECTED", "trade_currency_must_match_the_holding")
    if kind in INCREASES:
        row = book_increase(holding, trade, base_currency)
    elif kind in NEUTRALS:
        row = book_neutral(trade, base_currency)
    else:
        row = book_decrease(holding, trade, base_currency)
    if row["status"] == "BOOKED":
        holding.booked_dates.append(trade.transaction_date)
    return row
