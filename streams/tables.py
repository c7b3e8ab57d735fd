"""The RocksDB of each partition: opening, atomic writes, snapshots, and when to start it anew."""

import shutil
import time
from collections.abc import Iterable, Iterator
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
MEGABYTE = 1024 * 1024
_CONDEMNED = "condemned"


class Table:
    """The state of one partition. Reads see the last write, snapshots one write for good."""

    def __init__(self, db: rocksdict.Rdict, path: Path) -> None:
        self._db = db
        self._path = path
        self.get = db.get
        self.items = db.items
        self.keys = db.keys

    def write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """All of the records or none."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in records:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(state.WRITTEN_AT, b"%d" % time.time())
        self._db.write(batch)

    def snapshot(self) -> "Snapshot":
        return Snapshot(self._db.snapshot())

    def offset(self, key: bytes) -> int | None:
        """A Kafka offset kept under a local key."""
        value = self._db.get(key)
        return None if value is None else int(value)

    def condemn(self) -> None:
        """Have the next start rebuild this state from the logs."""
        self._path.mkdir(parents=True, exist_ok=True)
        (self._path / _CONDEMNED).touch()

    def close(self) -> None:
        self._db.close()


class Snapshot:
    """One moment of a partition's state, readable while later batches are written."""

    def __init__(self, snapshot: rocksdict.Snapshot) -> None:
        self._snapshot = snapshot
        self.items = snapshot.items
        self.keys = snapshot.keys

    def get(self, key: bytes) -> bytes | None:
        # The client's own look-up says "not found" and "unreadable" by the same exception.
        found: Any = next(iter(self._snapshot.items(from_key=key)), None)
        value: bytes | None = found[1] if found is not None and found[0] == key else None
        return value


class PartitionStore(rocksdb.Store):
    """Faust's RocksDB store, opened and closed by the application and not by rebalances."""

    async def assign_partitions(self, table: Any, tps: Any, generation_id: int = 0) -> None:
        """Nothing: `Application.take_over` opens what it needs."""

    def revoke_partitions(self, table: Any, tps: Any) -> None:
        """Nothing: `Application.take_over` closes what it had."""


stores.STORES.aliases["partitions"] = "streams.tables:PartitionStore"


class Tables:
    """Opens the partitions of one process, with one block cache and one memory budget for all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache = rocksdict.Cache(256 * MEGABYTE)
        self._memory = rocksdict.WriteBufferManager(256 * MEGABYTE, False)

    def open(self, partition: int, *, anew: bool = False) -> Table:
        """The state of a partition, empty where it cannot be trusted or `anew` is asked for."""
        path = self._folder / f"partition-{partition}"
        if anew or (path / _CONDEMNED).exists():
            return self._open_anew(path)
        try:
            table = Table(rocksdict.Rdict(str(path), self._options()), path)
            written_at = table.offset(state.WRITTEN_AT)
        except Exception as error:
            if "lock" in str(error).lower():
                raise
            log.warning("state_unreadable", path=str(path), error=str(error))
            return self._open_anew(path)
        if written_at is not None and time.time() - written_at > REST_SECONDS_MAX:
            log.warning("state_too_old", path=str(path))
            table.close()
            return self._open_anew(path)
        return table

    def _open_anew(self, path: Path) -> Table:
        log.info("state_starts_anew", path=str(path))
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        return Table(rocksdict.Rdict(str(path), self._options()), path)

    def _options(self) -> rocksdict.Options:
        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(32 * MEGABYTE)
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


def read_prefix(db: Any, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Items whose keys begin with the prefix, in order."""
    for key, value in db.items(from_key=prefix):
        if not key.startswith(prefix):
            return
        yield key, value
