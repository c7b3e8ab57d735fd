import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from calculator import Holding, ReliefMethod
from streams import lane as lane_module
from streams import pace, state
from streams.lane import (
    EXIT_LANE_FAILED,
    EXIT_STATE_NOT_AT_BATCH,
    SettingChanged,
)
from streams.tables import Table, Tables
from tests.oracle.murmur2 import partition_of
from tests.streams.lanes import (
    PARTITIONS,
    Logs,
    MemoryLog,
    Message,
    batch,
    dump,
    lane_over,
    next_batches,
    work_off,
)
from tests.wire.events import BUY, PORTFOLIO, text_of
from wire.topics import COMPLETED, DEAD_LETTER, FORWARDED, PORTFOLIOS, RAW_TRANSACTIONS

PORTFOLIO_ID = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 0)
SECONDS_MAX = 60


class Ended(BaseException):
    """What a process would have ended with."""


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(Logs(), 0)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exit codes of a process that goes on as an exception."""
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise Ended(code)

    monkeypatch.setattr(lane_module, "os", SimpleNamespace(_exit=end))
    return codes


def buy(transaction_id: str = "T1", **fields: object) -> bytes:
    event = BUY | {"portfolio_id": PORTFOLIO_ID, "transaction_id": transaction_id} | fields
    return text_of(event)


def purchases(count: int, first: int = 0) -> list[Message]:
    return [Message(n, b"", buy(f"T{n}")) for n in range(first, first + count)]


# -- what must not go on


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("gap", EXIT_STATE_NOT_AT_BATCH),
        ("again", EXIT_STATE_NOT_AT_BATCH),
        ("tampered", EXIT_LANE_FAILED),
    ],
)
def test_what_must_not_go_on_ends_the_process_before_anything_is_committed(
    tmp_path: Path, what: str, code: int
) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.streams.ending", str(tmp_path), what],
        capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert process.returncode == code
    lines = process.stdout.splitlines()
    assert lines[0] == "committed"
    assert "committed" not in lines[1:]
    assert "went on" not in lines


def test_a_log_that_refuses_the_commit_leaves_the_state_as_it_was(
    table: Table, log: MemoryLog, ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = lane_over(table, log)
    lane.handle([batch(purchases(3))])
    before, progress = dump(table), lane.progress

    def fenced(stage: str) -> None:
        raise RuntimeError("fenced")

    monkeypatch.setattr(log, "fail", fenced)
    with pytest.raises(Ended):
        lane.handle([batch(purchases(3, first=3))])
    assert ended == [EXIT_LANE_FAILED]
    assert dump(table) == before
    assert lane.progress == progress


def test_a_state_that_turns_out_unreadable_is_condemned(
    tmp_path: Path, log: MemoryLog, ended: list[int]
) -> None:
    folder = tmp_path / "condemned"
    table = Tables(folder).open(0)
    lane_over(table, log).handle([batch(purchases(2_000))])
    table.close()
    [file] = (folder / "partition-0").glob("*.sst")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF  # in the middle of the journal
    file.write_bytes(content)
    table = Tables(folder).open(0)
    lane = lane_over(table, log)
    repeated = [Message(2_000 + n, b"", buy(f"T{n}")) for n in range(2_000)]
    with pytest.raises(Ended):
        lane.handle([batch(repeated)])
    assert ended == [EXIT_LANE_FAILED]
    table.close()
    anew = Tables(folder).open(0)
    assert dump(anew) == {}
    anew.close()


def test_a_disk_that_cannot_be_written_while_nothing_comes_ends_the_process(
    table: Table, log: MemoryLog, ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = lane_over(table, log)

    def full(records: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(table, "write", full)
    with pytest.raises(Ended):
        lane.touch()
    assert ended == [EXIT_LANE_FAILED]


def test_another_default_method_is_refused_and_the_refusal_says_what_to_do(
    table: Table, log: MemoryLog
) -> None:
    lane_over(table, log).handle([batch(purchases(1))])
    with pytest.raises(SettingChanged, match=r"is LIFO, .* begun with FIFO: set it back"):
        lane_over(table, log, method=ReliefMethod.LIFO)


def test_the_default_method_is_fixed_where_nothing_was_booked_too(
    table: Table, log: MemoryLog
) -> None:
    lane = lane_over(table, log)
    lane.begin()
    as_of = lane.progress.as_of
    with pytest.raises(SettingChanged, match=r"is LIFO, .* begun with FIFO: set it back"):
        lane_over(table, log, method=ReliefMethod.LIFO)
    again = lane_over(table, log)
    again.begin()
    assert again.progress.as_of == as_of, "once is enough"


def test_the_same_default_method_goes_on_where_it_was(table: Table, log: MemoryLog) -> None:
    lane_over(table, log).handle([batch(purchases(3))])
    assert lane_over(table, log).progress.next_offsets == (3, 0, 0)


# -- what a batch leaves


def test_progress_says_what_became_of_each_record_and_where_to_go_on(
    table: Table, log: MemoryLog
) -> None:
    lane = lane_over(table, log)
    other = next(f"Q{n}" for n in range(99) if partition_of(f"Q{n}", PARTITIONS) == 5)
    values = [buy(), buy(), b"{", buy(version=3), buy(version=2), buy(portfolio_id=other)]
    records = [Message(n, b"", value) for n, value in enumerate(values)]
    portfolio = text_of(PORTFOLIO | {"portfolio_id": PORTFOLIO_ID})
    lane.handle([batch(records, after=9)])
    lane.handle([batch([Message(0, b"", portfolio)], topic=PORTFOLIOS.name)])
    progress = state.decode_progress(table.get(state.PROGRESS))
    assert progress == lane.progress
    assert progress.next_offsets == (9, 0, 1)
    assert (progress.as_of, progress.read, progress.booked) == (2, 6, 2)
    assert (progress.duplicate, progress.superseded) == (1, 1)
    assert (progress.forwarded, progress.dead) == (1, 1)


def test_batches_that_follow_each_other_are_worked_off_as_one(table: Table, log: MemoryLog) -> None:
    lane = lane_over(table, log)
    lane.handle([batch(purchases(2)), batch(purchases(2, first=2), after=7)])
    assert lane.progress.next_offsets == (7, 0, 0)
    assert log.commits == 1
    assert len(log.logs.read(COMPLETED, 0)) == 4


def test_a_long_re_booking_takes_several_batches_and_lets_records_in_between(
    table: Table, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "STEPS_MAX", 60)
    lane = lane_over(table, log)
    lane.handle([batch(purchases(300))])
    late = buy("LATE", transaction_date="2020-01-01")
    lane.handle([batch([Message(300, b"", late)])])
    assert lane.has_work
    assert lane.unsettled == 1
    lane.handle([batch([Message(301, b"", buy("NEIGHBOUR", security_id="S2"))])])
    neighbours = [m for m in log.logs.read(COMPLETED, 0) if b'"NEIGHBOUR"' in (m.value or b"")]
    assert len(neighbours) == 1
    assert log.commits == 3
    work_off(log.logs, lane)
    assert log.commits > 6
    assert lane.unsettled == 0


def test_a_re_booking_counts_as_unfinished_also_while_it_has_its_turn(
    table: Table, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "STEPS_MAX", 60)
    lane = lane_over(table, log)
    late = buy("LATE", transaction_date="2020-01-01")
    lane.handle([batch(purchases(300))])
    lane.handle([batch([Message(300, b"", late)])])
    ledger = lane._step.ledger
    settle, seen = ledger._settle_holding, []

    def spy(holding: Holding) -> None:
        seen.append(lane.unsettled)
        settle(holding)

    monkeypatch.setattr(ledger, "_settle_holding", spy)
    work_off(log.logs, lane)
    assert set(seen) == {1}
    assert lane.unsettled == 0


# -- strangers in the internal topic

ODD_HEADERS: dict[str, tuple[tuple[str, bytes | None], ...]] = {
    "none": (),
    "others": (("trace", b"1"), ("span", None), ("x", b"\xff"), ("", b"")),
    "null": (("source-topic", None), ("source-partition", None), ("source-offset", None)),
    "words": (("source-topic", b"x"), ("source-partition", b"one"), ("source-offset", b"two")),
    "no text": (
        ("source-topic", b"\xff"), ("source-partition", b"1"), ("source-offset", b"1"),
    ),
    "quotes": (
        ("source-topic", b'"\\\n'), ("source-partition", b"1"), ("source-offset", b"1"),
    ),
    "no topic of ours": (
        ("source-topic", b"other"), ("source-partition", b"1"), ("source-offset", b"1"),
    ),
    "below zero": (
        ("source-topic", b"raw_transactions"), ("source-partition", b"-1"),
        ("source-offset", b"1"),
    ),
    "no bigint": (
        ("source-topic", b"raw_transactions"), ("source-partition", b"1"),
        ("source-offset", b"9" * 19),
    ),
    "no integer": (
        ("source-topic", b"raw_transactions"), ("source-partition", b"%d" % 2**31),
        ("source-offset", b"1"),
    ),
    "too long to read": (
        ("source-topic", b"raw_transactions"), ("source-partition", b"1"),
        ("source-offset", b"9" * 9_999),
    ),
    "two of three": (("source-partition", b"1"), ("source-offset", b"1")),
}  # fmt: skip


@pytest.mark.parametrize("headers", ODD_HEADERS.values(), ids=list(ODD_HEADERS))
def test_a_record_that_a_stranger_put_into_the_internal_topic_speaks_for_itself(
    table: Table, log: MemoryLog, headers: tuple[tuple[str, bytes | None], ...]
) -> None:
    log.logs.append(FORWARDED, 0, b"k", buy(), list(headers))
    log.logs.append(FORWARDED, 0, None, b"{", list(headers))
    lane = lane_over(table, log)
    work_off(log.logs, lane)
    [result] = log.logs.read(COMPLETED, 0)
    shown = json.loads(result.value or b"")
    assert (shown["source_topic"], shown["source_offset"]) == (FORWARDED.name, 0)
    [letter] = log.logs.read(DEAD_LETTER, 0)
    assert letter.headers[:-5] == headers
    assert letter.headers[-5] == ("as-of", b"%d" % shown["as_of"])
    # The entry can be read again by whoever comes next.
    log.logs.append(FORWARDED, 0, None, buy(version=2))
    work_off(log.logs, lane_over(table, log))
    assert len(log.logs.read(COMPLETED, 0)) == 2


def test_nulls_in_the_internal_topic_are_dead_letters(table: Table, log: MemoryLog) -> None:
    log.logs.append(FORWARDED, 0, None, None)
    log.logs.append(FORWARDED, 0, b"", b"")
    lane = lane_over(table, log)
    work_off(log.logs, lane)
    assert len(log.logs.read(DEAD_LETTER, 0)) == 2
    assert (lane.progress.read, lane.progress.dead) == (2, 2)


def test_a_record_that_we_forwarded_comes_without_our_headers_and_with_its_place(
    tmp_path: Path, table: Table, log: MemoryLog
) -> None:
    elsewhere = Tables(tmp_path / "elsewhere").open(5)
    sender = lane_over(elsewhere, MemoryLog(log.logs, 5), partition=5)
    own = (("trace", b"1"),)
    values = [buy(), buy(price="8")]  # the second contradicts the first
    sender.handle([batch([Message(n, b"", v, own) for n, v in enumerate(values)], partition=5)])
    elsewhere.close()
    work_off(log.logs, lane_over(table, log))
    [result] = log.logs.read(COMPLETED, 0)
    shown = json.loads(result.value or b"")
    assert (shown["source_topic"], shown["source_partition"]) == (RAW_TRANSACTIONS.name, 5)
    [letter] = log.logs.read(DEAD_LETTER, 0)
    names = ["trace", "as-of", "source-topic", "source-partition", "source-offset", "errors"]
    assert [name for name, _ in letter.headers] == names
    assert dict(letter.headers)["source-offset"] == b"1"


def test_a_lane_fetches_on_behind_the_markers_that_end_a_forwarded_batch(
    table: Table, log: MemoryLog
) -> None:
    log.logs.append(FORWARDED, 0, None, b"{")
    log.logs.mark(FORWARDED, 0)
    lane = lane_over(table, log)
    work_off(log.logs, lane)
    assert lane.progress.next_offsets == (0, 2, 0)
    assert next_batches(log.logs, lane, 10) == []
