"""Instruments as a lane takes them: with its position in their topic, and in its own time."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from calculator import term_walks
from streams import lane as lane_module
from streams import pace, state
from streams.lane import Lane, StateNotAtBatch
from streams.tables import Table
from tests.streams.lanes import (
    Instruments,
    Logs,
    MemoryLog,
    MemoryRestorer,
    NoLog,
    dump,
    lane_over,
    work_off,
)
from tests.streams.memory import MemoryTable
from tests.streams.test_lane import PORTFOLIO_ID, buy
from tests.wire.events import PORTFOLIO, text_of
from wire.topics import COMPLETED, INSTRUMENTS, PORTFOLIOS, RAW_TRANSACTIONS


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(Logs(), 0)


@pytest.fixture
def read() -> Instruments:
    return Instruments()


def send(log: MemoryLog, asset_class: str | None, version: int = 1, security: str = "S0") -> None:
    event: dict[str, object] = {
        "security_id": security, "instrument_currency": "USD", "asset_class": asset_class,
        "version": version,
    }  # fmt: skip
    log.logs.append(INSTRUMENTS, 0, b"", text_of(event))


def holding(table: Table, log: MemoryLog, read: Instruments, count: int = 1) -> Lane:
    """A lane with so many holdings that move cash."""
    portfolio = text_of(PORTFOLIO | {"portfolio_id": PORTFOLIO_ID, "cash_management": "automatic"})
    log.logs.append(PORTFOLIOS, 0, b"", portfolio)
    for n in range(count):
        log.logs.append(RAW_TRANSACTIONS, 0, b"", buy(transaction_id=f"T{n}", security_id=f"S{n}"))
    lane = lane_over(table, log, cash=read.read_all(log.logs))
    work_off(log.logs, lane)
    return lane


def moved(lane: Lane, transaction_id: str = "T0") -> str | None:
    """What it moved of the cash holding it is of."""
    value = lane.table.get(state.entry_key(PORTFOLIO_ID, transaction_id))
    found: str | None = json.loads(value)["cash_movement"]
    return found


def work(lane: Lane) -> tuple[bool, bool]:
    """Whether there is any, and whether instruments are to be passed."""
    return lane.has_work, lane.is_behind_reference


def test_an_instrument_is_work_and_moves_the_progress_with_it(
    table: Table, log: MemoryLog, read: Instruments
) -> None:
    lane = holding(table, log, read)
    assert (moved(lane), work(lane)) == (None, (False, False))
    for version, (asset_class, expected) in enumerate((("cash", "10"), (None, None)), 1):
        send(log, asset_class, version)
        cash = read.read_all(log.logs)
        assert work(lane) == (True, True)
        lane.handle([])
        assert (moved(lane), lane.progress.instruments) == (expected, version)
        assert work(lane) == (False, False)
        assert not lane_over(table, log, cash=cash).has_work


def test_an_instrument_that_was_not_passed_before_the_end_is_met_after_it(
    table: Table, log: MemoryLog, read: Instruments
) -> None:
    holding(table, log, read)
    send(log, "Cash")
    again = lane_over(table, log, cash=Instruments().read_all(log.logs))
    assert again.has_work
    work_off(log.logs, again)
    assert moved(again) == "10"


def test_instruments_that_are_no_cash_are_no_work_and_are_passed(
    table: Table, log: MemoryLog, read: Instruments
) -> None:
    lane = holding(table, log, read)
    for n in range(30):
        send(log, "Equity", security=f"S{n}")
    read.read_all(log.logs)
    assert work(lane) == (False, True)
    assert lane.instruments_through == 30
    lane.handle([])
    assert lane.progress.instruments == 30
    assert work(lane) == (False, False)


def test_cash_that_nobody_holds_starts_no_walk(
    table: Table, log: MemoryLog, read: Instruments
) -> None:
    lane = holding(table, log, read)
    send(log, "Cash", security="ELSEWHERE")
    read.read_all(log.logs)
    assert lane.instruments_through == 0, "it may be of concern"
    results = len(log.logs.read(COMPLETED, 0))
    lane.handle([])
    assert (lane.unsettled, lane.progress.instruments) == (0, 1)
    assert len(log.logs.read(COMPLETED, 0)) == results


def test_many_that_became_cash_are_followed_in_parts(
    table: Table, log: MemoryLog, read: Instruments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "CASH_MAX", 10)
    lane = holding(table, log, read, count=25)
    for n in range(25):
        send(log, "Cash", security=f"S{n}")
    read.read_all(log.logs)
    passed = []
    while lane.has_work:
        lane.handle([])
        passed.append(lane.progress.instruments)
    assert passed == [10, 20, 25]
    assert {moved(lane, f"T{n}") for n in range(25)} == {"10"}


def test_what_is_booked_ahead_of_the_progress_is_found_right_when_the_instrument_is_passed(
    table: Table, log: MemoryLog, read: Instruments
) -> None:
    lane = holding(table, log, read, count=0)
    send(log, "Cash")
    read.read(log.logs, 1)  # kept, and the reader has not said so yet
    log.logs.append(RAW_TRANSACTIONS, 0, b"", buy(transaction_id="T0", security_id="S0"))
    work_off(log.logs, lane)
    assert (moved(lane), lane.progress.instruments) == ("10", 0)
    results = len(log.logs.read(COMPLETED, 0))
    read.read_all(log.logs)
    work_off(log.logs, lane)
    assert lane.progress.instruments == 1
    assert len(log.logs.read(COMPLETED, 0)) == results


def test_a_topic_of_instruments_that_does_not_reach_where_the_state_is_is_refused(
    table: Table, log: MemoryLog, read: Instruments
) -> None:
    send(log, None)
    lane_over(table, log, cash=read.read_all(log.logs)).begin()
    with pytest.raises(StateNotAtBatch, match="instruments: the state is at 1, the batch at 0"):
        lane_over(table, log)


@pytest.mark.parametrize("is_disk_lost", [False, True])
def test_a_walk_goes_on_behind_a_restart_where_it_was(
    log: MemoryLog, read: Instruments, is_disk_lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index of holders is not in the logs: it is made of what is."""
    monkeypatch.setattr(pace, "STEPS_MAX", 3)
    monkeypatch.setattr(term_walks, "_MET_AT_A_TIME", 1)
    table = MemoryTable()
    names = [f"{PORTFOLIO_ID}.{n}" for n in range(9)]
    partitions = dict.fromkeys(names, 0)
    monkeypatch.setattr("streams.step.partition_of", lambda name, _: partitions.get(name, 0))
    for name in names:
        record = PORTFOLIO | {"portfolio_id": name, "cash_management": "explicit"}
        log.logs.append(PORTFOLIOS, 0, b"", text_of(record))
        log.logs.append(RAW_TRANSACTIONS, 0, b"", buy(portfolio_id=name, security_id="S0"))
    lane = lane_over(table, log)  # type: ignore[arg-type]
    work_off(log.logs, lane)
    send(log, "Cash")
    lane = lane_over(table, log, cash=read.read_all(log.logs))  # type: ignore[arg-type]
    lane.handle([])
    assert lane.has_work
    assert table.get(b"cS0") is not None
    if is_disk_lost:
        table = restored(log)
    again = lane_over(table, log, cash=read.cash)  # type: ignore[arg-type]
    assert (again.progress.instruments, again.has_work) == (1, True)
    at = again._step.journal.holders.walks["S0"]
    assert at == lane._step.journal.holders.walks["S0"] in names
    work_off(log.logs, again)
    assert table.get(b"cS0") is None
    shown = [json.loads(v) for k, v in table.items(b"t") if k[:1] == b"t"]
    assert {each["cash_movement"] for each in shown} == {"10"}
    assert dump_of(restored(log)) == dump_of(table)


def restored(log: MemoryLog) -> MemoryTable:
    """From the logs alone."""
    fresh = MemoryTable()
    tables: Any = SimpleNamespace(open=lambda partition, anew=False: fresh)
    MemoryRestorer(log.logs, tables).restore({0: NoLog()})
    return fresh


def dump_of(table: MemoryTable) -> dict[bytes, bytes]:
    return dump(table)  # type: ignore[arg-type]


def test_the_index_of_holders_has_exactly_those_that_are_held(
    table: Table, log: MemoryLog, read: Instruments
) -> None:
    lane = holding(table, log, read, count=3)
    held = [key for key, _ in table.items(b"s") if key[:1] == b"s"]
    names = ("CASH_USD", "S0", "S1", "S2")
    assert held == [state.holder_key(PORTFOLIO_ID, name) for name in names]
    log.logs.append(RAW_TRANSACTIONS, 0, b"", buy(transaction_id="T1", security_id="S2", version=2))
    work_off(log.logs, lane)
    held = [key for key, _ in table.items(b"s") if key[:1] == b"s"]
    assert held == [state.holder_key(PORTFOLIO_ID, name) for name in ("CASH_USD", "S0", "S2")]
