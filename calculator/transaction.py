"""What happened: one transaction of a portfolio, as it was reported."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

from calculator.money import ZERO, rounded

Order = tuple[datetime, int, str]
"""Booking order within a holding: (transaction_date, class, transaction_id)."""


class Kind(IntEnum):
    """What a transaction does to the lots; its value is the class in the booking order."""

    INCREASE = 0  # adds a lot
    NEUTRAL = 1  # leaves the lots alone
    DECREASE = 2  # relieves lots


class TransactionType(StrEnum):
    """The types that can be booked; a cancellation is a `Cancellation`."""

    BUY = "BUY", Kind.INCREASE
    TRANSFER_IN = "TRANSFER_IN", Kind.INCREASE
    DEPOSIT = "DEPOSIT", Kind.INCREASE
    DIVIDEND = "DIVIDEND", Kind.NEUTRAL
    INTEREST = "INTEREST", Kind.NEUTRAL
    FEE = "FEE", Kind.NEUTRAL
    TAX = "TAX", Kind.NEUTRAL
    SELL = "SELL", Kind.DECREASE
    TRANSFER_OUT = "TRANSFER_OUT", Kind.DECREASE
    WITHDRAWAL = "WITHDRAWAL", Kind.DECREASE

    kind: Kind
    booking_class: int
    is_cash: bool  # the amount stands in for an absent quantity
    is_charge: bool  # costs its amount without touching a lot
    is_sale: bool  # has proceeds and realizes a gain or loss
    uses_amount: bool  # the amount, and so the exchange rate, enters the books

    def __new__(cls, text: str, kind: Kind) -> "TransactionType":
        member = str.__new__(cls, text)
        member._value_ = text
        member.kind = kind
        member.booking_class = int(kind)
        member.is_cash = text in ("DEPOSIT", "WITHDRAWAL")
        member.is_charge = text in ("FEE", "TAX")
        member.is_sale = text == "SELL"
        member.uses_amount = text not in ("TRANSFER_OUT", "WITHDRAWAL")
        return member


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One version of a transaction. Two are equal when their content is: decimals by value."""

    transaction_id: str  # identity within the portfolio
    portfolio_id: str
    security_id: str
    transaction_type: TransactionType
    transaction_date: datetime  # trade time, aware, UTC; decides the order of booking
    trade_currency: str  # ISO 4217; of price, amount and fee
    quantity: Decimal | None = None  # units, never negative
    price: Decimal | None = None  # trade currency per unit, before fees
    gross_transaction_amount: Decimal | None = None  # trade currency, before fees
    trade_fee: Decimal = ZERO  # trade currency
    fx_rate: Decimal | None = None  # portfolio base currency per unit of trade currency
    instrument_id: str | None = None
    settlement_date: datetime | None = None
    currency: str | None = None  # the instrument's own; passed through
    version: int = 1
    # A reader keeps here how a result repeats the fields, made of the texts it has at hand.
    encoded: object = field(default=None, init=False, compare=False, repr=False)

    @property
    def order(self) -> Order:
        return (self.transaction_date, self.transaction_type.booking_class, self.transaction_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """Voids the transaction of that identity, also when it arrives first."""

    transaction_id: str
    portfolio_id: str
    version: int  # at least 2


def units(transaction: Transaction) -> Decimal:
    """Units moved: the quantity, or for cash without one the amount."""
    if transaction.transaction_type.is_cash and not transaction.quantity:
        assert transaction.gross_transaction_amount is not None
        return transaction.gross_transaction_amount
    assert transaction.quantity is not None
    return transaction.quantity


def amount_of(transaction: Transaction) -> Decimal:
    """Trade currency, before fees: as given, else quantity x price. The caller works in `EXACT`."""
    if transaction.gross_transaction_amount is not None:
        return transaction.gross_transaction_amount
    assert transaction.quantity is not None
    assert transaction.price is not None
    return rounded(transaction.quantity * transaction.price)
