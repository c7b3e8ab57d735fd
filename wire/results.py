"""What the worker publishes, as JSON: results, positions, portfolios in force, lots.

A result is written once and serves three times: as the record of the results topic, as the entry
of the journal, and as the answer over HTTP. Texts in it are ids, codes and numbers that passed
the decoder's rules, or words of our own, so nothing in them needs escaping.
"""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from calculator import (
    Booked,
    Cancellation,
    CashManagement,
    Disposal,
    Entry,
    Holding,
    Lot,
    Portfolio,
    Reason,
    Rejection,
    ReliefMethod,
    Source,
    Status,
    Transaction,
    cause_of,
    plain,
)
from wire.inputs import inputs_of, instant, instant_or_null, number_or_null, text_or_null
from wire.transactions import TYPES

_NO_COSTS = (
    '"gross_cost":null,"net_cost":null,"realized_gain_loss":null,"gross_cost_local":null,'
    '"net_cost_local":null,"realized_gain_loss_local":null'
)
_NOT_OF_CASH = '"cash_movement":null,"cause_transaction_id":null'


def _costs(booked: Booked) -> str:
    # In most transactions both currencies are the same, and so are the amounts in both.
    gross, net, gain = booked.gross_cost, booked.net_cost, booked.realized_gain_loss
    gross_text = plain(gross)
    net_text = gross_text if net is gross else plain(net)
    gain_text = number_or_null(gain)
    gross_local, net_local = booked.gross_cost_local, booked.net_cost_local
    gain_local = booked.realized_gain_loss_local
    return (
        f'"gross_cost":"{gross_text}","net_cost":"{net_text}","realized_gain_loss":{gain_text},'
        f'"gross_cost_local":"{gross_text if gross_local == gross else plain(gross_local)}",'
        f'"net_cost_local":"{net_text if net_local == net else plain(net_local)}",'
        f'"realized_gain_loss_local":'
        f"{gain_text if gain_local == gain else number_or_null(gain_local)}"
    )


def _of_cash(entry: Entry, movement: Decimal | None) -> str:
    cause = cause_of(entry.content.transaction_id)
    if movement is None and cause is None:
        return _NOT_OF_CASH
    return (
        f'"cash_movement":{number_or_null(movement)},"cause_transaction_id":{text_or_null(cause)}'
    )


def _disposal(disposal: Disposal) -> str:
    lot_id, acquired_at, quantity, cost, cost_local, proceeds, proceeds_local = disposal
    gain = disposal.realized_gain_loss
    cost_text = cost_local_text = plain(cost)
    proceeds_text = proceeds_local_text = number_or_null(proceeds)
    gain_text = gain_local_text = number_or_null(gain)
    if cost_local != cost or proceeds_local != proceeds:
        cost_local_text, proceeds_local_text = plain(cost_local), number_or_null(proceeds_local)
        gain_local_text = number_or_null(disposal.realized_gain_loss_local)
    return (
        f'{{"lot_id":"{lot_id}","acquired_at":"{instant(acquired_at)}",'
        f'"quantity":"{plain(quantity)}","cost":"{cost_text}","cost_local":"{cost_local_text}",'
        f'"proceeds":{proceeds_text},"proceeds_local":{proceeds_local_text},'
        f'"realized_gain_loss":{gain_text},"realized_gain_loss_local":{gain_local_text}}}'
    )


