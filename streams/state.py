"""The layout of a partition's state: keys that sort as needed, and what their values hold.

    h portfolio security            holding: terms, totals, cursors, the first open lots
    l portfolio security places     further open lots, PAGE_SIZE a page, by the places of its
                                    first and its last lot in the order of relief
    t portfolio transaction         journal entry: the result JSON (wire.results)
    o portfolio security order      place in the booking order, empty; local, rebuilt from t and x
    x portfolio security order      earlier version of an entry whose effect is still in the lots
    r portfolio security            the holding is not settled, empty
    p portfolio                     portfolio record and how far its holdings were walked
    f w                             exchange rates applied and awaited (streams.rate_uses)
    s c                             who holds a security (streams.holders)
    !                               progress of the partition

Local alone, with the `o`, `f` and `s` keys: how far changelog and results topic were read into the state.
Parts of a key are separated by a zero byte, which no id contains, so all keys of one holding
stand together and in order. Values are msgpack arrays that begin with LAYOUT.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from calculator import (
    CashRole,
    Holding,
    Lot,
    OpenLots,
    Order,
    Place,
    Portfolio,
    ReliefMethod,
    Source,
)
from wire.topics import CHANGELOG

LAYOUT = 5
PROGRESS = b"!"
CHANGELOG_READ = b"!changelog"  # local: offset of the last changelog record in the state
RESULTS_READ = b"!results"  # local: the same of the results topic
WRITTEN_AT = b"!written"  # local: seconds since the epoch of the last write
INLINE_MAX = 48  # lots of a holding without pages
INLINE_BESIDE_PAGES_MAX = 24  # lots of one with pages
PAGE_SIZE = 8

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Shifts every instant that Python can hold above zero, so that big-endian bytes sort by time.
_SHIFT = 1 << 62
_place = struct.Struct(">QB")
_moment = struct.Struct(">Q")
# Unit costs stay below 10^26 and are counted in steps of 10^-12.
_RANK_BYTES, _RANK_SHIFT = 17, 1 << 130
_INVERTED = bytes(255 - byte for byte in range(256))


class LayoutError(Exception):
    """The state was written by a version of this program that lays it out in another way."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"the state has layout {found}, this program reads {LAYOUT}. Run the version that "
            f"wrote it; or stop all workers and delete the topic {CHANGELOG.name}: the books are "
            "then made anew from the input topics"
        )


def holding_key(portfolio_id: str, security_id: str, kind: bytes = b"h") -> bytes:
    return b"%b%b\0%b" % (kind, portfolio_id.encode(), security_id.encode())


def holder_key(portfolio_id: str, security_id: str) -> bytes:
    return b"s%b\0%b" % (security_id.encode(), portfolio_id.encode())


def portfolio_prefix(portfolio_id: str, kind: bytes = b"h") -> bytes:
    return b"%b%b\0" % (kind, portfolio_id.encode())


def entry_key(portfolio_id: str, transaction_id: str) -> bytes:
    return b"t%b\0%b" % (portfolio_id.encode(), transaction_id.encode())


def portfolio_key(portfolio_id: str) -> bytes:
    return b"p" + portfolio_id.encode()


def page_prefix(portfolio_id: str, security_id: str) -> bytes:
    return holding_key(portfolio_id, security_id, b"l") + b"\0"


def encode_place(method: ReliefMethod, place: Place) -> bytes:
    """Bytes that sort in the order of relief, whatever follows them."""
    rank, (acquired_at, lot_id) = place
    since = (acquired_at - _EPOCH) // _MICROSECOND
    age = _moment.pack(since + _SHIFT) + lot_id.encode() + b"\0"
    if method.newest_first:
        return age.translate(_INVERTED)
    if method.by_unit_cost:
        return (rank + _RANK_SHIFT).to_bytes(_RANK_BYTES, "big") + age
    return age


