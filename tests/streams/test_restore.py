import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from calculator import Rates, ReliefMethod
from cli.servers import Connections
from streams import pace, restore, state
from streams.known_cash import KnownCash
from streams.known_rates import KnownRates
from streams.lane import Lane
from streams.log import Delivered, TransactionLog
from streams.restore import Restorer
from streams.tables import Table, Tables
from tests.oracle.events import generate
from tests.streams.lanes import PARTITIONS, Logs, NoLog, dump, next_batches
from tests.system.log import make_topics_anew, read
from tests.wire.events import BUY, CANCEL, text_of
from wire.broker import Broker
from wire.topics import ALL, CHANGELOG, COMPLETED, RAW_TRANSACTIONS

P = 3
STEPS = 8  # so few that re-bookings wait from batch to batch


@dataclass
class History:
    """What a partition went through, and copies of its disk as a crash would leave them."""

    kafka: Broker
    folder: Path
    disks: dict[str, Path] = field(default_factory=dict)
    states: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    aborted: list[int] = field(default_factory=list)  # offsets in the changelog

    def keep(self, name: str, table: Table) -> None:
        self.disks[name] = self.folder / name
        shutil.copytree(self.folder / "live" / f"partition-{P}", self.disks[name])
        self.states[name] = dump(table)

    def restored(self, folder: Path) -> dict[bytes, bytes]:
        """The state that a worker with this disk takes over."""
        table = Restorer(self.kafka, Tables(folder)).restore({P: NoLog()})[P]
        found = dump(table)
        table.close()
        return found

    def disk(self, name: str, folder: Path) -> Path:
        """A copy of a kept disk for a worker of a test."""
        shutil.copytree(self.disks[name], folder / f"partition-{P}")
        return folder


def spoil(log: TransactionLog) -> int:
    """What a transaction wrote that was aborted: nobody may ever believe it. Return the offset of
    its last record in the changelog."""
    producer: Any = log._producer
    producer.begin_transaction()
    for topic in (CHANGELOG, COMPLETED):
        producer.produce(topic.name, b"spoilt", b"hSPOILT\0S", P)
    last = Delivered()
    producer.produce(CHANGELOG.name, b"spoilt", state.PROGRESS, P, on_delivery=last)
    producer.flush(10)
    assert last.offset is not None
    return last.offset


def live(history: History, logs: Logs) -> None:
    """The whole life of the partition over the real log."""
    log = TransactionLog(history.kafka, P)
    table = Tables(history.folder / "live").open(P)
    lane = Lane(
        P, PARTITIONS, ReliefMethod.FIFO, table, log, 1_000, KnownRates(Rates()), KnownCash()
    )
    number = 0
    while (batches := next_batches(logs, lane, 6)) or lane.has_work:
        lane.handle(batches)
        number += 1
        if number % 10 == 0:
            history.aborted.append(spoil(log))
            log._producer.abort_transaction()
        if number == 5:
            history.keep("early", table)
        if "middle" not in history.disks and number > 20 and lane.unsettled:
            history.keep("middle", table)
            history.states["middle, restored"] = history.restored(history.folder / "empty")
    history.keep("end", table)
    lane.close()
    # The worker was killed in the middle of a transaction, and the next one took its place.
    spoil(log)
    TransactionLog(history.kafka, P)


@pytest.fixture(scope="module")
def history(servers: Connections, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    make_topics_anew(servers.kafka)
    history = History(servers.kafka, tmp_path_factory.mktemp("history"))
    topics = {topic.name: topic for topic in ALL}
    logs = Logs()
    for message in generate(seed=31, events=1_600, portfolios=16):
        if message.partition == P:
            logs.append(topics[message.topic], P, message.key, message.value)
    # A holding that comes and goes.
    logs.append(RAW_TRANSACTIONS, P, b"P1", text_of(BUY | {"security_id": "GONE"}))
    logs.append(RAW_TRANSACTIONS, P, b"P1", text_of(BUY | {"transaction_id": "T2"}))
    for _ in range(6):
        logs.append(RAW_TRANSACTIONS, P, b"", None)
    logs.append(RAW_TRANSACTIONS, P, b"P1", text_of(CANCEL))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "STEPS_MAX", STEPS)
        live(history, logs)
    yield history
    make_topics_anew(servers.kafka)


def kinds(found: dict[bytes, bytes]) -> set[bytes]:
    return {key[:1] for key in found}


def test_the_history_has_everything_that_a_state_can_hold(history: History) -> None:
    assert kinds(history.states["end"]) >= {b"h", b"t", b"o", b"p", b"!"}
    assert kinds(history.states["middle"]) >= {b"h", b"t", b"o", b"p", b"!", b"r", b"x"}
    changelog = [m for m in read(history.kafka, CHANGELOG.name) if m.partition() == P]
    removed = {m.key()[:1] for m in changelog if m.value() is None}
    assert removed >= {b"h", b"r", b"x"}
    # Entries that waited for their first result, which came in a later batch.
    assert [m for m in changelog if m.key()[:1] == b"t"]


