"""What the calculator says, as rows that topics, tables and live answers can be compared with.

A row is a tuple of plain values in the order of its columns; decimals compare by value.
"""

from collections.abc import Iterator

from calculator import (
    POOL,
    Booked,
    Cancellation,
    Disposal,
    Entry,
    Holding,
    Kind,
    Lot,
    MemoryJournal,
    Order,
    Portfolio,
    Rejection,
    Transaction,
    cause_of,
)
from calculator.holding import LOWEST
from calculator.money import ZERO
from calculator.transaction import units
from cli.verify.report import Row

CONTENT = (
    "transaction_id", "portfolio_id", "security_id", "instrument_id", "transaction_type",
    "transaction_date", "settlement_date", "quantity", "price", "gross_transaction_amount",
    "trade_fee", "trade_currency", "currency", "fx_rate", "version",
)  # fmt: skip
OUTCOME = (
    "status", "reason", "detail", "base_currency", "applied_fx_rate", "gross_cost", "net_cost", "realized_gain_loss",
    "gross_cost_local", "net_cost_local", "realized_gain_loss_local", "cash_movement",
    "cause_transaction_id",
)  # fmt: skip
SOURCE = ("source_topic", "source_partition", "source_offset")
DISPOSAL = (
    "lot_id", "acquired_at", "quantity", "cost", "cost_local", "proceeds", "proceeds_local",
    "realized_gain_loss", "realized_gain_loss_local",
)  # fmt: skip
POSITION = (
    "quantity", "cost", "cost_local", "realized_gain_loss", "realized_gain_loss_local",
    "open_lots", "first_transaction_date", "last_transaction_date", "trade_currency",
    "base_currency", "cost_basis_method",
)  # fmt: skip
PORTFOLIO = (
    "base_currency", "cost_basis_method", "name", "client_id", "booking_center", "opened_on",
    "version", "cash_management",
)  # fmt: skip
LOT = ("lot_id", "acquired_at", "quantity", "cost", "cost_local")


def content_row(content: Transaction | Cancellation) -> Row:
    """CONTENT."""
    if isinstance(content, Cancellation):
        nothing = (None,) * 9
        return (
            content.transaction_id, content.portfolio_id, None, None, "CANCEL",
            *nothing, content.version,
        )  # fmt: skip
    return (
        content.transaction_id, content.portfolio_id, content.security_id, content.instrument_id,
        content.transaction_type.value, content.transaction_date, content.settlement_date,
        content.quantity, content.price, content.gross_transaction_amount, content.trade_fee,
        content.trade_currency, content.currency, content.fx_rate, content.version,
    )  # fmt: skip


def outcome_row(entry: Entry) -> Row:
    """OUTCOME."""
    assert entry.status is not None, "everything is booked"
    status, outcome = entry.status.value, entry.outcome
    cause = cause_of(entry.content.transaction_id)
    match outcome:
        case Booked():
            return (
                status, None, None, entry.base_currency, entry.applied_fx_rate,
                outcome.gross_cost, outcome.net_cost,
                outcome.realized_gain_loss, outcome.gross_cost_local, outcome.net_cost_local,
                outcome.realized_gain_loss_local, outcome.cash_movement, cause,
            )  # fmt: skip
        case Rejection():
            reason = outcome.reason.value, outcome.detail
            rate = entry.applied_fx_rate
            return (status, *reason, entry.base_currency, rate, *((None,) * 7), cause)
        case None:
            return (status, *((None,) * 11), cause)


def disposed_row(entry: Entry) -> Row:
    """What every disposal of a transaction has in common: security_id, disposed_at."""
    assert isinstance(entry.content, Transaction)
    return (entry.content.security_id, entry.content.transaction_date)


def disposals_of(entry: Entry) -> tuple[Disposal, ...]:
    return entry.outcome.disposals if isinstance(entry.outcome, Booked) else ()


def disposal_row(disposal: Disposal) -> Row:
    """DISPOSAL."""
    return (*disposal, disposal.realized_gain_loss, disposal.realized_gain_loss_local)


def position_row(holding: Holding) -> Row:
    """POSITION."""
    return (
        holding.quantity, holding.cost, holding.cost_local, holding.realized_gain_loss,
        holding.realized_gain_loss_local, len(holding.lots), holding.first_transaction_date,
        holding.last_transaction_date, holding.trade_currency,
        holding.base_currency or holding.trade_currency, holding.method.value,
    )  # fmt: skip


def portfolio_row(portfolio: Portfolio) -> Row:
    """PORTFOLIO."""
    return (
        portfolio.base_currency, portfolio.cost_basis_method.value, portfolio.name,
        portfolio.client_id, portfolio.booking_center, portfolio.opened_on, portfolio.version,
        portfolio.cash_management.value,
    )  # fmt: skip


def lot_row(lot: Lot) -> Row:
    """LOT."""
    return (lot.lot_id, lot.acquired_at, lot.quantity, lot.cost, lot.cost_local)


def opened_quantities(journal: MemoryJournal, holding: Holding) -> dict[str, object]:
    """By lot_id: the units that a lot opened with; of a pool, all that came since it was empty."""
    opened: dict[str, object] = {}
    held = pooled = ZERO
    for transaction, booked in _booked(journal, holding):
        if booked.cash_movement is not None:
            held, before = held + booked.cash_movement, held
            came = booked.cash_movement + sum((d.quantity for d in booked.disposals), ZERO)
            pooled = pooled + came if before and held * before > 0 else held
            continue
        kind = transaction.transaction_type.kind
        if kind is Kind.INCREASE:
            held, pooled = held + units(transaction), pooled + units(transaction)
            opened[transaction.transaction_id] = units(transaction)
        elif kind is Kind.DECREASE:
            held -= units(transaction)
            pooled = pooled if held else ZERO
    return {POOL: pooled} if holding.method.pools else opened


def _booked(journal: MemoryJournal, holding: Holding) -> Iterator[tuple[Transaction, Booked]]:
    """In booking order."""
    places: list[Order] = journal.orders_from(holding, LOWEST, holding.journalled)
    for _, _, transaction_id in places:
        entry = journal.entry(holding.portfolio_id, transaction_id)
        assert entry is not None
        if isinstance(entry.outcome, Booked):
            assert isinstance(entry.content, Transaction)
            yield entry.content, entry.outcome