def decode_places(method: ReliefMethod, encoded: bytes) -> list[Place]:
    """Any number of them in a row."""
    places, at = [], 0
    if method.newest_first:
        encoded = encoded.translate(_INVERTED)
    while at < len(encoded):
        rank = 0
        if method.by_unit_cost:
            rank = int.from_bytes(encoded[at : at + _RANK_BYTES], "big") - _RANK_SHIFT
            at += _RANK_BYTES
        (since,) = _moment.unpack_from(encoded, at)
        at += _moment.size
        end = encoded.index(b"\0", at)
        acquired_at = _EPOCH + timedelta(microseconds=since - _SHIFT)
        places.append((rank, (acquired_at, encoded[at:end].decode())))
        at = end + 1
    return places


def ids_of(key: bytes) -> tuple[str, str]:
    """(portfolio_id, second id) of any key of two parts or more."""
    portfolio_id, second = key[1:].split(b"\0", 2)[:2]
    return portfolio_id.decode(), second.decode()


def encode_order(order: Order) -> bytes:
    moment, booking_class, transaction_id = order
    since = (moment - _EPOCH) // _MICROSECOND
    # The lowest order of all has class -1, which sorts below every real one.
    return _place.pack(since + _SHIFT, booking_class + 1) + transaction_id.encode()


def decode_order(place: bytes) -> Order:
    since, booking_class = _place.unpack_from(place)
    moment = _EPOCH + timedelta(microseconds=since - _SHIFT)
    return moment, booking_class - 1, place[_place.size :].decode()


class _Versioned(msgspec.Struct, array_like=True):
    layout: int  # whatever follows it


_decode_versioned = msgspec.msgpack.Decoder(_Versioned).decode


def _check_layout(value: bytes) -> None:
    found = _decode_versioned(value).layout
    if found != LAYOUT:
        raise LayoutError(found)


class _HoldingRecord(msgspec.Struct, array_like=True):
    layout: int
    as_of: int
    method: str
    base_currency: str | None
    trade_currency: str | None
    quantity: Decimal
    cost: Decimal
    cost_local: Decimal
    realized_gain_loss: Decimal
    realized_gain_loss_local: Decimal
    journalled: int
    booked: int
    increases: int
    first_transaction_date: datetime | None
    last_transaction_date: datetime | None
    last: Order | None
    rebook_from: Order | None
    booked_below: Order | None
    last_booked_below: Order | None
    paged: "Paged | None"
    lots: list[msgspec.Raw]
    # Only where cash is kept.
    role: str = CashRole.NONE.value
    generated: int = 0


class Paged(NamedTuple):
    """What the pages of a holding add up to."""

    lots: int = 0
    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    cost_local: Decimal = Decimal(0)


NOT_PAGED = Paged()

_LotRecord = tuple[str, datetime, Decimal, Decimal, Decimal, Decimal]
_encode = msgspec.msgpack.Encoder().encode
_decode_holding = msgspec.msgpack.Decoder(_HoldingRecord).decode
_decode_lot = msgspec.msgpack.Decoder(_LotRecord).decode
_decode_page = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_ZERO = Decimal(0)
_METHODS = {method.value: method for method in ReliefMethod}
_ROLES = {role.value: role for role in CashRole}
_NO_ROLE = CashRole.NONE


def encoded_lot(lot: Lot) -> msgspec.Raw:
    """The lot's record, made once in the life of the lot."""
    encoded = lot.encoded
    if encoded is None:
        record = _encode(
            (lot.lot_id, lot.acquired_at, lot.quantity, lot.cost_local, lot.cost, lot.unit_cost)
        )
        encoded = msgspec.Raw(record)
        object.__setattr__(lot, "encoded", encoded)
    assert isinstance(encoded, msgspec.Raw)
    return encoded


def decoded_lot(record: msgspec.Raw) -> Lot:
    lot_id, acquired_at, quantity, cost_local, cost, unit_cost = _decode_lot(record)
    kept = msgspec.Raw(bytes(record))  # not a view of the whole holding's record
    # Hundreds of thousands of lots are kept. In most of them these are the same number, and where
    # no method asks for the unit cost it is zero in all.
    if cost_local == cost:
        cost_local = cost
    return Lot(lot_id, acquired_at, quantity, cost_local, cost, unit_cost or _ZERO, kept)


def encode_page(lots: Sequence[Lot]) -> bytes:
    return _encode([encoded_lot(lot) for lot in lots])


def decode_page(value: bytes) -> list[Lot]:
    return [decoded_lot(record) for record in _decode_page(value)]