@pytest.mark.parametrize("name", ["early", "middle", "end"])
def test_a_disk_of_any_age_is_brought_to_the_end(
    history: History, tmp_path: Path, name: str
) -> None:
    assert history.restored(history.disk(name, tmp_path)) == history.states["end"]


def test_an_empty_disk_is_brought_to_the_end(history: History, tmp_path: Path) -> None:
    assert history.restored(tmp_path) == history.states["end"]


def test_entries_that_wait_are_restored_as_waiting(history: History) -> None:
    assert history.states["middle, restored"] == history.states["middle"]


def test_a_state_that_is_restored_twice_stays_as_it_is(history: History, tmp_path: Path) -> None:
    first = history.restored(tmp_path)
    assert history.restored(tmp_path) == first


@pytest.mark.parametrize("mark", [state.CHANGELOG_READ, state.RESULTS_READ])
def test_a_state_ahead_of_the_log_is_wiped_and_made_anew(
    history: History, tmp_path: Path, mark: bytes
) -> None:
    table = Tables(history.disk("middle", tmp_path)).open(P)
    table.write([(mark, b"1000000"), (b"hSTRANGE\0S", b"of another log")])
    table.close()
    assert history.restored(tmp_path) == history.states["end"]


@pytest.mark.parametrize("number", [0, -1])
def test_a_state_whose_last_batch_was_aborted_after_all_is_made_anew(
    history: History, tmp_path: Path, number: int
) -> None:
    """As by a broker that calls a transaction committed and aborts it with the next one."""
    table = Tables(history.disk("early", tmp_path)).open(P)
    mark = history.aborted[number]
    table.write([(state.CHANGELOG_READ, b"%d" % mark), (b"hSTRANGE\0S", b"of an aborted batch")])
    table.close()
    assert history.restored(tmp_path) == history.states["end"]


def test_nothing_that_was_aborted_is_in_the_state(history: History, tmp_path: Path) -> None:
    found = history.restored(tmp_path)
    assert not [value for value in found.values() if value == b"spoilt"]
    assert b"hSPOILT\0S" not in found


def test_results_are_read_from_where_the_disk_is(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_anew: list[int] = []
    apply: Callable[..., None] = restore._apply_results

    def count(table: Table, records: list[restore.Record]) -> None:
        read_anew.append(len(records))
        apply(table, records)

    monkeypatch.setattr(restore, "_apply_results", count)
    history.restored(tmp_path / "empty")
    everything = sum(read_anew)
    read_anew.clear()
    assert history.restored(history.disk("middle", tmp_path)) == history.states["end"]
    assert 0 < sum(read_anew) < everything
    read_anew.clear()
    history.restored(tmp_path)
    assert read_anew == []


@pytest.mark.parametrize("writes", [1, 2, 4])
def test_a_take_over_that_is_cut_off_loses_nothing(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """As when the process is killed in the middle: what was written stays on its disk."""
    monkeypatch.setattr(restore, "_RECORDS_MAX", 100)
    write, left = Table.write, [writes]
    opened: list[Table] = []

    def cut(table: Table, records: Any) -> None:  # noqa: ANN401 - as the method has it
        if table not in opened:
            opened.append(table)
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        write(table, records)

    monkeypatch.setattr(Table, "write", cut)
    with pytest.raises(KeyboardInterrupt):
        history.restored(tmp_path)
    for table in opened:
        table.close()
    monkeypatch.setattr(Table, "write", write)
    assert history.restored(tmp_path) == history.states["end"]


def test_partitions_are_restored_together_and_empty_ones_stay_empty(
    history: History, tmp_path: Path
) -> None:
    tables = Restorer(history.kafka, Tables(tmp_path)).restore({P: NoLog(), P + 1: NoLog()})
    assert dump(tables[P]) == history.states["end"]
    assert dump(tables[P + 1]) == {}
    for table in tables.values():
        table.close()


def test_a_lane_goes_on_over_a_restored_state(history: History, tmp_path: Path) -> None:
    table = Restorer(history.kafka, Tables(tmp_path)).restore({P: NoLog()})[P]
    log = TransactionLog(history.kafka, P)
    lane = Lane(
        P, PARTITIONS, ReliefMethod.FIFO, table, log, 1_000, KnownRates(Rates()), KnownCash()
    )
    before = lane.progress
    lane.handle([])
    assert lane.progress.as_of == before.as_of + 1
    assert table.offset(state.CHANGELOG_READ) is not None
    lane.close()
