"""What the books read of a state, wherever it is kept."""

from collections.abc import Iterator
from typing import Any, Protocol

Record = tuple[bytes, bytes | None]  # key, value; a value of None removes the key


class Reader(Protocol):
    """A state: of RocksDB a database, or a snapshot of one."""

    def get(self, key: Any) -> Any: ...
    def items(self, from_key: bytes) -> Iterator[tuple[bytes, bytes]]: ...
    def keys(self, from_key: bytes, *, backwards: bool = False) -> Iterator[bytes]: ...


def keys_with(db: Reader, prefix: bytes, from_key: bytes | None = None) -> Iterator[bytes]:
    """Keys that begin with the prefix, in order."""
    for key in db.keys(from_key or prefix):
        if not key.startswith(prefix):
            return
        yield key


def items_with(db: Reader, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Likewise with their values."""
    for key, value in db.items(prefix):
        if not key.startswith(prefix):
            return
        yield key, value
