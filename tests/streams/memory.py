"""A table in memory: what the booking step reads and writes, without RocksDB."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class MemoryTable:
    """Keys in order; `write` is all or nothing, as one call that cannot fail."""

    def __init__(self, values: dict[bytes, bytes] | None = None) -> None:
        self.values = {} if values is None else values
        self._keys: list[bytes] | None = None  # sorted, until a key comes or goes

    def get(self, key: bytes | list[bytes]) -> bytes | list[bytes | None] | None:
        if isinstance(key, list):
            return [self.values.get(one) for one in key]
        return self.values.get(key)

    def write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        for key, value in records:
            if (value is None) == (key in self.values):
                self._keys = None
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value

    def offset(self, key: bytes) -> int | None:
        value = self.values.get(key)
        return None if value is None else int(value)

    def keys(self, from_key: bytes, *, backwards: bool = False) -> Iterator[bytes]:
        if self._keys is None:
            self._keys = sorted(self.values)
        keys = self._keys
        if backwards:
            return iter(keys[: bisect_right(keys, from_key)][::-1])
        return iter(keys[bisect_left(keys, from_key) :])

    def items(self, from_key: bytes) -> Iterator[tuple[bytes, bytes]]:
        return ((key, self.values[key]) for key in self.keys(from_key))

    def snapshot(self) -> "MemoryTable":
        return MemoryTable(dict(self.values))

    def close(self) -> None:
        """Nothing to give back."""
