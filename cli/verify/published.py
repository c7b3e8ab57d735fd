"""What the workers published of one partition: the last word on everything, as rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

from calculator import CashManagement, Status, cause_of
from cli.groups import Place
from cli.verify.inputs import Identity
from cli.verify.reading import place_of, read
from cli.verify.report import Report, Row
from wire.broker import Broker
from wire.topics import COMPLETED, PORTFOLIOS_CURRENT, POSITIONS

Key = TypeVar("Key")
TOPICS = (COMPLETED, POSITIONS, PORTFOLIOS_CURRENT)


class _Head(msgspec.Struct):
    """As much of a result as its place among the others needs."""

    portfolio_id: str
    transaction_id: str
    status: str
    as_of: int

    @property
    def is_gone(self) -> bool:
        """Of a cash entry that stands no more; whether there ever was one is not of the books."""
        return self.status == Status.CANCELLED and cause_of(self.transaction_id) is not None


class _Disposal(msgspec.Struct):
    """The columns of rows.DISPOSAL."""

    lot_id: str
    acquired_at: datetime
    quantity: Decimal
    cost: Decimal
    cost_local: Decimal
    proceeds: Decimal | None
    proceeds_local: Decimal | None
    realized_gain_loss: Decimal | None
    realized_gain_loss_local: Decimal | None


class Result(msgspec.Struct, kw_only=True):
    """The columns of rows.CONTENT, OUTCOME and SOURCE, then as_of; also what a live answer holds."""

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
    status: str
    reason: str | None
    detail: str | None
    base_currency: str | None
    applied_fx_rate: Decimal | None = None
    gross_cost: Decimal | None
    net_cost: Decimal | None
    realized_gain_loss: Decimal | None
    gross_cost_local: Decimal | None
    net_cost_local: Decimal | None
    realized_gain_loss_local: Decimal | None
    cash_movement: Decimal | None = None  # results of earlier versions have neither
    cause_transaction_id: str | None = None
    source_topic: str
    source_partition: int
    source_offset: int
    as_of: int
    disposals: list[_Disposal]

    def row(self) -> tuple[Row, tuple[Row, ...]]:
        """The columns, and the disposals apart."""
        *row, disposals = msgspec.structs.astuple(self)
        return tuple(row), tuple(map(msgspec.structs.astuple, disposals))


class Position(msgspec.Struct):
    """The columns of rows.POSITION, then as_of; also what a live answer holds."""

    quantity: Decimal
    cost: Decimal
    cost_local: Decimal
    realized_gain_loss: Decimal
    realized_gain_loss_local: Decimal
    open_lots: int
    first_transaction_date: datetime | None
    last_transaction_date: datetime | None
    trade_currency: str | None
    base_currency: str | None
    cost_basis_method: str
    as_of: int


class _Portfolio(msgspec.Struct, kw_only=True):
    """The columns of rows.PORTFOLIO, then as_of."""

    base_currency: str
    cost_basis_method: str
    name: str | None
    client_id: str | None
    booking_center: str | None
    opened_on: date | None
    version: int
    cash_management: str = CashManagement.SECURITIES_ONLY.value  # as records of earlier versions
    as_of: int


_head = msgspec.json.Decoder(_Head).decode
_result = msgspec.json.Decoder(Result).decode
_position = msgspec.json.Decoder(Position).decode
_portfolio = msgspec.json.Decoder(_Portfolio).decode


@dataclass(slots=True)
class Published:
    """The newest record of each key, as it came; decoded where it is looked at."""

    results: dict[Identity, bytes] = field(default_factory=dict)
    positions: dict[tuple[str, str], bytes] = field(default_factory=dict)
    portfolios: dict[str, bytes] = field(default_factory=dict)

    def result(self, identity: Identity) -> tuple[Row, tuple[Row, ...]] | None:
        """The result and its disposals."""
        value = self.results.get(identity)
        return None if value is None else _result(value).row()

    def position(self, holding: tuple[str, str]) -> Row:
        return msgspec.structs.astuple(_position(self.positions[holding]))

    def portfolio(self, portfolio_id: str) -> Row:
        return msgspec.structs.astuple(_portfolio(self.portfolios[portfolio_id]))


def read_published(
    broker: Broker, ends: Mapping[Place, int], partition: int, report: Report
) -> Published:
    """Read the result topics of one partition. as_of of a transaction must only ever grow."""
    published = Published()
    newest: dict[Identity, int] = {}
    here = {(t.name, partition): ends[t.name, partition] for t in TOPICS}
    for message in read(broker, here):
        (topic, _), _ = place_of(message)
        key, value = message.key(), message.value()
        assert isinstance(key, bytes), "what workers write has a key"
        if topic == COMPLETED.name:
            assert value is not None, "a result is never removed"
            head = _head(value)
            identity = head.portfolio_id, head.transaction_id
            if head.as_of <= newest.get(identity, -1):
                place = f"topic {topic}"
                report.add(place, identity, "as_of", f"above {newest[identity]}", head.as_of)
            newest[identity] = head.as_of
            _put(published.results, identity, None if head.is_gone else value)
        elif topic == POSITIONS.name:
            portfolio_id, _, security_id = key.decode().partition("|")
            _put(published.positions, (portfolio_id, security_id), value)
        else:
            _put(published.portfolios, key.decode(), value)
    return published


def _put(newest: dict[Key, bytes], key: Key, value: bytes | None) -> None:
    """As compaction would leave it."""
    if value is None:
        newest.pop(key, None)
    else:
        newest[key] = value