def encode_result(entry: Entry) -> bytes:
    """The result of an entry. One that waits to be booked for the first time has status null;
    it is kept in the journal and never published."""
    outcome, status = entry.outcome, entry.status
    reason = detail = None
    costs, disposals, movement = _NO_COSTS, "", None
    if isinstance(outcome, Booked):
        costs = _costs(outcome)
        disposals = ",".join(map(_disposal, outcome.disposals))
        movement = outcome.cash_movement
    elif outcome is not None:
        reason, detail = outcome.reason.value, outcome.detail
    assert entry.source is not None, "what is published names its record"
    return (
        f'{inputs_of(entry.content)},"status":{text_or_null(status and status.value)},'
        f'"reason":{text_or_null(reason)},"detail":{text_or_null(detail)},'
        f'"base_currency":{text_or_null(entry.base_currency)},'
        f'"applied_fx_rate":{number_or_null(entry.applied_fx_rate)},{costs},'
        f'{_of_cash(entry, movement)},"disposals":[{disposals}],'
        f'"source_topic":"{entry.source.topic}","source_partition":{entry.source.partition},'
        f'"source_offset":{entry.source.offset},"as_of":{entry.as_of}}}'
    ).encode()


class _Disposal(msgspec.Struct):
    lot_id: str
    acquired_at: datetime
    quantity: Decimal
    cost: Decimal
    cost_local: Decimal
    proceeds: Decimal | None
    proceeds_local: Decimal | None


class _Result(msgspec.Struct, kw_only=True):
    transaction_id: str
    portfolio_id: str
    security_id: str | None
    instrument_id: str | None
    transaction_type: str
    transaction_date: datetime | None
    settlement_date: datetime | None
    quantity: Decimal | None
    price: Decimal | None
    gross_transaction_amount: Decimal | None
    trade_fee: Decimal | None
    trade_currency: str | None
    currency: str | None
    fx_rate: Decimal | None
    version: int
    status: str | None
    reason: str | None
    detail: str | None
    base_currency: str | None
    applied_fx_rate: Decimal | None
    gross_cost: Decimal | None
    net_cost: Decimal | None
    realized_gain_loss: Decimal | None
    gross_cost_local: Decimal | None
    net_cost_local: Decimal | None
    realized_gain_loss_local: Decimal | None
    cash_movement: Decimal | None = None  # results of earlier versions have none
    disposals: list[_Disposal]
    source_topic: str
    source_partition: int
    source_offset: int
    as_of: int


_decode_result = msgspec.json.Decoder(_Result).decode


def decode_result(value: bytes) -> Entry:
    """The journal entry that a result stands for. Only for what `encode_result` wrote."""
    result = _decode_result(value)
    return Entry(
        _content(result),
        Source(result.source_topic, result.source_partition, result.source_offset),
        _outcome(result),
        result.base_currency,
        result.as_of,
        applied_fx_rate=result.applied_fx_rate,
    )


def _content(result: _Result) -> Transaction | Cancellation:
    if result.transaction_date is None:
        return Cancellation(
            transaction_id=result.transaction_id,
            portfolio_id=result.portfolio_id,
            version=result.version,
        )
    assert result.security_id is not None
    assert result.trade_currency is not None
    assert result.trade_fee is not None
    return Transaction(
        transaction_id=result.transaction_id,
        portfolio_id=result.portfolio_id,
        security_id=result.security_id,
        transaction_type=TYPES[result.transaction_type],
        transaction_date=result.transaction_date,
        trade_currency=result.trade_currency,
        quantity=result.quantity,
        price=result.price,
        gross_transaction_amount=result.gross_transaction_amount,
        trade_fee=result.trade_fee,
        fx_rate=result.fx_rate,
        instrument_id=result.instrument_id,
        settlement_date=result.settlement_date,
        currency=result.currency,
        version=result.version,
    )


def _outcome(result: _Result) -> Booked | Rejection | None:
    if result.reason is not None:
        assert result.detail is not None
        return Rejection(Reason(result.reason), result.detail)
    if result.status != Status.BOOKED:
        return None
    assert result.gross_cost is not None
    assert result.net_cost is not None
    assert result.gross_cost_local is not None
    assert result.net_cost_local is not None
    return Booked(
        result.gross_cost,
        result.net_cost,
        result.realized_gain_loss,
        result.gross_cost_local,
        result.net_cost_local,
        result.realized_gain_loss_local,
        tuple(
            Disposal(
                d.lot_id, d.acquired_at, d.quantity, d.cost, d.cost_local,
                d.proceeds, d.proceeds_local,
            )
            for d in result.disposals
        ),
        cash_movement=result.cash_movement,
    )  # fmt: skip


