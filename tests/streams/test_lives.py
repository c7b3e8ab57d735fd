import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams import state
from streams.tables import Table, Tables
from tests.oracle.murmur2 import partition_of
from tests.streams.lanes import (
    PARTITIONS,
    Logs,
    MemoryLog,
    MemoryRestorer,
    dump,
    lane_over,
    work_off,
)
from tests.wire.events import BUY, PORTFOLIO, text_of
from wire.topics import CHANGELOG, COMPLETED, PORTFOLIOS, PORTFOLIOS_CURRENT, RAW_TRANSACTIONS

PORTFOLIO_ID = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 0)


class Owner:
    """A worker with one partition and a disk, over logs that outlive it."""

    def __init__(self, logs: Logs, folder: Path) -> None:
        self.logs = logs
        self.folder = folder
        self.table: Table | None = None

    def take_over(self) -> Table:
        self.stop()
        restorer = MemoryRestorer(self.logs, Tables(self.folder))
        self.table = restorer.restore({0: MemoryLog(self.logs, 0)})[0]
        return self.table

    def work(self) -> dict[bytes, bytes]:
        table = self.take_over()
        work_off(self.logs, lane_over(table, MemoryLog(self.logs, 0)), limit=7)
        return dump(table)

    def stop(self) -> None:
        if self.table is not None:
            self.table.close()
            self.table = None


@pytest.fixture
def logs() -> Logs:
    logs = Logs()
    for n in range(40):
        trade(logs, f"T{n}", transaction_date=f"2024-01-{n % 28 + 1:02}")
    portfolio(logs, 1, "FIFO")
    return logs


@pytest.fixture
def owner(logs: Logs, tmp_path: Path) -> Iterator[Owner]:
    owner = Owner(logs, tmp_path / "one")
    yield owner
    owner.stop()


def trade(logs: Logs, transaction_id: str, **fields: object) -> None:
    event = BUY | {"portfolio_id": PORTFOLIO_ID, "transaction_id": transaction_id} | fields
    logs.append(RAW_TRANSACTIONS, 0, b"", text_of(event))


def portfolio(logs: Logs, version: int, method: str) -> None:
    event = PORTFOLIO | {
        "portfolio_id": PORTFOLIO_ID, "version": version, "cost_basis_method": method,
    }  # fmt: skip
    logs.append(PORTFOLIOS, 0, b"", text_of(event))


def newest_as_of(logs: Logs, *topics: str) -> int:
    known = (COMPLETED, PORTFOLIOS_CURRENT)
    return max(
        int(json.loads(message.value or b"")["as_of"])
        for topic in known
        if not topics or topic.name in topics
        for message in logs.read(topic, 0)
    )


def progress_of(table: Table) -> state.Progress:
    return state.decode_progress(table.get(state.PROGRESS))


def entries(found: dict[bytes, bytes]) -> dict[bytes, dict[str, object]]:
    """The journal, without when it was booked."""
    decoded = {key: json.loads(value) for key, value in found.items() if key[:1] == b"t"}
    return {key: row | {"as_of": None} for key, row in decoded.items()}


def test_books_made_anew_say_the_same_and_go_on_above_what_was_published(
    logs: Logs, owner: Owner
) -> None:
    before = owner.work()
    highest = newest_as_of(logs)
    owner.stop()
    logs.clear(CHANGELOG)
    published = logs.end(COMPLETED, 0)
    after = owner.work()
    assert entries(after) == entries(before)
    assert after.keys() == before.keys()
    anew = [json.loads(m.value or b"") for m in logs.read(COMPLETED, 0, published)]
    assert len(anew) >= 40
    assert min(row["as_of"] for row in anew) > highest


def test_as_of_goes_on_above_what_was_published_without_a_result(logs: Logs, owner: Owner) -> None:
    owner.work()
    for version in range(2, 9):  # each is a batch of its own, and changes no result
        portfolio(logs, version, "LIFO" if version % 2 else "FIFO")
        owner.work()
    highest = newest_as_of(logs, PORTFOLIOS_CURRENT.name)
    assert highest > newest_as_of(logs, COMPLETED.name)
    owner.stop()
    logs.clear(CHANGELOG)
    assert progress_of(owner.take_over()).as_of >= highest


def test_results_of_a_life_before_are_no_entries_of_the_journal(
    logs: Logs, owner: Owner, tmp_path: Path
) -> None:
    owner.work()
    owner.stop()
    logs.clear(CHANGELOG)
    # Of the inputs only a part is read before the disk is lost.
    table = owner.take_over()
    lane = lane_over(table, MemoryLog(logs, 0))
    batch = logs.fetch(RAW_TRANSACTIONS, 0, 0, 7)
    assert batch is not None
    lane.handle([batch])
    part = dump(table)
    other = Owner(logs, tmp_path / "two")
    assert dump(other.take_over()) == part
    assert len(entries(part)) == 7
    other.stop()


def test_a_new_life_survives_crashes_before_its_first_batch(
    logs: Logs, owner: Owner, tmp_path: Path
) -> None:
    owner.work()
    owner.stop()
    logs.clear(CHANGELOG)
    begun = dump(owner.take_over())
    assert dump(owner.take_over()) == begun
    other = Owner(logs, tmp_path / "two")
    assert dump(other.take_over()) == begun
    other.stop()
    assert len(entries(owner.work())) == 40


def test_a_disk_of_a_life_before_is_not_taken_for_one_of_this(
    logs: Logs, owner: Owner, tmp_path: Path
) -> None:
    """Its offset lies inside the log, which has grown beyond it since."""
    owner.work()
    owner.stop()
    old = tmp_path / "old"
    shutil.copytree(owner.folder, old)
    logs.clear(CHANGELOG)
    for n in range(40, 90):
        trade(logs, f"T{n}")
        work_off(logs, lane_over(owner.take_over(), MemoryLog(logs, 0)))
    table = Tables(old).open(0)
    mark = table.offset(state.CHANGELOG_READ)
    table.write([(b"hSTRANGE\0S", b"of that life")])
    table.close()
    assert mark is not None
    assert mark < logs.end(CHANGELOG, 0)
    late = Owner(logs, old)
    assert dump(late.take_over()) == dump(owner.take_over())
    late.stop()


def test_the_first_start_of_all_begins_at_nothing(tmp_path: Path) -> None:
    owner = Owner(Logs(), tmp_path)
    assert dump(owner.take_over()) == {}
    owner.stop()
