"""Book one transaction on one holding.

    book(holding, lots, transaction) -> Booked | Rejection

This is the whole system in one line; everything else exists to call it. The function is pure:
it reads the holding's totals and as many lots as it relieves, and changes neither.
"""

from collections.abc import Iterable
from decimal import Decimal, localcontext

from calculator.booked import Booked
from calculator.cash import CashRole
from calculator.cash_pool import book_cash, opened_by
from calculator.holding import Holding
from calculator.lot import POOL, Disposal, Lot
from calculator.money import EXACT, ONE, ZERO, plain, rounded
from calculator.refusals import another_currency, rate_unknown, too_large
from calculator.rejection import Reason, Rejection
from calculator.transaction import Kind, Transaction, amount_of, units

# A result names every lot it took and is one record: so many, with the longest ids and numbers, are
# 28 MB, which Kafka still takes.
LOTS_RELIEVED_MAX = 50_000
_HELD = CashRole.HELD


def book(
    holding: Holding, lots: Iterable[Lot], transaction: Transaction, rate: Decimal | None = None
) -> Booked | Rejection:
    """Book the next transaction in booking order; `lots` come in order of relief. `rate` is base
    currency per unit of the trade currency, for a transaction that needs one and brings none."""
    with localcontext(EXACT):
        return book_in_context(holding, lots, transaction, rate)


def needs_rate(holding: Holding, transaction: Transaction) -> bool:
    """Whether an exchange rate has to be found where the base currency is another one. The caller
    works in `EXACT`."""
    if transaction.fx_rate is not None:
        return False
    if holding.role is _HELD:
        return bool(opened_by(holding, transaction))
    return transaction.transaction_type.uses_amount


def book_in_context(
    holding: Holding, lots: Iterable[Lot], transaction: Transaction, rate: Decimal | None = None
) -> Booked | Rejection:
    """`book` for a caller that has entered `EXACT` already."""
    if holding.role is _HELD:
        return book_cash(holding, lots, transaction, rate)
    kind = transaction.transaction_type.kind
    base_currency, currency = holding.base_currency, transaction.trade_currency
    fx_rate = ONE
    if base_currency is not None and base_currency != currency:
        known = transaction.fx_rate or rate  # neither is ever zero
        if known is None and transaction.transaction_type.uses_amount:
            return rate_unknown(currency, base_currency)
        fx_rate = known or ONE
    if kind is Kind.NEUTRAL:
        return _charge(transaction, fx_rate)
    if holding.trade_currency is not None and holding.trade_currency != currency:
        return another_currency(currency, holding.trade_currency)
    if kind is Kind.INCREASE:
        return _increase(holding, lots, transaction, fx_rate)
    if units(transaction) > holding.quantity:
        return Rejection(
            Reason.QUANTITY_MUST_NOT_EXCEED_HOLDING,
            f"needs {plain(units(transaction))}, holds {plain(holding.quantity)}",
        )
    return _decrease(holding, lots, transaction, fx_rate)


def _charge(transaction: Transaction, fx_rate: Decimal) -> Booked | Rejection:
    """Income, a fee or a tax: a cost or nothing, and no lot moves."""
    gross_local = amount_of(transaction)
    gross = gross_local if fx_rate is ONE else rounded(gross_local * fx_rate)
    if rejection := too_large(gross_local, gross):
        return rejection
    if not transaction.transaction_type.is_charge:
        return Booked(ZERO, ZERO, None, ZERO, ZERO, None)
    return Booked(gross, gross, None, gross_local, gross_local, None)


def _increase(
    holding: Holding, lots: Iterable[Lot], increase: Transaction, fx_rate: Decimal
) -> Booked | Rejection:
    quantity, gross_local = units(increase), amount_of(increase)
    net_local = gross_local + increase.trade_fee
    if fx_rate is ONE:
        gross, net = gross_local, net_local
    else:
        gross = rounded(gross_local * fx_rate)
        net = gross + rounded(increase.trade_fee * fx_rate)
    if rejection := too_large(
        net_local, net, holding.quantity + quantity, holding.cost_local + net_local,
        holding.cost + net,
    ):  # fmt: skip
        return rejection
    if holding.method.pools:
        lot = _pooled(next(iter(lots), None), increase, quantity, net_local, net)
    else:
        unit_cost = rounded(net / quantity) if holding.method.by_unit_cost else ZERO
        lot = Lot(
            increase.transaction_id, increase.transaction_date,
            quantity, net_local, net, unit_cost,
        )  # fmt: skip
    return Booked(gross, net, None, gross_local, net_local, None, (), lot)


