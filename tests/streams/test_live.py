import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from confluent_kafka import KafkaException

from streams import lag, live
from streams import lane as lane_module
from streams.lane import EXIT_LANE_FAILED
from streams.tables import Table, Tables
from tests.oracle.murmur2 import partition_of
from tests.streams.lanes import (
    PARTITIONS,
    Logs,
    MemoryLog,
    Message,
    batch,
    lane_over,
    work_off,
)
from tests.wire.events import BUY, CANCEL, PORTFOLIO, text_of
from wire.topics import FORWARDED, PORTFOLIOS, RAW_TRANSACTIONS

P = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 0)
ELSEWHERE = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 1)
THROUGH = {"partition", "raw_transactions", "raw_transactions_forwarded", "portfolios"}


class Worker:
    """What the worker's HTTP knows of its app, around one lane."""

    def __init__(self, table: Table) -> None:
        self.logs = Logs()
        self.table = table
        self.lane = lane_over(table, MemoryLog(self.logs, 0))
        self.settings = SimpleNamespace(
            partitions=PARTITIONS, kafka_bootstrap="127.0.0.1:1", url="http://here"
        )
        self.pumps = {0: SimpleNamespace(lane=self.lane)}
        self.served = frozenset({0})
        self.may_answer = self.has_joined = True
        app: Any = self
        self._door = httpx.ASGITransport(live.create_api(app))

    def owners(self) -> dict[int, str]:
        return {0: "http://here"}

    def trade(self, transaction_id: str, security_id: str = "S", **fields: object) -> None:
        event = {"portfolio_id": P, "transaction_id": transaction_id, "security_id": security_id}
        self.logs.append(RAW_TRANSACTIONS, 0, b"", text_of(BUY | event | fields))

    def cancel(self, transaction_id: str) -> None:
        event = CANCEL | {"portfolio_id": P, "transaction_id": transaction_id}
        self.logs.append(RAW_TRANSACTIONS, 0, b"", text_of(event))

    def portfolio(self, method: str, version: int = 1, portfolio_id: str = P) -> None:
        event = {"portfolio_id": portfolio_id, "cost_basis_method": method, "version": version}
        self.logs.append(PORTFOLIOS, 0, b"", text_of(PORTFOLIO | event))

    def book(self) -> None:
        work_off(self.logs, self.lane)

    def book_once(self) -> None:
        """A batch that does not come to the end of what it re-books."""
        offset = self.lane.progress.next_offsets[0]
        found = self.logs.fetch(RAW_TRANSACTIONS, 0, offset, 99)
        portfolios = self.logs.fetch(PORTFOLIOS, 0, self.lane.progress.next_offsets[2], 99)
        self.lane.handle([b for b in (found, portfolios) if b is not None])
        assert self.lane.has_work

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._get(path))

    async def _get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._door, base_url="http://here") as client:
            return await client.get(path)

    def position(self, security_id: str = "S") -> httpx.Response:
        return self.get(f"/portfolios/{P}/positions/{security_id}")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    table = Tables(tmp_path).open(0)
    worker = Worker(table)
    yield worker
    table.close()


def paths(security_id: str = "S", transaction_id: str = "T0") -> list[str]:
    return [
        f"/portfolios/{P}/positions",
        f"/portfolios/{P}/positions/{security_id}",
        f"/portfolios/{P}/positions/{security_id}/lots",
        f"/portfolios/{P}/transactions/{transaction_id}",
    ]


