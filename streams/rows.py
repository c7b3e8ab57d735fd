"""From the records of the results topics to the rows of PostgreSQL, as COPY text.

Numbers and instants stay the text they came as: nothing is parsed that PostgreSQL parses anyway.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from calculator import CashManagement, Source, Status
from streams.step import AS_OF, ERRORS, SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC, bounded
from wire.topics import COMPLETED, DEAD_LETTER, PORTFOLIOS_CURRENT, POSITIONS

FIRST = "first"  # header of a result whose transaction had none before
NULL = "\\N"
_BACKSLASH = ord("\\")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Letter(Protocol):
    """What is kept of a record that was refused, named as aiokafka names it."""

    @property
    def timestamp(self) -> int: ...  # milliseconds since 1970; -1: it has none
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class Record(Letter, Protocol):
    """What is read of a record of the results topics."""

    @property
    def topic(self) -> str: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@dataclass(slots=True)
class Rows:
    """What a batch of records does to the tables: each a text for COPY, without a row twice.

    The new ones belong to transactions that had no result before.
    """

    new_transactions: bytes = b""
    new_disposals: bytes = b""
    transactions: bytes = b""
    disposals: bytes = b""
    positions: bytes = b""
    removed_positions: list[tuple[str, str]] = field(default_factory=list)
    removed_transactions: list[tuple[str, str]] = field(default_factory=list)
    portfolios: bytes = b""
    dead_letters: bytes = b""


# The fields of the records, in the order in which they are written: the fastest to read. They
# hold no references in circles, so the collector need not know them.
class _Disposal(msgspec.Struct, gc=False):
    lot_id: str
    acquired_at: str
    quantity: str
    cost: str
    cost_local: str
    proceeds: str | None
    proceeds_local: str | None
    realized_gain_loss: str | None
    realized_gain_loss_local: str | None


class _Result(msgspec.Struct, gc=False, kw_only=True):
    transaction_id: str
    portfolio_id: str
    security_id: str | None
    instrument_id: str | None
    transaction_type: str
    transaction_date: str | None
    settlement_date: str | None
    quantity: str | None
    price: str | None
    gross_transaction_amount: str | None
    trade_fee: str | None
    trade_currency: str | None
    currency: str | None
    fx_rate: str | None
    version: int
    status: str
    reason: str | None
    detail: str | None
    base_currency: str | None
    applied_fx_rate: str | None = None  # results of versions before this field have none
    gross_cost: str | None
    net_cost: str | None
    realized_gain_loss: str | None
    gross_cost_local: str | None
    net_cost_local: str | None
    realized_gain_loss_local: str | None
    cash_movement: str | None = None  # results of earlier versions have neither
    cause_transaction_id: str | None = None
    disposals: list[_Disposal]
    source_topic: str
    source_partition: int
    source_offset: int
    as_of: int


class _Position(msgspec.Struct, gc=False):
    portfolio_id: str
    security_id: str
    quantity: str
    cost: str
    cost_local: str
    realized_gain_loss: str
    realized_gain_loss_local: str
    open_lots: int
    first_transaction_date: str | None
    last_transaction_date: str | None
    trade_currency: str | None
    base_currency: str | None
    cost_basis_method: str
    as_of: int


class _Portfolio(msgspec.Struct, gc=False):
    portfolio_id: str
    base_currency: str
    cost_basis_method: str
    name: str | None
    client_id: str | None
    booking_center: str | None
    opened_on: str | None
    version: int
    as_of: int
    cash_management: str = CashManagement.SECURITIES_ONLY.value  # as records of earlier versions


_decode_result = msgspec.json.Decoder(_Result).decode
_decode_position = msgspec.json.Decoder(_Position).decode
_decode_portfolio = msgspec.json.Decoder(_Portfolio).decode

# Where a row begins with its key, sorted text is in the order of the primary key, and PostgreSQL
# goes once along the index instead of to and fro: it saves an eighth of its work.
TRANSACTION_COLUMNS = (
    *("portfolio_id", "transaction_id"),
    *(name for name in _Result.__struct_fields__[2:] if name != "disposals"),
)
DISPOSAL_COLUMNS = (
    *("portfolio_id", "transaction_id", "security_id", "disposed_at"),
    *_Disposal.__struct_fields__,
    "as_of",
)
POSITION_COLUMNS = _Position.__struct_fields__
PORTFOLIO_COLUMNS = _Portfolio.__struct_fields__
DEAD_LETTER_COLUMNS = (
    *("topic", "partition", '"offset"'),
    *("key", "value", "errors", "received_at", "as_of"),
)


def gather(records: Iterable[Record]) -> Rows:
    """The rows of records in the order of their partitions; of one row the last word counts.

    A record that cannot be read raises: only workers write these topics.
    """
    new: dict[tuple[str, str], _Lines] = {}
    changed: dict[tuple[str, str], _Lines] = {}
    removed: dict[tuple[str, str], None] = {}
    positions: dict[bytes | None, bytes | None] = {}
    portfolios: dict[bytes | None, bytes | None] = {}
    dead_letters: list[str] = []
    for record in records:
        topic = record.topic
        if topic == COMPLETED.name:
            identity, lines = _result_lines(_given(record.value))
            if lines is None:
                new.pop(identity, None)
                changed.pop(identity, None)
                removed[identity] = None
                continue
            removed.pop(identity, None)
            # A later result of a transaction that is new in this very batch is part of the news.
            is_new = identity in new or (_is_first(record.headers) and identity not in changed)
            (new if is_new else changed)[identity] = lines
        elif topic == POSITIONS.name:
            positions[record.key] = record.value
        elif topic == PORTFOLIOS_CURRENT.name:
            portfolios[record.key] = record.value
        else:
            assert topic == DEAD_LETTER.name, topic
            dead_letters.append(_dead_letter_line(record))
    return Rows(
        new_transactions=_sorted(line for line, _ in new.values()),
        new_disposals=_sorted(line for _, line in new.values()),
        transactions=_sorted(line for line, _ in changed.values()),
        disposals=_sorted(line for _, line in changed.values()),
        positions=_sorted(_position_line(v) for v in positions.values() if v is not None),
        removed_positions=[_holding(key) for key, value in positions.items() if value is None],
        removed_transactions=list(removed),
        portfolios=_sorted(_portfolio_line(_given(value)) for value in portfolios.values()),
        dead_letters=_sorted(dead_letters),
    )


_Lines = tuple[str, str]  # of a transaction, of its disposals


def _sorted(lines: Iterable[str]) -> bytes:
    return "".join(sorted(lines)).encode()


def _given(value: bytes | None) -> bytes:
    assert value is not None, "a tombstone in a topic that has none"
    return value


def _is_first(headers: Sequence[tuple[str, bytes]]) -> bool:
    # Most results have no header, and no result has two.
    return bool(headers) and headers[0][0] == FIRST


def _holding(key: bytes | None) -> tuple[str, str]:
    portfolio_id, bar, security_id = _given(key).decode().partition("|")
    assert bar, key
    return portfolio_id, security_id


def _escape(row: msgspec.Struct) -> None:
    for name in row.__struct_fields__:
        text = getattr(row, name)
        if isinstance(text, str):
            setattr(row, name, text.translate(_ESCAPES))


# What COPY wants escaped is what JSON wants escaped: where the JSON has no backslash, as nearly
# always, the texts can be taken as they are. Only free texts may be empty, so that for the others
# `or` tells null.


def _result_lines(value: bytes) -> tuple[tuple[str, str], _Lines | None]:
    """None of a cash entry that is gone. Whether there ever was one depends on the order in which
    events came, and tables show the same whatever the order."""
    r = _decode_result(value)
    identity = r.portfolio_id, r.transaction_id
    if r.cause_transaction_id is not None and r.status == Status.CANCELLED:
        return identity, None
    if _BACKSLASH in value:
        _escape(r)
        for disposal in r.disposals:
            _escape(disposal)
    n = NULL
    line = (
        f"{r.portfolio_id}\t{r.transaction_id}\t{r.security_id or n}\t{r.instrument_id or n}\t"
        f"{r.transaction_type}\t{r.transaction_date or n}\t{r.settlement_date or n}\t"
        f"{r.quantity or n}\t{r.price or n}\t{r.gross_transaction_amount or n}\t"
        f"{r.trade_fee or n}\t{r.trade_currency or n}\t{r.currency or n}\t{r.fx_rate or n}\t"
        f"{r.version}\t{r.status}\t{r.reason or n}\t{n if r.detail is None else r.detail}\t"
        f"{r.base_currency or n}\t{r.applied_fx_rate or n}\t{r.gross_cost or n}\t"
        f"{r.net_cost or n}\t{r.realized_gain_loss or n}\t"
        f"{r.gross_cost_local or n}\t{r.net_cost_local or n}\t"
        f"{r.realized_gain_loss_local or n}\t{r.cash_movement or n}\t"
        f"{r.cause_transaction_id or n}\t{r.source_topic}\t{r.source_partition}\t"
        f"{r.source_offset}\t{r.as_of}\n"
    )
    if not r.disposals:
        return identity, (line, "")
    head = f"{r.portfolio_id}\t{r.transaction_id}\t{r.security_id}\t{r.transaction_date}\t"
    disposals = [
        f"{head}{d.lot_id}\t{d.acquired_at}\t{d.quantity}\t{d.cost}\t{d.cost_local}\t"
        f"{d.proceeds or n}\t{d.proceeds_local or n}\t{d.realized_gain_loss or n}\t"
        f"{d.realized_gain_loss_local or n}\t{r.as_of}\n"
        for d in r.disposals
    ]
    return identity, (line, "".join(disposals))


def _position_line(value: bytes) -> str:
    p = _decode_position(value)
    if _BACKSLASH in value:
        _escape(p)
    n = NULL
    return (
        f"{p.portfolio_id}\t{p.security_id}\t{p.quantity}\t{p.cost}\t{p.cost_local}\t"
        f"{p.realized_gain_loss}\t{p.realized_gain_loss_local}\t{p.open_lots}\t"
        f"{p.first_transaction_date or n}\t{p.last_transaction_date or n}\t"
        f"{p.trade_currency or n}\t{p.base_currency or n}\t{p.cost_basis_method}\t{p.as_of}\n"
    )


def _portfolio_line(value: bytes) -> str:
    p = _decode_portfolio(value)
    if _BACKSLASH in value:
        _escape(p)
    n = NULL
    return (
        f"{p.portfolio_id}\t{p.base_currency}\t{p.cost_basis_method}\t"
        f"{n if p.name is None else p.name}\t{n if p.client_id is None else p.client_id}\t"
        f"{n if p.booking_center is None else p.booking_center}\t{p.opened_on or n}\t"
        f"{p.version}\t{p.as_of}\t{p.cash_management}\n"
    )


def _dead_letter_line(record: Record) -> str:
    # Our headers are the last of their names: the record may have been a dead letter before.
    headers = dict(record.headers)
    source = Source(
        headers[SOURCE_TOPIC].decode(), int(headers[SOURCE_PARTITION]), int(headers[SOURCE_OFFSET])
    )
    # Letters of earlier versions do not say it.
    as_of = int(headers[AS_OF]) if AS_OF in headers else None
    return letter_line(source, record, headers[ERRORS], as_of)


def letter_line(source: Source, record: Letter, errors: bytes, as_of: int | None) -> str:
    """The row of `dead_letters` about the record that came in at `source`."""
    received_at = _EPOCH + timedelta(milliseconds=max(0, record.timestamp))
    return (
        f"{source.topic.translate(_ESCAPES)}\t{source.partition}\t{source.offset}\t"
        f"{_bytea(bounded(record.key))}\t{_bytea(bounded(record.value))}\t"
        f"{errors.decode().translate(_ESCAPES)}\t{received_at.isoformat()}\t"
        f"{NULL if as_of is None else as_of}\n"
    )


def copy_text(text: str) -> str:
    """The text as COPY wants it."""
    return text.translate(_ESCAPES)


def _bytea(value: bytes | None) -> str:
    return NULL if value is None else f"\\\\x{value.hex()}"