def position_key(portfolio_id: str, security_id: str) -> bytes:
    return f"{portfolio_id}|{security_id}".encode()


def encode_position(holding: Holding, as_of: int) -> bytes:
    """The position of a settled holding. Cost is of the open lots; gains are totals."""
    return (
        f'{{"portfolio_id":"{holding.portfolio_id}","security_id":"{holding.security_id}",'
        f'"quantity":"{plain(holding.quantity)}","cost":"{plain(holding.cost)}",'
        f'"cost_local":"{plain(holding.cost_local)}",'
        f'"realized_gain_loss":"{plain(holding.realized_gain_loss)}",'
        f'"realized_gain_loss_local":"{plain(holding.realized_gain_loss_local)}",'
        f'"open_lots":{len(holding.lots)},'
        f'"first_transaction_date":{instant_or_null(holding.first_transaction_date)},'
        f'"last_transaction_date":{instant_or_null(holding.last_transaction_date)},'
        f'"trade_currency":{text_or_null(holding.trade_currency)},'
        f'"base_currency":{text_or_null(holding.base_currency or holding.trade_currency)},'
        f'"cost_basis_method":"{holding.method.value}","as_of":{as_of}}}'
    ).encode()


def encode_lot(lot: Lot) -> bytes:
    return (
        f'{{"lot_id":"{lot.lot_id}","acquired_at":"{instant(lot.acquired_at)}",'
        f'"quantity":"{plain(lot.quantity)}","cost":"{plain(lot.cost)}",'
        f'"cost_local":"{plain(lot.cost_local)}"}}'
    ).encode()


class _CurrentPortfolio(msgspec.Struct, omit_defaults=True):
    portfolio_id: str
    base_currency: str
    cost_basis_method: str
    name: str | None
    client_id: str | None
    booking_center: str | None
    opened_on: str | None
    version: int
    as_of: int
    source_topic: str | None = None
    source_partition: int | None = None
    source_offset: int | None = None
    cash_management: str | None = None  # records of earlier versions do not say it


_read_portfolio = msgspec.json.Decoder(_CurrentPortfolio).decode


def encode_portfolio(portfolio: Portfolio, as_of: int, source: Source | None = None) -> bytes:
    """The record in force of a portfolio. Names are free text, so this one is escaped."""
    topic, partition, offset = source or (None, None, None)
    return msgspec.json.encode(
        _CurrentPortfolio(
            portfolio.portfolio_id,
            portfolio.base_currency,
            portfolio.cost_basis_method.value,
            portfolio.name,
            portfolio.client_id,
            portfolio.booking_center,
            None if portfolio.opened_on is None else portfolio.opened_on.isoformat(),
            portfolio.version,
            as_of,
            topic,
            partition,
            offset,
            portfolio.cash_management.value,
        )
    )


def decode_portfolio(value: bytes) -> tuple[Portfolio, Source | None]:
    """What `encode_portfolio` was given."""
    read = _read_portfolio(value)
    portfolio = Portfolio(
        portfolio_id=read.portfolio_id,
        base_currency=read.base_currency,
        cost_basis_method=ReliefMethod(read.cost_basis_method),
        name=read.name,
        client_id=read.client_id,
        booking_center=read.booking_center,
        opened_on=None if read.opened_on is None else date.fromisoformat(read.opened_on),
        version=read.version,
        cash_management=CashManagement(read.cash_management or "securities_only"),
    )
    match read.source_topic, read.source_partition, read.source_offset:
        case str() as topic, int() as partition, int() as offset:
            return portfolio, Source(topic, partition, offset)
        case _:
            return portfolio, None
