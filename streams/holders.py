"""Who holds a security, over the tables of one partition.

    s security portfolio   a holding of it, empty
    c security             a walk: the portfolio up to which it has come

The first is local, and rebuilt from the holdings; it says what they say.
"""

from collections.abc import Iterator
from itertools import islice

import msgspec

from streams import state
from streams.reading import Reader, Record, items_with, keys_with


class _Walk(msgspec.Struct, array_like=True):
    layout: int
    after: str  # empty at the begin


_decode_walk = msgspec.msgpack.Decoder(_Walk).decode


def _walk_key(security_id: str) -> bytes:
    return b"c" + security_id.encode()


def _walks(db: Reader) -> Iterator[tuple[str, str]]:
    for key, value in items_with(db, b"c"):
        yield key[1:].decode(), _decode_walk(value).after


def is_awaiting_walk(snapshot: Reader, portfolio_id: str, security_id: str | None = None) -> bool:
    """Whether a walk has still to meet the holding, or any of the portfolio's."""
    for walked, after in list(_walks(snapshot)):
        if portfolio_id > after and security_id in (None, walked):
            key = state.holder_key(portfolio_id, walked)
            if next(snapshot.keys(key), b"") == key:
                return True
    return False


class StateHolders:
    """A `calculator.Holders`; see there for what each method means."""

    def __init__(self, db: Reader) -> None:
        self._db = db
        self.walks = dict(_walks(db))
        self._put_walks: dict[bytes, bytes | None] = {}

    def of(self, security_id: str, after: str, limit: int) -> list[str]:
        prefix = state.holder_key("", security_id)
        # One zero byte above `after` is the lowest key behind it.
        start = prefix + after.encode() + b"\0" if after else prefix
        keys = islice(keys_with(self._db, prefix, start), limit)
        return [key[len(prefix) :].decode() for key in keys]

    def put_walk(self, security_id: str, after: str) -> None:
        self.walks[security_id] = after
        record = _Walk(state.LAYOUT, after)
        self._put_walks[_walk_key(security_id)] = state.encode_record(record)

    def drop_walk(self, security_id: str) -> None:
        del self.walks[security_id]
        self._put_walks[_walk_key(security_id)] = None

    def collect(self) -> list[Record]:
        """How far the batch came with its walks."""
        records = list(self._put_walks.items())
        self._put_walks.clear()
        return records
