"""What a portfolio held at the end of a day of UTC, from the results alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from reports import moves
from reports.snapshot import Row, Snapshot

_ONE = moves.HOLDINGS.format(of="AND portfolio_id = %s")
_ONE_UNSETTLED = moves.UNSETTLED.format(of="AND portfolio_id = %s")
_IS_KNOWN = """
SELECT EXISTS (SELECT FROM portfolios WHERE portfolio_id = %s)
    OR EXISTS (SELECT FROM transactions WHERE portfolio_id = %s AND status <> 'CANCELLED')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingOn:
    """A holding on a day; costs and gains are totals, `..._local` in the trade currency."""

    portfolio_id: str
    security_id: str
    quantity: Decimal
    cost: Decimal
    cost_local: Decimal
    realized_gain_loss: Decimal
    realized_gain_loss_local: Decimal
    first_transaction_date: datetime | None
    last_transaction_date: datetime | None
    trade_currency: str | None
    base_currency: str | None
    as_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsOn:
    """All holdings that had a transaction up to the day, by security_id."""

    portfolio_id: str
    on: date
    positions: tuple[HoldingOn, ...]


def is_known(snapshot: Snapshot, portfolio_id: str) -> bool:
    """Whether there is a record of it, or a transaction that is not cancelled."""
    return bool(snapshot.row(_IS_KNOWN, portfolio_id, portfolio_id)[0])


def positions_on(snapshot: Snapshot, portfolio_id: str, day: date) -> PositionsOn | None:
    """None: there is no such portfolio."""
    if not is_known(snapshot, portfolio_id):
        return None
    rows = snapshot.rows(_ONE, moves.end_of(day), portfolio_id)
    return PositionsOn(portfolio_id=portfolio_id, on=day, positions=tuple(holdings(rows)))


def unsettled_on(snapshot: Snapshot, portfolio_id: str, day: date) -> list[HoldingOn]:
    """Of each cash holding what trades up to the day still owe it, below zero what it owes: units
    and cost that positions do not have yet."""
    end = moves.end_of(day)
    return list(holdings(snapshot.rows(_ONE_UNSETTLED, end, end, end, portfolio_id)))


def holdings(rows: Iterable[Row]) -> Iterator[HoldingOn]:
    """Of rows of `moves.HOLDINGS` or `moves.UNSETTLED`."""
    names = HoldingOn.__slots__
    for row in rows:
        yield HoldingOn(**dict(zip(names, row, strict=True)))
