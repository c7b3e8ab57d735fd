import asyncio
import threading
import time

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams import answers, ends
from tests.oracle.murmur2 import partition_of
from tests.streams.asked import THROUGH, P, Worker, assert_refused, paths
from tests.streams.lanes import (
    PARTITIONS,
    Message,
    batch,
)
from tests.wire.events import text_of
from wire.topics import FORWARDED, RAW_TRANSACTIONS


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
    worker.rate("2", "2024-01-01")
    for security_id in ("A", "B", "C"):
        worker.instrument(security_id)
    worker.book()
    worker.lane.handle([batch([Message(1, None, b"{")], after=5)])
    for path in paths():
        through = worker.get(path).json()["through"]
        assert through.keys() == THROUGH
        assert tuple(through.values()) == (0, 5, 2, 1, 1, 3)
        progress = worker.lane.progress
        at = *progress.next_offsets, progress.fx_rates, progress.instruments
        assert at == (5, 2, 1, 1, 3)


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
    early = worker.get(asked + "0")
    assert (early.status_code, early.json()) == (202, {"applied": False, "next_offset": 0})
    for timeout in ("NaN", "-1", "1e9"):
        assert worker.get(asked + timeout).status_code == 422
    timer = threading.Timer(0.2, worker.book)
    timer.start()
    answer = worker.get(asked + "20")
    assert (answer.status_code, answer.json()) == (200, {"applied": True, "next_offset": 1})
    assert worker.position().status_code == 200


def test_applied_gives_up_where_the_partition_is_gone(worker: Worker) -> None:
    def lose() -> None:
        time.sleep(0.1)
        worker.may_answer = False

    threading.Thread(target=lose).start()
    asked = f"/applied?topic={RAW_TRANSACTIONS.name}&partition=0&offset=0&timeout=20"
    assert_refused(worker.get(asked), 503, "rebalancing")


# -- the results of many


def test_results_of_many_are_given_in_their_order_from_one_snapshot(worker: Worker) -> None:
    for n in range(250):
        worker.trade(f"T{n}", f"S{n % 3}")
    worker.cancel("T7")
    worker.book()
    asked = [f"T{n}" for n in range(249, -1, -1)]
    found = worker.results(*asked, "NONE").json()["results"]
    assert [each and each["transaction_id"] for each in found] == [*asked, None]
    assert found[0] == worker.get(f"/portfolios/{P}/transactions/T249").json()
    assert found[-2]["through"]["raw_transactions"] == 251
    assert found[242]["status"] == "CANCELLED"


def test_portfolio_records_in_force_are_given_in_their_order(worker: Worker) -> None:
    worker.portfolio("LIFO")
    worker.portfolio("HIFO", version=3)
    worker.portfolio("AVCO", version=2)
    worker.portfolio("HIFO", version=3)
    worker.trade("T0")
    worker.book()
    asked = text_of({"partition": 0, "identities": ["NONE", P, P]})
    found = worker.post(asked, "/portfolios").json()["results"]
    assert [each and each["cost_basis_method"] for each in found] == [None, "HIFO", "HIFO"]
    assert (found[1]["version"], found[1]["through"]["portfolios"]) == (3, 4)
    assert found[1]["as_of"] > 0
    assert found[1]["source_offset"] == 1, "the one of the two that are the same that was first"


def test_an_answer_that_is_full_leaves_the_rest_to_the_next_question(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        worker.trade(f"T{n}")
    worker.book()
    monkeypatch.setattr(answers, "RESULTS_BYTES_MAX", 1)
    assert [each is None for each in worker.results("T0", "T1", "T2").json()["results"]] == [
        False, True, True,
    ]  # fmt: skip
    assert worker.results("T2").json()["results"][0]["transaction_id"] == "T2"


def test_a_thousand_results_are_read_in_less_time_than_a_hundred_questions_take(
    worker: Worker,
) -> None:
    for n in range(1000):
        worker.trade(f"T{n}")
    worker.book()
    started = time.monotonic()
    assert None not in worker.results(*(f"T{n}" for n in range(1000))).json()["results"]
    of_many = time.monotonic() - started
    started = time.monotonic()
    for n in range(100):
        assert worker.get(f"/portfolios/{P}/transactions/T{n}").status_code == 200
    assert of_many < time.monotonic() - started


# -- about itself


def test_a_long_answer_does_not_delay_what_it_says_about_itself(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_more = threading.Event()

    def long(*arguments: object) -> bytes:
        assert asked_more.wait(20)
        return b"{}"

    monkeypatch.setattr(answers, "positions", long)

    async def both() -> tuple[int, int]:
        answer = asyncio.ensure_future(worker.ask("GET", f"/portfolios/{P}/positions"))
        await asyncio.sleep(0.1)
        owners = await worker.ask("GET", "/owners")
        asked_more.set()
        return owners.status_code, (await answer).status_code

    assert asyncio.run(both()) == (200, 200)


def test_readiness_says_whether_it_may_answer(worker: Worker) -> None:
    ready = worker.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "partitions": [0]})
    worker.may_answer = False
    assert worker.get("/readyz").status_code == 503
    assert worker.get("/livez").status_code == 200


def test_the_map_of_owners_is_passed_on(worker: Worker) -> None:
    assert worker.get("/owners").json() == {"partitions": 8, "owners": {"0": "http://here"}}


def test_metrics_and_status_are_shown_without_a_broker_and_the_lag_is_then_unknown(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: object) -> None:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(ends, "ends_at", away)
    answer = worker.get("/metrics")
    assert answer.status_code == 200
    assert "portfolio_lag_records NaN" in answer.text
    assert "portfolio_events_total" in answer.text
    status = worker.get("/status").json()
    assert (status["partitions"], status["lag"]) == ([0], None)
