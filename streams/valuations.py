"""What a portfolio is worth now: its live positions at what the process knows of markets.

The same formulas as those of valuations on a day, which are made from PostgreSQL, and the same
shape. Whatever is booked counts, also what is dated later than today.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import date
from typing import NamedTuple

import msgspec

from analytics.bad_input import BadInput
from calculator import Portfolio, plain
from reports.positions import HoldingOn
from reports.valuation import NO_RECORD, Record, ValuedPosition, valued_portfolio
from streams import answers
from streams.lane import Lane
from streams.market import KnownMarket, Offsets, Pairs
from streams.state import StoredHolding
from wire.spelled import as_json, spelled


class Through(NamedTuple):
    """All records of these topics before them are included; of the partition, in the first three."""

    partition: int
    raw_transactions: int
    raw_transactions_forwarded: int
    portfolios: int
    fx_rates: int
    market_prices: int
    instruments: int


class Held(NamedTuple):
    """What a portfolio holds, from one snapshot of the books."""

    portfolio_id: str
    holdings: list[HoldingOn]  # of some units
    record: Record
    as_of: int
    partition: int
    next_offsets: tuple[int, int, int]
    fx_rates: int
    instruments: int


class Position(NamedTuple):
    """As JSON. Weights are apart: each moves when any value does."""

    without_weight: bytes
    weight: str | None


class Valuation(NamedTuple):
    """`positions` by security, in the order of their ids. `head` is a JSON object of what else
    there is to say."""

    on: date
    base_currency: str | None
    positions: dict[str, Position]
    total: bytes  # JSON
    head: bytes
    through: Through


def held(lane: Lane, portfolio_id: str, market: KnownMarket) -> Held:
    """Raises `answers.Refusal`."""
    # Before the snapshot, which then has as much.
    rates_through = lane.rates_through
    with market.instruments_table.at_rest():
        instruments_through = lane.instruments_through
    snapshot = lane.table.snapshot()
    stored, record = answers.holdings(snapshot, portfolio_id)
    progress = answers.progress(snapshot)
    return Held(
        portfolio_id,
        [_holding_on(each) for each in stored if each.holding.quantity],
        NO_RECORD if record is None else _record(record),
        progress.as_of,
        lane.partition,
        progress.next_offsets,
        max(progress.fx_rates, rates_through),
        max(progress.instruments, instruments_through),
    )


def _record(portfolio: Portfolio) -> Record:
    return Record.of((portfolio.base_currency, portfolio.cash_management))


def _holding_on(stored: StoredHolding) -> HoldingOn:
    holding = stored.holding
    return HoldingOn(
        portfolio_id=holding.portfolio_id,
        security_id=holding.security_id,
        quantity=holding.quantity,
        cost=holding.cost,
        cost_local=holding.cost_local,
        realized_gain_loss=holding.realized_gain_loss,
        realized_gain_loss_local=holding.realized_gain_loss_local,
        first_transaction_date=holding.first_transaction_date,
        last_transaction_date=holding.last_transaction_date,
        trade_currency=holding.trade_currency,
        base_currency=holding.base_currency or holding.trade_currency,
        as_of=stored.as_of,
    )


def valuation_of(
    held: Held, market: KnownMarket, note_pairs: Callable[[Pairs], object] = lambda _: None
) -> Valuation:
    """As of today; the books and the market each as of one moment. `note_pairs` is told of which
    currencies rates will be asked for, before they are. Raises `answers.Refusal`."""
    seen = market.seen(held.holdings, note_pairs)
    try:
        valued = valued_portfolio(held.portfolio_id, held.record, held.holdings, seen.market)
    except BadInput as error:  # what was sent is good, and multiplied it is out of all bounds
        raise answers.Refusal(409, "figures-out-of-range", str(error)) from None
    total, through = as_json(valued.total), _through(held, seen.through)
    head = {
        "portfolio_id": valued.portfolio_id,
        "on": valued.on,
        "base_currency": valued.base_currency,
        "unsettled": [],  # whatever is booked is in the positions
        "total": msgspec.Raw(total),
        "as_of": held.as_of,
        "through": through._asdict(),
    }
    return Valuation(
        valued.on,
        valued.base_currency,
        {each.security_id: _position(each) for each in valued.positions},
        total,
        msgspec.json.encode(head),
        through,
    )


def _through(held: Held, market: Offsets) -> Through:
    # Rates and instruments are in the books and in the values: what is in only one of them is not
    # included.
    return Through(
        held.partition,
        *held.next_offsets,
        min(held.fx_rates, market.fx_rates),
        market.market_prices,
        min(held.instruments, market.instruments),
    )


_NAMES = tuple(field.name for field in fields(ValuedPosition) if field.name != "weight")


def _position(position: ValuedPosition) -> Position:
    content = {name: spelled(getattr(position, name)) for name in _NAMES}
    weight = position.weight
    return Position(msgspec.json.encode(content), None if weight is None else plain(weight))


def encode_position(position: Position) -> bytes:
    weight = msgspec.json.encode(position.weight)
    return b'%b,"weight":%b}' % (position.without_weight[:-1], weight)


def encode(valuation: Valuation) -> bytes:
    """All of it."""
    positions = b",".join(map(encode_position, valuation.positions.values()))
    return b'%b,"positions":[%b]}' % (valuation.head[:-1], positions)


def now(lane: Lane, portfolio_id: str, market: KnownMarket) -> bytes:
    """The answer of a worker."""
    require_known(market)
    return encode(valuation_of(held(lane, portfolio_id, market), market))


def require_known(market: KnownMarket) -> None:
    """What may have been told already must be known here too."""
    if not market.is_known:
        raise answers.Refusal(503, "catching-up", "market prices are being read")
