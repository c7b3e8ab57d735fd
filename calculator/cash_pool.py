"""Book one transaction on a cash holding: one pool of either sign.

What moves away from zero comes in at the rate of its day, what moves toward zero takes its share
of the pool, and what crosses zero does both. Nothing is realized: a currency gain of cash shows in
its valuation.
"""

from collections.abc import Iterable
from decimal import Decimal

from calculator.booked import Booked
from calculator.cash import named_currency
from calculator.cash_movements import moved_by
from calculator.holding import Holding
from calculator.lot import POOL, Disposal, Lot
from calculator.money import ONE, ZERO, rounded
from calculator.refusals import another_currency, rate_unknown, too_large
from calculator.rejection import Rejection
from calculator.transaction import Kind, Transaction, amount_of


def book_cash(
    holding: Holding, lots: Iterable[Lot], transaction: Transaction, rate: Decimal | None = None
) -> Booked | Rejection:
    """Book the next transaction in booking order. `rate` is base currency per unit of the trade
    currency, for a transaction that needs one and brings none. The caller works in `EXACT`."""
    movement = moved_by(transaction)
    taken = _taken(holding.quantity, movement)
    opened = movement + taken
    fx_rate = _rate(holding, transaction, opened, transaction.fx_rate or rate)
    if isinstance(fx_rate, Rejection):
        return fx_rate
    currency = transaction.trade_currency
    held_in = named_currency(holding.security_id) or holding.trade_currency
    if held_in is not None and held_in != currency:
        return another_currency(currency, held_in)
    pool = next(iter(lots), None)
    disposals: tuple[Disposal, ...] = ()
    cost = opened if fx_rate is ONE else rounded(opened * fx_rate)
    cost_local = opened
    if taken:
        assert pool is not None, "what is held is in the pool"
        disposals = (_share(pool, taken),)
        cost -= disposals[0].cost
        cost_local -= disposals[0].cost_local
    amount = amount_of(transaction) if transaction.transaction_type.kind is Kind.NEUTRAL else ZERO
    after = holding.quantity + movement
    if rejection := too_large(amount, movement, after, cost, holding.cost + cost):
        return rejection
    lot = None
    if after:
        is_new = pool is None or taken == pool.quantity
        acquired_at = transaction.transaction_date if is_new or pool is None else pool.acquired_at
        lot = Lot(
            POOL, acquired_at, after, holding.cost_local + cost_local, holding.cost + cost, ZERO
        )
    return Booked(
        cost, cost, None, cost_local, cost_local, None, disposals, lot, cash_movement=movement
    )


def opened_by(holding: Holding, transaction: Transaction) -> Decimal:
    """Signed units that a transaction moves away from zero."""
    movement = moved_by(transaction)
    return movement + _taken(holding.quantity, movement)


def _taken(held: Decimal, movement: Decimal) -> Decimal:
    """How much of what is held a movement takes, with the sign of what is held."""
    if not held or not movement or (held > 0) is (movement > 0):
        return ZERO
    return held if abs(movement) > abs(held) else -movement


def _rate(
    holding: Holding, transaction: Transaction, opened: Decimal, known: Decimal | None
) -> Decimal | Rejection:
    """Base currency per unit of trade currency; what opens nothing needs none."""
    base_currency, currency = holding.base_currency, transaction.trade_currency
    if base_currency is None or base_currency == currency or not opened:
        return ONE
    return known or rate_unknown(currency, base_currency)


def _share(pool: Lot, taken: Decimal) -> Disposal:
    """What is taken of the pool: quantity and costs have its sign."""
    if taken == pool.quantity:
        return Disposal(POOL, pool.acquired_at, taken, pool.cost, pool.cost_local)
    return Disposal(
        POOL,
        pool.acquired_at,
        taken,
        rounded(pool.cost * taken / pool.quantity),
        rounded(pool.cost_local * taken / pool.quantity),
    )
