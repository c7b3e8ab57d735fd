import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams import state, tables
from streams.reading import items_with
from streams.tables import REST_SECONDS_MAX, Table, Tables, is_corruption

KEYS = [b"k%05d" % n for n in range(4_000)]
MIDDLE = KEYS[2_000]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a partition that was filled, flushed to its files and closed."""
    table = Tables(tmp_path).open(0)
    for start in range(0, len(KEYS), 500):
        # Long enough for several blocks, and nothing that a compression makes small.
        table.write([(key, os.urandom(100)) for key in KEYS[start : start + 500]])
    table.close()
    return tmp_path / "partition-0"


def opened(folder: Path) -> Table:
    return Tables(folder.parent).open(0)


def is_anew(folder: Path) -> bool:
    """Whether the next to open it finds an empty state that works."""
    table = opened(folder)
    found = list(table.keys(b"k"))
    table.write([(b"k", b"v")])
    assert table.get(b"k") == b"v"
    table.close()
    assert found in ([], KEYS)
    return not found


def test_what_was_written_is_there_after_a_restart(folder: Path) -> None:
    assert not is_anew(folder)


def test_all_of_a_write_is_seen_or_none(tmp_path: Path) -> None:
    table = Tables(tmp_path).open(0)
    table.write([(b"a", b"1"), (b"b", b"1")])
    with pytest.raises(ZeroDivisionError):
        table.write((key, b"%d" % (1 // n)) for key, n in ((b"a", 1), (b"b", 0)))
    assert table.get([b"a", b"b", b"c"]) == [b"1", b"1", None]
    table.write([(b"b", None), (b"c", b"3")])
    assert table.get([b"a", b"b", b"c"]) == [b"1", None, b"3"]
    table.close()


def test_scans_go_both_ways_from_any_key(folder: Path) -> None:
    table = opened(folder)
    assert list(table.keys(b"k00003"))[:2] == [KEYS[3], KEYS[4]]
    assert list(table.keys(b"k00003", backwards=True))[:2] == [KEYS[3], KEYS[2]]
    assert list(table.keys(b"k00003x"))[:1] == [KEYS[4]]
    assert list(table.keys(b"k00003x", backwards=True))[:1] == [KEYS[3]]
    assert [key for key, _ in items_with(table, b"k0123")] == KEYS[1230:1240]
    assert list(table.keys(b"l")) == []
    table.close()


def test_a_snapshot_does_not_see_what_is_written_later(folder: Path) -> None:
    table = opened(folder)
    table.write([(b"a", b"1"), (b"b", b"1")])
    snapshot = table.snapshot()
    table.write([(b"a", b"2"), (b"b", None), (b"c", b"2"), (MIDDLE, None)])
    # What is in memory goes to files, and files become others.
    table._db.flush()
    table._db.compact_range(b"\0", b"\xff")
    for _ in range(2):
        assert [snapshot.get(key) for key in (b"a", b"b", b"c")] == [b"1", b"1", None]
        assert snapshot.get(MIDDLE) is not None
        assert list(snapshot.items(b"a"))[:2] == [(b"a", b"1"), (b"b", b"1")]
        assert [key for key, _ in snapshot.items(b"a")] == [b"a", b"b", *KEYS]
        assert [key for key, _ in items_with(snapshot, b"k")] == KEYS
    assert [table.get(key) for key in (b"a", b"b", b"c")] == [b"2", None, b"2"]
    del snapshot
    table.close()


def test_scans_of_one_snapshot_may_not_cross(folder: Path) -> None:
    table = opened(folder)
    snapshot = table.snapshot()
    scan = snapshot.items(KEYS[0])
    assert next(scan)[0] == KEYS[0]
    assert snapshot.get(MIDDLE) is not None
    with pytest.raises(AssertionError, match="one scan"):
        next(scan)
    del scan, snapshot
    table.close()


def test_a_snapshot_finds_no_neighbour_for_a_key(folder: Path) -> None:
    table = opened(folder)
    snapshot = table.snapshot()
    assert snapshot.get(b"k0") is None
    assert snapshot.get(b"k00001\0") is None
    assert snapshot.get(b"z") is None
    del snapshot
    table.close()


# -- when a state is started anew


def test_a_condemned_state_is_started_anew_once(folder: Path) -> None:
    (folder / "condemned").touch()
    assert is_anew(folder)
    table = opened(folder)
    assert list(table.keys(b"k")) == [b"k"]
    table.close()


def test_a_state_that_rested_too_long_is_started_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + REST_SECONDS_MAX - 60)
    table = opened(folder)
    assert table.get(MIDDLE) is not None
    table.close()
    monkeypatch.setattr(time, "time", lambda: now + REST_SECONDS_MAX + 60)
    assert is_anew(folder)


def test_a_state_that_is_looked_after_does_not_grow_old(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    for days in (2, 4, 6):
        later = now + days * 24 * 3600
        monkeypatch.setattr(time, "time", lambda later=later: later)
        table = opened(folder)
        assert table.get(MIDDLE) is not None
        table.write([])
        table.close()


def largest(folder: Path, pattern: str) -> Path:
    return max(folder.glob(pattern), key=lambda file: file.stat().st_size)


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 0x10
    file.write_bytes(content)


def damage_the_middle(folder: Path) -> None:
    """Of the largest file, so that it opens as if nothing were wrong."""
    file = largest(folder, "*.sst")
    size = file.stat().st_size
    for place in range(size * 4 // 10, size * 6 // 10, 1_000):
        flip(file, place)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit in the manifest": lambda f: flip(largest(f, "MANIFEST-*"), 40),
    "half a manifest": lambda f: os.truncate(largest(f, "MANIFEST-*"), 60),
    "no manifest": lambda f: largest(f, "MANIFEST-*").unlink(),
    "a bit in CURRENT": lambda f: flip(f / "CURRENT", 3),
    "an empty CURRENT": lambda f: os.truncate(f / "CURRENT", 0),
    "no CURRENT": lambda f: (f / "CURRENT").unlink(),
    "half a table": lambda f: os.truncate(largest(f, "*.sst"), 100_000),
    "an empty table": lambda f: os.truncate(largest(f, "*.sst"), 0),
    "no table": lambda f: largest(f, "*.sst").unlink(),
    "a bit in the footer": lambda f: flip(largest(f, "*.sst"), -20),
    "a bit in the index": lambda f: flip(largest(f, "*.sst"), -1_200),
    "a bit where the time of the last write is": lambda f: flip(largest(f, "*.sst"), 100),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
def test_a_state_that_cannot_be_opened_is_started_anew(
    folder: Path, damage: Callable[[Path], object]
) -> None:
    damage(folder)
    assert is_anew(folder)


def all_keys(table: Table) -> object:
    return list(table.keys(b"k"))


READS: dict[str, Callable[[Table], object]] = {
    "one key": lambda table: table.get(MIDDLE),
    "many keys": lambda table: table.get([KEYS[0], MIDDLE]),
    "a scan": all_keys,
    "a scan backwards": lambda table: list(table.keys(KEYS[-1], backwards=True)),
    "a prefix": lambda table: list(items_with(table, b"k0")),
    "a key of a snapshot": lambda table: table.snapshot().get(MIDDLE),
    "a scan of a snapshot": lambda table: list(table.snapshot().items(b"k")),
}


@pytest.mark.parametrize("read", READS.values(), ids=list(READS))
def test_no_read_passes_over_a_damaged_block_and_the_next_start_makes_the_state_anew(
    folder: Path, read: Callable[[Table], object]
) -> None:
    damage_the_middle(folder)
    table = opened(folder)
    with pytest.raises(Exception, match="block checksum mismatch") as raised:
        read(table)
    assert is_corruption(raised.value)
    table.close()
    del raised
    assert is_anew(folder)


def test_a_read_that_meets_no_damage_condemns_nothing(folder: Path) -> None:
    damage_the_middle(folder)
    table = opened(folder)
    assert table.get(KEYS[0]) is not None
    table.close()
    assert not (folder / "condemned").exists()


def test_a_mark_that_is_no_number_starts_the_state_anew(folder: Path) -> None:
    table = opened(folder)
    table._db.put(state.WRITTEN_AT, b"yesterday")
    table.close()
    assert is_anew(folder)


# -- who holds it


def test_a_second_opener_is_told_of_the_lock_and_harms_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "READER_SECONDS_MAX", 0.1)
    table = opened(folder)
    with pytest.raises(Exception, match="LOCK"):
        opened(folder)
    assert list(table.keys(b"k")) == KEYS
    table.close()
    assert not is_anew(folder)


@pytest.mark.parametrize("anew", [False, True])
def test_whoever_opens_a_table_waits_for_an_answer_that_is_being_read(
    folder: Path, anew: bool
) -> None:
    table = opened(folder)
    snapshots = [table.snapshot()]
    table.close()
    assert snapshots[0].get(MIDDLE) is not None
    threading.Timer(0.3, snapshots.clear).start()
    again = Tables(folder.parent).open(0, anew=anew)
    assert not snapshots
    assert (again.get(MIDDLE) is None) == anew
    again.close()


def test_partitions_of_one_process_are_apart(tmp_path: Path) -> None:
    both = Tables(tmp_path)
    one, other = both.open(1), both.open(2)
    one.write([(b"k", b"1")])
    assert other.get(b"k") is None
    one.close()
    other.close()
    shutil.rmtree(tmp_path / "partition-1")
    assert (tmp_path / "partition-2").exists()
