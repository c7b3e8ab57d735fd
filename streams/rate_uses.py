"""The index of exchange rates applied and awaited, over the tables of one partition.

    f pair day portfolio security order   a use: the rate, empty where it is awaited
    w pair day                            a walk: the use up to which it has come

The first is local, and rebuilt from results; it says what they say. Pair and day have a fixed
length, so all uses of a day stand together and in order.
"""

from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal

import msgspec

from calculator import Pair, RateUse, plain
from streams import state
from streams.reading import Reader, Record, items_with

_PAIR, _DAY = 6, 4  # bytes
_HEAD = 1 + _PAIR + _DAY


class _Walk(msgspec.Struct, array_like=True):
    layout: int
    after: bytes  # what a use's key has behind the day; empty at the begin


_decode_walk = msgspec.msgpack.Decoder(_Walk).decode


def head(pair: Pair, day: date, kind: bytes = b"f") -> bytes:
    """The key of a walk, or what the keys of all uses of that day begin with."""
    return b"%b%b%b" % (kind, "".join(pair).encode(), day.toordinal().to_bytes(_DAY, "big"))


def use_key(pair: Pair, use: RateUse) -> bytes:
    return head(pair, use.day) + _tail(use)


def use_value(rate: Decimal | None) -> bytes:
    return b"" if rate is None else plain(rate).encode()


def _tail(use: RateUse) -> bytes:
    ids = f"{use.portfolio_id}\0{use.security_id}\0".encode()
    return ids + state.encode_order(use.order)


def _use(tail: bytes) -> RateUse:
    portfolio_id, security_id, order = tail.split(b"\0", 2)
    return RateUse(portfolio_id.decode(), security_id.decode(), state.decode_order(order))


def _pair(key: bytes) -> Pair:
    text = key[1 : 1 + _PAIR].decode()
    return text[:3], text[3:]


def _day(key: bytes) -> date:
    return date.fromordinal(int.from_bytes(key[_HEAD - _DAY : _HEAD], "big"))


def is_awaiting_walk(snapshot: Reader, portfolio_id: str, security_id: str | None = None) -> bool:
    """Whether a walk has still to meet uses of the holding, or of any of the portfolio's."""
    whose = portfolio_id.encode() + b"\0"
    if security_id is not None:
        whose += security_id.encode() + b"\0"
    for key, after in [
        (key, _decode_walk(value).after) for key, value in items_with(snapshot, b"w")
    ]:
        prefix = b"f" + key[1:] + whose
        first = max(prefix, b"f" + key[1:] + after + b"\0")
        if next(snapshot.keys(first), b"").startswith(prefix):
            return True
    return False


class StateRateUses:
    """A `calculator.RateUses`; see there for what each method means.

    Uses that are new since the last `collect` are not found before it: they have the rate that is
    in force, and there is nothing to compare.
    """

    def __init__(self, db: Reader) -> None:
        self._db = db
        self._pairs = set(self._stored_pairs())
        self.walks: dict[tuple[Pair, date], RateUse | None] = {}
        for key, value in items_with(db, b"w"):
            after = _decode_walk(value).after
            self.walks[_pair(key), _day(key)] = _use(after) if after else None
        self._begin()

    def _begin(self) -> None:
        self._put: dict[bytes, bytes | None] = {}
        self._put_walks: dict[bytes, bytes | None] = {}

    def _stored_pairs(self) -> Iterator[Pair]:
        """Skips from each pair to the next."""
        key = next(self._db.keys(b"f"), b"")
        while key[:1] == b"f":
            yield _pair(key)
            key = next(self._db.keys(key[: 1 + _PAIR] + b"\xff"), b"")

    @property
    def pairs(self) -> Collection[Pair]:
        return self._pairs

    def put(self, pair: Pair, use: RateUse, rate: Decimal | None) -> None:
        self._pairs.add(pair)
        self._put[use_key(pair, use)] = use_value(rate)

    def drop(self, pair: Pair, use: RateUse) -> None:
        self._put[use_key(pair, use)] = None

    def next_day(self, pair: Pair, first: date) -> date | None:
        start = head(pair, first)
        key = next(self._db.keys(start), b"")
        return _day(key) if key[: 1 + _PAIR] == start[: 1 + _PAIR] else None

    def of(
        self, pair: Pair, day: date, after: RateUse | None, limit: int
    ) -> list[tuple[RateUse, Decimal | None]]:
        prefix = head(pair, day)
        start = prefix if after is None else prefix + _tail(after) + b"\0"
        found: list[tuple[RateUse, Decimal | None]] = []
        for key, stored in self._db.items(start):
            if not key.startswith(prefix) or len(found) == limit:
                break
            value = self._put.get(key, stored)
            if value is not None:
                rate = Decimal(value.decode()) if value else None
                found.append((_use(key[_HEAD:]), rate))
        return found

    def put_walk(self, pair: Pair, day: date, after: RateUse | None) -> None:
        self.walks[pair, day] = after
        record = _Walk(state.LAYOUT, b"" if after is None else _tail(after))
        self._put_walks[head(pair, day, b"w")] = state.encode_record(record)

    def drop_walk(self, pair: Pair, day: date) -> None:
        del self.walks[pair, day]
        self._put_walks[head(pair, day, b"w")] = None

    def collect(self) -> tuple[list[Record], list[Record]]:
        """What the batch changed: uses, which are local, and walks."""
        records = list(self._put.items()), list(self._put_walks.items())
        self._begin()
        return records