def _pooled(
    pool: Lot | None, increase: Transaction, quantity: Decimal, net_local: Decimal, net: Decimal
) -> Lot:
    """The pool after an increase; an empty one takes the date of the increase."""
    if pool is None:
        return Lot(POOL, increase.transaction_date, quantity, net_local, net, ZERO)
    return Lot(
        POOL, pool.acquired_at, pool.quantity + quantity, pool.cost_local + net_local,
        pool.cost + net, ZERO,
    )  # fmt: skip


def _decrease(
    holding: Holding, lots: Iterable[Lot], decrease: Transaction, fx_rate: Decimal
) -> Booked | Rejection:
    quantity = units(decrease)
    is_sale = decrease.transaction_type.is_sale
    proceeds = proceeds_local = ZERO
    if is_sale:
        gross_local = amount_of(decrease)
        gross = proceeds = gross_local
        proceeds_local = gross_local - decrease.trade_fee
        if fx_rate is ONE:
            proceeds = proceeds_local
        else:
            gross = rounded(gross_local * fx_rate)
            proceeds = gross - rounded(decrease.trade_fee * fx_rate)
        # Stopped before the lots are read: a price without end must not cost a relief.
        if rejection := too_large(gross_local, gross):
            return rejection
    taken, left, cost, cost_local = _relieve(lots, quantity)
    if len(taken) > LOTS_RELIEVED_MAX:
        return Rejection(
            Reason.LOTS_MUST_FIT,
            f"takes more than {LOTS_RELIEVED_MAX} lots; bring it in parts",
        )
    if not is_sale:
        return Booked(-cost, -cost, None, -cost_local, -cost_local, None, tuple(taken), left)
    gain = gain_local = proceeds - cost
    if proceeds_local is not proceeds or cost_local != cost:
        gain_local = proceeds_local - cost_local
    if rejection := too_large(
        gain, gain_local, holding.realized_gain_loss + gain,
        holding.realized_gain_loss_local + gain_local,
    ):  # fmt: skip
        return rejection
    disposals = _with_proceeds(taken, quantity, proceeds, proceeds_local)
    return Booked(-cost, -cost, gain, -cost_local, -cost_local, gain_local, disposals, left)


def _relieve(
    lots: Iterable[Lot], quantity: Decimal
) -> tuple[list[Disposal], Lot | None, Decimal, Decimal]:
    """Take `quantity` units: (taken, what is left of the last lot, cost, cost_local). Gives up one
    lot behind LOTS_RELIEVED_MAX."""
    taken: list[Disposal] = []
    wanted, cost, cost_local = quantity, ZERO, ZERO
    for lot in lots:
        if lot.quantity > wanted:
            # The remainder of a division stays in the lot.
            part = part_local = rounded(lot.cost * wanted / lot.quantity)
            rest = rest_local = lot.cost - part
            if lot.cost_local != lot.cost:  # in most lots both are the same
                part_local = rounded(lot.cost_local * wanted / lot.quantity)
                rest_local = lot.cost_local - part_local
            taken.append(Disposal(lot.lot_id, lot.acquired_at, wanted, part, part_local))
            left = Lot(
                lot.lot_id, lot.acquired_at, lot.quantity - wanted, rest_local, rest, lot.unit_cost
            )
            return taken, left, cost + part, cost_local + part_local
        taken.append(Disposal(lot.lot_id, lot.acquired_at, lot.quantity, lot.cost, lot.cost_local))
        if len(taken) > LOTS_RELIEVED_MAX:
            return taken, None, cost, cost_local
        wanted -= lot.quantity
        cost += lot.cost
        cost_local += lot.cost_local
        if not wanted:
            return taken, None, cost, cost_local
    raise AssertionError("the lots add up to the holding, which holds enough")


def _with_proceeds(
    taken: list[Disposal], quantity: Decimal, proceeds: Decimal, proceeds_local: Decimal
) -> tuple[Disposal, ...]:
    """Spread the proceeds over the disposals by quantity; the last takes the remainder."""
    left, left_local = proceeds, proceeds_local
    disposals = []
    for lot_id, acquired_at, units_taken, cost, cost_local, _, _ in taken[:-1]:
        share = share_local = rounded(proceeds * units_taken / quantity)
        if proceeds_local is not proceeds:
            share_local = rounded(proceeds_local * units_taken / quantity)
        left -= share
        left_local -= share_local
        disposals.append(
            Disposal(lot_id, acquired_at, units_taken, cost, cost_local, share, share_local)
        )
    disposals.append(Disposal(*taken[-1][:5], left, left_local))
    return tuple(disposals)
