"""What a transaction moves of cash: of the cash holding it was sent for, or, where cash is kept
automatically, of the one in its currency. The caller works in `EXACT`."""

from decimal import Decimal

from calculator.cash import cash_entry_id, cash_holding
from calculator.transaction import Kind, Transaction, TransactionType, amount_of, units


def moved_by(transaction: Transaction) -> Decimal:
    """Signed units that a transaction sent for a cash holding moves; one unit is one of its
    currency. Increases and decreases move their units, income its amount after the fee, fees and
    taxes their amount."""
    kind = transaction.transaction_type.kind
    if kind is Kind.INCREASE:
        return units(transaction)
    if kind is Kind.DECREASE:
        return -units(transaction)
    if transaction.transaction_type.is_charge:
        return -amount_of(transaction)
    return amount_of(transaction) - transaction.trade_fee


def paid_by(transaction: Transaction) -> Decimal:
    """Trade currency, positive where cash comes in: what a BOOKED transaction of a holding that
    is not cash moves of it. Transfers, deposits and withdrawals of securities move none."""
    match transaction.transaction_type:
        case TransactionType.BUY:
            return -(amount_of(transaction) + transaction.trade_fee)
        case TransactionType.SELL | TransactionType.DIVIDEND | TransactionType.INTEREST:
            return amount_of(transaction) - transaction.trade_fee
        case TransactionType.FEE | TransactionType.TAX:
            return -amount_of(transaction)
        case _:
            return Decimal(0)


def cash_entry(cause: Transaction) -> Transaction | None:
    """The cash entry that a BOOKED transaction of a holding that is not cash causes; None where
    it moves none. It is dated when the cash moves."""
    paid = paid_by(cause)
    if not paid:
        return None
    return Transaction(
        transaction_id=cash_entry_id(cause.transaction_id),
        portfolio_id=cause.portfolio_id,
        security_id=cash_holding(cause.trade_currency),
        transaction_type=TransactionType.DEPOSIT if paid > 0 else TransactionType.WITHDRAWAL,
        transaction_date=cause.settlement_date or cause.transaction_date,
        trade_currency=cause.trade_currency,
        quantity=abs(paid),
        gross_transaction_amount=abs(paid),
        fx_rate=cause.fx_rate,
        version=cause.version,
    )
