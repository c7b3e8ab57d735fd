"""The RocksDB of each partition: opening, atomic writes, snapshots, and when to start it anew."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rocksdict
import structlog
from faust import stores
from faust.stores import rocksdb

from streams import state

log = structlog.get_logger(__name__)
# Tombstones live for seven days in the changelog. A state that slept longer than this could keep
# what was deleted meanwhile.
REST_SECONDS_MAX = 3 * 24 * 3600
# An answer that is being read from a snapshot keeps the table open a moment longer.
READER_SECONDS_MAX = 2.0
MEGABYTE = 1024 * 1024
_BUDGET, _BUFFERS = 128, 96  # MB: what is written and not in files yet, and of it full buffers
_CONDEMNED = "condemned"
_LOCKED = "/LOCK: "  # in what RocksDB says where somebody has the table open
_CORRUPTION = "Corruption: "  # likewise, where a checksum or a file is not as it was written


def is_corruption(error: BaseException) -> bool:
    """Whether RocksDB says that it cannot read what it wrote."""
    return _CORRUPTION in str(error)


class Readable:
    """What a table and its snapshots have in common. Where something turns out unreadable, the
    next start rebuilds the state from the logs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _cursor(self) -> rocksdict.RdictIter:
        raise NotImplementedError

    @contextmanager
    def _condemned_if_corrupt(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if is_corruption(error):
                (self._path / _CONDEMNED).touch()
            raise

    def items(self, from_key: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys from there on, in order, with their values."""
        return ((at.key(), at.value()) for at in self._places(from_key))

    def keys(self, from_key: bytes, *, backwards: bool = False) -> Iterator[bytes]:
        """Keys from there on, in order; or those up to there, the highest first."""
        return (at.key() for at in self._places(from_key, backwards=backwards))

    def _places(self, from_key: bytes, *, backwards: bool = False) -> Iterator[Any]:
        # The client's own iterators end at an unreadable block as if the table ended there.
        cursor = self._cursor()
        seek, step = (
            (cursor.seek_for_prev, cursor.prev) if backwards else (cursor.seek, cursor.next)
        )
        seek(from_key)
        while cursor.valid():
            yield cursor
            step()
        with self._condemned_if_corrupt():
            cursor.status()  # raises where it was not the end


class Table(Readable):
    """The state of one partition. Reads see the last write, snapshots one write for good."""

    def __init__(self, db: rocksdict.Rdict, path: Path) -> None:
        super().__init__(path)
        self._db = db

    def _cursor(self) -> rocksdict.RdictIter:
        return self._db.iter()

    def get(self, key: Any) -> Any:
        """The value of a key, None where there is none; or those of a list of keys."""
        with self._condemned_if_corrupt():
            return self._db.get(key)

    def write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """All of the records or none."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in records:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(state.WRITTEN_AT, b"%d" % time.time())
        with self._condemned_if_corrupt():
            self._db.write(batch)

    def snapshot(self) -> "Snapshot":
        return Snapshot(self._db.iter(), self._path)

    def offset(self, key: bytes) -> int | None:
        """A Kafka offset kept under a local key."""
        value = self.get(key)
        return None if value is None else int(value)

    def close(self) -> None:
        self._db.close()


class Snapshot(Readable):
    """One moment of a partition's state, readable while later batches are written.

    A cursor of RocksDB stays at the moment it was made, wherever it is moved to. The client's own
    snapshots do not: their scans show what was written since. So all is read by one cursor.
    """

    def __init__(self, cursor: rocksdict.RdictIter, path: Path) -> None:
        super().__init__(path)
        self._only_cursor = cursor
        self._scans = 0

    def _cursor(self) -> rocksdict.RdictIter:
        return self._only_cursor

    def _places(self, from_key: bytes, *, backwards: bool = False) -> Iterator[Any]:
        self._scans += 1
        scan = self._scans
        for place in super()._places(from_key, backwards=backwards):
            yield place
            assert scan == self._scans, "one scan of a snapshot ends before the next begins"

    def get(self, key: bytes) -> bytes | None:
        found = next(self.items(key), None)
        return found[1] if found is not None and found[0] == key else None


class PartitionStore(rocksdb.Store):
    """Faust's RocksDB store, opened and closed by the application and not by rebalances."""

    async def assign_partitions(self, table: Any, tps: Any, generation_id: int = 0) -> None:
        """Nothing: `Application.take_over` opens what it needs."""

    def revoke_partitions(self, table: Any, tps: Any) -> None:
        """Nothing: `Application.take_over` closes what it had."""


stores.STORES.aliases["partitions"] = "streams.tables:PartitionStore"


class Tables:
    """Opens the partitions of one process, with one block cache and one memory budget for all."""

    def __init__(self, folder: Path, partitions: int = 8) -> None:
        """`partitions` is how many there may be in this process at the most."""
        self._folder = folder
        # Above 7/8 of the budget whoever writes has to put its buffer into a file, however small,
        # though the buffers of partitions at rest take the room.
        self._buffer = min(32, max(2, _BUFFERS // partitions)) * MEGABYTE
        # What was written and is not in files yet counts as part of the cache.
        self._cache = rocksdict.Cache(256 * MEGABYTE)
        self._memory = rocksdict.WriteBufferManager.new_write_buffer_manager_with_cache(
            _BUDGET * MEGABYTE, False, self._cache
        )

    def open(self, partition: int, *, anew: bool = False) -> Table:
        """The state of a partition, empty where it cannot be trusted or `anew` is asked for."""
        path = self._folder / f"partition-{partition}"
        if anew or (path / _CONDEMNED).exists():
            return self._open_anew(path)
        table: Table | None = None
        try:
            table = self._open(path)
            written_at = table.offset(state.WRITTEN_AT)
        except Exception as error:
            if _LOCKED in str(error):
                raise
            log.warning("state_unreadable", path=str(path), error=str(error))
            if table is not None:
                table.close()
            return self._open_anew(path)
        if written_at is not None and time.time() - written_at > REST_SECONDS_MAX:
            log.warning("state_too_old", path=str(path))
            table.close()
            return self._open_anew(path)
        return table

    def _open_anew(self, path: Path) -> Table:
        log.info("state_starts_anew", path=str(path))
        path.mkdir(parents=True, exist_ok=True)
        # Not under the hands of somebody who still has it open.
        _when_unlocked(lambda: rocksdict.Rdict.destroy(str(path), self._options()))
        shutil.rmtree(path, ignore_errors=True)  # most often nothing is left
        path.mkdir(parents=True, exist_ok=True)
        return self._open(path)

    def _open(self, path: Path) -> Table:
        db = _when_unlocked(lambda: rocksdict.Rdict(str(path), self._options()))
        return Table(db, path)

    def _options(self) -> rocksdict.Options:
        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(self._buffer)
        options.set_write_buffer_manager(self._memory)
        options.set_max_open_files(256)
        options.set_paranoid_checks(True)
        options.set_compression_type(rocksdict.DBCompressionType.lz4())
        # Most look-ups are for transactions never seen before.
        options.set_memtable_whole_key_filtering(True)
        options.set_memtable_prefix_bloom_ratio(0.05)
        blocks = rocksdict.BlockBasedOptions()
        blocks.set_bloom_filter(10, False)
        blocks.set_block_cache(self._cache)
        blocks.set_cache_index_and_filter_blocks(True)
        options.set_block_based_table_factory(blocks)
        return options


def _when_unlocked(call: Callable[[], Any]) -> Any:
    until = time.monotonic() + READER_SECONDS_MAX
    while True:
        try:
            return call()
        except Exception as error:
            if _LOCKED not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.02)