def assert_refused(answer: httpx.Response, status: int, problem: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["type"].endswith(f":{problem}")
    assert (said["status"], said["errors"]) == (status, [])
    assert said["detail"]
    assert ("Retry-After" in answer.headers) == (status == 503)


# -- what is there


def test_a_position_its_lots_and_its_transactions_are_shown(worker: Worker) -> None:
    for n in range(3):
        worker.trade(f"T{n}", transaction_date=f"2024-01-0{n + 1}")
    worker.trade("OUT", transaction_type="SELL", quantity="12", transaction_date="2024-02-01")
    worker.book()
    assert worker.position().json()["quantity"] == "18"
    lots = worker.get(f"/portfolios/{P}/positions/S/lots").json()["lots"]
    assert [(lot["lot_id"], lot["quantity"]) for lot in lots] == [("T1", "8"), ("T2", "10")]
    assert lots[0].keys() == {"lot_id", "acquired_at", "quantity", "cost", "cost_local"}
    sale = worker.get(f"/portfolios/{P}/transactions/OUT").json()
    assert [d["lot_id"] for d in sale["disposals"]] == ["T0", "T1"]
    positions = worker.get(f"/portfolios/{P}/positions").json()["positions"]
    assert [row["security_id"] for row in positions] == ["S"]


def test_lots_are_shown_in_order_of_relief_also_where_they_lie_in_pages(worker: Worker) -> None:
    worker.portfolio("HIFO")
    for n in range(120):
        worker.trade(f"T{n:03}", price=str(1 + n * 37 % 120))
    worker.book()
    lots = worker.get(f"/portfolios/{P}/positions/S/lots").json()["lots"]
    assert len(lots) == 120
    costs = [float(lot["cost"]) for lot in lots]
    assert costs == sorted(costs, reverse=True)


def test_every_answer_says_all_before_which_offsets_it_includes(worker: Worker) -> None:
    worker.trade("T0")
    worker.portfolio("LIFO")
    worker.logs.append(FORWARDED, 0, None, b"{")
    worker.logs.mark(FORWARDED, 0)
    worker.book()
    worker.lane.handle([batch([Message(1, None, b"{")], after=5)])
    for path in paths():
        through = worker.get(path).json()["through"]
        assert through.keys() == THROUGH
        assert tuple(through.values()) == (0, *worker.lane.progress.next_offsets) == (0, 5, 2, 1)


def test_a_list_is_as_of_the_last_batch_and_a_position_as_of_its_own(worker: Worker) -> None:
    for n in range(2):
        worker.trade(f"T{n}", f"S{n}")
        worker.book()
    both = worker.get(f"/portfolios/{P}/positions").json()
    assert both["as_of"] == 2
    assert [row["as_of"] for row in both["positions"]] == [1, 2]
    assert worker.position("S0").json()["as_of"] == 1


def test_a_cancelled_transaction_is_shown_and_its_holding_is_not(worker: Worker) -> None:
    worker.trade("T0")
    worker.cancel("T0")
    worker.book()
    result = worker.get(f"/portfolios/{P}/transactions/T0").json()
    assert (result["status"], result["security_id"]) == ("CANCELLED", None)
    assert_refused(worker.position(), 404, "not-found")
    assert_refused(worker.get(f"/portfolios/{P}/positions/S/lots"), 404, "not-found")
    assert worker.get(f"/portfolios/{P}/positions").json()["positions"] == []


def test_a_portfolio_that_only_has_a_record_has_no_positions(worker: Worker) -> None:
    worker.portfolio("FIFO")
    worker.book()
    answer = worker.get(f"/portfolios/{P}/positions")
    assert (answer.status_code, answer.json()["positions"]) == (200, [])


def test_a_holding_of_zero_units_is_shown(worker: Worker) -> None:
    worker.trade("T0")
    worker.trade("OUT", transaction_type="SELL", transaction_date="2024-02-01")
    worker.book()
    assert worker.position().json()["quantity"] == "0"
    assert worker.get(f"/portfolios/{P}/positions/S/lots").json()["lots"] == []


@pytest.mark.parametrize("path", paths())
def test_what_is_unknown_is_not_found(worker: Worker, path: str) -> None:
    assert_refused(worker.get(path), 404, "not-found")


@pytest.mark.parametrize("path", paths("S1", "T1")[1:])
def test_what_a_known_portfolio_does_not_have_is_not_found(worker: Worker, path: str) -> None:
    worker.trade("T0")
    worker.book()
    assert_refused(worker.get(path), 404, "not-found")


def test_a_portfolio_is_not_taken_for_one_whose_name_begins_alike(worker: Worker) -> None:
    alike = next(f"{P}{n}" for n in range(999) if partition_of(f"{P}{n}", PARTITIONS) == 0)
    worker.trade("T0")
    worker.book()
    assert_refused(worker.get(f"/portfolios/{alike}/positions"), 404, "not-found")


# -- what cannot be said now


@pytest.fixture
def rebooking(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """S0 is being re-booked; S1, of the same portfolio, is settled."""
    for n in range(40):
        worker.trade(f"T{n}", "S0", transaction_date="2024-01-02")
    worker.trade("OTHER", "S1")
    worker.book()
    monkeypatch.setattr(lane_module, "STEPS_MAX", 10)
    worker.trade("LATE", "S0", transaction_date="2020-01-01")
    worker.book_once()
    return worker


def test_nothing_is_said_of_a_holding_that_is_being_re_booked(rebooking: Worker) -> None:
    for path in paths("S0"):
        assert_refused(rebooking.get(path), 503, "rebooking")
    assert_refused(rebooking.get(f"/portfolios/{P}/transactions/LATE"), 503, "rebooking")
    rebooking.book()
    assert rebooking.position("S0").json()["quantity"] == "410"


def test_other_holdings_of_its_portfolio_are_shown_meanwhile(rebooking: Worker) -> None:
    assert rebooking.position("S1").status_code == 200
    assert rebooking.get(f"/portfolios/{P}/transactions/OTHER").status_code == 200


def test_nothing_is_said_of_holdings_whose_new_terms_have_not_reached_them(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(40):
        worker.trade(f"T{n}", f"S{n:02}")
    worker.book()
    monkeypatch.setattr(lane_module, "STEPS_MAX", 10)
    worker.portfolio("LIFO")
    worker.book_once()
    assert_refused(worker.get(f"/portfolios/{P}/positions"), 503, "rebooking")
    assert worker.position("S00").json()["cost_basis_method"] == "LIFO"
    for path in paths("S39", "T39"):
        assert_refused(worker.get(path), 503, "rebooking")
    worker.book()
    positions = worker.get(f"/portfolios/{P}/positions").json()["positions"]
    assert [row["cost_basis_method"] for row in positions] == ["LIFO"] * 40


def test_a_partition_of_somebody_else_is_not_answered_for(worker: Worker) -> None:
    assert_refused(worker.get(f"/portfolios/{ELSEWHERE}/positions"), 503, "not-owner")
    worker.served = frozenset()
    worker.trade("T0")
    worker.book()
    for path in paths():
        assert_refused(worker.get(path), 503, "not-owner")


def test_who_may_have_lost_its_partitions_answers_nothing(worker: Worker) -> None:
    worker.trade("T0")
    worker.book()
    worker.may_answer = False
    for path in paths():
        assert_refused(worker.get(path), 503, "rebalancing")


@pytest.mark.parametrize("change", ["served", "lane", "closed"])
def test_an_answer_that_a_rebalance_overtakes_is_not_given(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    worker.trade("T0")
    worker.book()
    snapshot = Table.snapshot

    def overtaken(table: Table) -> object:
        worker.served -= {0} if change == "served" else set()
        worker.pumps = {0: SimpleNamespace(lane=None)} if change != "served" else worker.pumps
        if change == "closed":
            raise RuntimeError("the table is closed")
        return snapshot(table)

    monkeypatch.setattr(Table, "snapshot", overtaken)
    for path in [*paths(), f"/portfolios/{P}/positions/NONE"]:
        worker.served, worker.pumps = frozenset({0}), {0: SimpleNamespace(lane=worker.lane)}
        assert worker.get(path).status_code == 503


def test_a_state_that_a_question_finds_unreadable_ends_the_process(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise ConnectionAbortedError

    monkeypatch.setattr(lane_module, "os", SimpleNamespace(_exit=end))

    def unreadable(table: Table) -> object:
        with table._condemned_if_corrupt():
            raise OSError("Corruption: block checksum mismatch")

    worker.trade("T0")
    worker.book()
    monkeypatch.setattr(Table, "snapshot", unreadable)
    with pytest.raises(ConnectionAbortedError):
        worker.position()
    assert codes == [EXIT_LANE_FAILED]
    assert (tmp_path / "partition-0" / "condemned").exists()


# -- one moment


def test_an_answer_shows_one_moment_while_batches_are_written(worker: Worker) -> None:
    """Every batch buys one unit in each of two holdings."""
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            for security in ("S0", "S1"):
                worker.trade(f"{security}-{number:05}", security, quantity="1")
            worker.book()

    writer = threading.Thread(target=write)
    writer.start()
    seen: set[str] = set()
    while len(seen) < 10:
        answer = worker.get(f"/portfolios/{P}/positions")
        if answer.status_code == 200:
            both = answer.json()
            counts = {row["quantity"] for row in both["positions"]}
            assert counts == {str(both["through"]["raw_transactions"] // 2)}
            lots = worker.get(f"/portfolios/{P}/positions/S1/lots").json()
            assert len(lots["lots"]) == lots["through"]["raw_transactions"] // 2
            seen |= counts
    ended.set()
    writer.join()
    assert len(seen) == 10


# -- whether something was taken in


def test_applied_is_said_once_the_record_is_in_the_books(worker: Worker) -> None:
    worker.trade("T0")
    asked = f"/applied?topic={RAW_TRANSACTIONS.name}&partition=0&offset=0&timeout="
    assert worker.get(asked + "0").status_code == 202
    timer = threading.Timer(0.2, worker.book)
    timer.start()
    answer = worker.get(asked + "20")
    assert (answer.status_code, answer.json()) == (200, {"applied": True})
    assert worker.position().status_code == 200


def test_applied_gives_up_where_the_partition_is_gone(worker: Worker) -> None:
    def lose() -> None:
        time.sleep(0.1)
        worker.may_answer = False

    threading.Thread(target=lose).start()
    asked = f"/applied?topic={RAW_TRANSACTIONS.name}&partition=0&offset=0&timeout=20"
    assert_refused(worker.get(asked), 503, "rebalancing")


# -- about itself


def test_readiness_says_whether_it_may_answer(worker: Worker) -> None:
    ready = worker.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "partitions": [0]})
    worker.may_answer = False
    assert worker.get("/readyz").status_code == 503
    assert worker.get("/livez").status_code == 200


def test_the_map_of_owners_is_passed_on(worker: Worker) -> None:
    assert worker.get("/owners").json() == {"partitions": 8, "owners": {"0": "http://here"}}


def test_metrics_are_shown_without_a_broker_and_the_lag_is_then_unknown(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: object) -> None:
        raise KafkaException

    monkeypatch.setattr(lag, "committed_ends", away)
    answer = worker.get("/metrics")
    assert answer.status_code == 200
    assert "portfolio_lag_records NaN" in answer.text
    assert "portfolio_events_total" in answer.text