def encode_holding(holding: Holding, as_of: int, paged: Paged) -> bytes:
    """The lots at hand go into the record, `paged` says what the others are."""
    record: tuple[object, ...] = (
        LAYOUT,
        as_of,
        holding.method.value,
        holding.base_currency,
        holding.trade_currency,
        holding.quantity,
        holding.cost,
        holding.cost_local,
        holding.realized_gain_loss,
        holding.realized_gain_loss_local,
        holding.journalled,
        holding.booked,
        holding.increases,
        holding.first_transaction_date,
        holding.last_transaction_date,
        holding.last,
        holding.rebook_from,
        holding.booked_below,
        holding.last_booked_below,
        paged if paged.lots else None,
        # Most have it, and a call for each would be half of what the record takes.
        [lot.encoded or encoded_lot(lot) for lot in holding.lots.at_hand],
    )
    if holding.role is not _NO_ROLE or holding.generated:
        record += (holding.role.value, holding.generated)
    return _encode(record)


class StoredHolding(NamedTuple):
    """A holding as it was read, with its inline lots; its pages are still to be read."""

    holding: Holding
    as_of: int
    paged: Paged


def decode_holding(
    portfolio_id: str, security_id: str, value: bytes, *, with_lots: bool = True
) -> StoredHolding:
    _check_layout(value)
    record = _decode_holding(value)
    holding = Holding(
        portfolio_id,
        security_id,
        _METHODS[record.method],
        record.base_currency,
        _ROLES[record.role],
    )
    holding.generated = record.generated
    holding.trade_currency = record.trade_currency
    holding.quantity = record.quantity
    holding.cost, holding.cost_local = record.cost, record.cost_local
    holding.realized_gain_loss = record.realized_gain_loss
    holding.realized_gain_loss_local = record.realized_gain_loss_local
    holding.journalled, holding.booked = record.journalled, record.booked
    holding.increases = record.increases
    holding.first_transaction_date = record.first_transaction_date
    holding.last_transaction_date = record.last_transaction_date
    holding.last_booked_below = record.last_booked_below
    holding.last = record.last
    holding.rebook_from, holding.booked_below = record.rebook_from, record.booked_below
    if with_lots:
        holding.lots = OpenLots(holding.method, map(decoded_lot, record.lots))
    return StoredHolding(holding, record.as_of, record.paged or NOT_PAGED)


class PortfolioRecord(msgspec.Struct, array_like=True):
    """A portfolio record in force. `walk` is the security up to which the portfolio's holdings
    were met after its terms changed; None when all were. `source` is where it came from; versions
    before this field did not keep it."""

    layout: int
    as_of: int
    portfolio: Portfolio
    walk: str | None
    source: Source | None = None


class Progress(msgspec.Struct, array_like=True):
    """How far a partition is: everything below `next_offsets` is in the state."""

    layout: int = LAYOUT
    as_of: int = 0  # of the last batch
    default_method: str = ""
    next_offsets: tuple[int, int, int] = (0, 0, 0)  # of wire.topics.INPUTS, in that order
    # Records of raw_transactions and raw_transactions_forwarded; `read` is the sum of the rest.
    read: int = 0
    booked: int = 0
    duplicate: int = 0
    superseded: int = 0
    forwarded: int = 0
    dead: int = 0
    fx_rates: int = 0  # next offset of that topic; what rates before it change is booked, or walked
    fx_max_age_days: int = 0
    fx_cross_currency: str | None = None
    # Offset in the results topic from which results are entries of the journal; those before are
    # of a life whose changelog was deleted.
    results_since: int = 0
    instruments: int = 0  # next offset of that topic; what became cash before it is met, or walked


encode_record = _encode
_decode_portfolio = msgspec.msgpack.Decoder(PortfolioRecord).decode
_decode_progress = msgspec.msgpack.Decoder(Progress).decode


def decode_portfolio_record(value: bytes) -> PortfolioRecord:
    _check_layout(value)
    return _decode_portfolio(value)


def decode_progress(value: bytes | None) -> Progress:
    if value is None:
        return Progress()
    _check_layout(value)
    return _decode_progress(value)
