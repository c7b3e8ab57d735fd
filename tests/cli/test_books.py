"""The commands that ask a running system, and `verify`, which must notice whatever is wrong."""

import json
import os
import signal
from collections.abc import Iterator

import psycopg2
import pytest
from confluent_kafka import Producer
from psycopg2.extensions import cursor

from calculator import Rates, ReliefMethod
from cli.lag import ask_all, wait_until_applied
from cli.servers import connections
from cli.status import collect
from cli.verify.check import check
from cli.workers import Workers
from tests.api.serving import served
from tests.cli.booking import (
    ELSEWHERE,
    EVENTS,
    HOME,
    RAW,
    RECORDS,
    REFERENCE,
    REFERENCE_DEAD,
    STRAYS,
    UNREADABLE,
    trade,
)
from tests.cli.portfolio import Portfolio, until
from tests.cli.relay import Change, relay
from tests.cli.spoiled import SPOILED
from tests.system.log import read
from wire.topics import COMPLETED


@pytest.fixture(scope="module")
def booked(running: Portfolio, tmp_path_factory: pytest.TempPathFactory) -> Portfolio:
    """Everything that can come in, and has been booked and stored."""
    folder = tmp_path_factory.mktemp("files")
    for name, events in (("portfolios.jsonl", RECORDS), ("transactions.jsonl", EVENTS)):
        file = folder / name
        file.write_text("\n".join(map(json.dumps, events)))
        running("ingest", file)
    wait_until_applied(running.settings, 60)
    producer = Producer({**connections(running.settings).kafka.options})
    strays = [
        # Misrouted, and one of them a conflict with what is known.
        trade("M1", "BUY", "2024-05-01", "5", "5", security_id="STRAY"),
        trade("M2", "BUY", "2024-05-01", "6", "6", security_id="STRAY", version="3"),
        trade("M2", "BUY", "2024-05-01", "7", "6", security_id="STRAY", version="3"),
        trade("X1", "BUY", "2024-04-01", "3", "1", security_id="CONFLICT"),
    ]
    for stray in strays:
        producer.produce(RAW, json.dumps(stray), "P1", ELSEWHERE)
    for junk in (b"junk", b"", None):
        producer.produce(RAW, junk, b"P1", HOME)
    for topic, record in REFERENCE:
        producer.produce(topic, json.dumps(record), "ACME", 0)
    producer.flush()
    wait_until_applied(running.settings, 60)
    return running


@pytest.fixture
def database(booked: Portfolio) -> Iterator[cursor]:
    """A session that commits each statement."""
    connection = psycopg2.connect(connections(booked.settings).database_url)
    connection.autocommit = True
    with connection.cursor() as opened:
        yield opened
    connection.close()


def test_status_tells_where_everything_is_and_what_became_of_the_inputs(booked: Portfolio) -> None:
    said = booked.json("status")
    found = connections(booked.settings)
    assert said["kafka"]["bootstrap"] == found.kafka.bootstrap
    assert said["database"]["url"] == found.database_url
    assert said["api"]["url"].endswith(booked.environment["API_PORT"])
    assert sorted(p for worker in said["workers"] for p in worker["partitions"]) == list(range(8))
    assert len({worker["pid"] for worker in said["workers"]}) == 2
    assert said["lag"] == {"book": 0, "store": 0}
    inputs = said["inputs"]
    assert inputs["read"] == len(EVENTS) + 4 + UNREADABLE + inputs["forwarded"]
    assert inputs == {
        "read": inputs["booked"] + 1 + 0 + 4 + inputs["dead"],
        "booked": len(EVENTS) - 2 + 2,
        "duplicate": 1,
        "superseded": 0,
        "forwarded": 4,
        "dead": UNREADABLE + 3,
    }


def test_status_for_people_hides_the_password(booked: Portfolio) -> None:
    password = connections(booked.settings).database_url.split(":")[2].partition("@")[0]
    said = booked("status").stdout
    assert ":***@" in said
    assert password not in said


def test_positions_show_what_is_held(booked: Portfolio) -> None:
    said = booked.json("positions", "P1")["positions"]
    held = {one["security_id"]: one["quantity"] for one in said}
    assert held == {"ACME": "5", "NORATE": "0", "CONFLICT": "1", "STRAY": "11"}
    assert "ACME" in booked("positions", "P1").stdout


def test_the_value_without_a_day_is_live(booked: Portfolio) -> None:
    said = booked.json("value", "P1")
    assert said["through"]
    valued = {one["security_id"]: (one["quantity"], one["quality"]) for one in said["positions"]}
    assert valued["ACME"] == ("5", "stale")
    shown = booked("value", "P1").stdout
    assert f"value of P1 on {said['on']}, in USD" in shown
    assert "stale: price_must_be_recent" in shown


def test_lots_show_what_is_left_of_them(booked: Portfolio) -> None:
    (lot,) = booked.json("lots", "P1", "ACME")["lots"]
    assert (lot["lot_id"], lot["quantity"], lot["cost"]) == ("B2", "5", "551.5")


def test_transactions_can_be_filtered_and_limited(booked: Portfolio) -> None:
    def ids(*filters: str) -> list[str]:
        items = booked.json("transactions", "P1", *filters)["items"]
        return [one["transaction_id"] for one in items]

    assert ids("--status", "REJECTED") == ["S2"]
    assert ids("--status", "PENDING") == ["N1"]
    assert ids("--security", "ACME", "--from", "2024-01-02", "--to", "2024-03-01") == ["S1", "B2"]
    assert ids("--limit", "1") == ["M1"]
    assert "quantity_must_not_exceed_holding" in booked("transactions", "P1").stdout


def test_a_sale_is_explained_by_the_lots_it_consumed(booked: Portfolio) -> None:
    said = booked.json("explain", "P1", "S1")
    taken = [(d["lot_id"], d["quantity"]) for d in said["transaction"]["disposals"]]
    assert taken == [("B1", "10"), ("B2", "5")]
    shown = booked("explain", "P1", "S1").stdout
    assert "SELL 15 ACME on 2024-02-01T00:00:00Z: BOOKED" in shown
    assert "lots it consumed" in shown


def test_a_purchase_is_explained_by_the_sales_that_consumed_it(booked: Portfolio) -> None:
    said = booked.json("explain", "P1", "B2")
    assert [(d["transaction_id"], d["quantity"]) for d in said["consumed_by"]] == [("S1", "5")]
    assert "who consumed its lot" in booked("explain", "P1", "B2").stdout


def test_of_a_purchase_that_nothing_consumed_it_is_said(booked: Portfolio) -> None:
    assert "Nothing has consumed its lot yet." in booked("explain", "P1", "X1").stdout
    assert "Nothing has consumed" not in booked("explain", "P1", "B2").stdout
    assert "Nothing has consumed" not in booked("explain", "P1", "S1").stdout


def test_of_a_cancelled_transaction_it_is_said_what_cancelled_it(booked: Portfolio) -> None:
    said = booked("explain", "P1", "C1").stdout
    assert "Version 2 cancelled this transaction" in said
    assert f"{RAW}, partition {HOME}" in said


def test_of_a_purchase_that_went_into_a_pool_no_consumer_is_told(booked: Portfolio) -> None:
    said = booked.json("explain", "P2", "A1")
    assert (said["is_pooled"], said["consumed_by"]) == (True, [])
    assert "pool" in booked("explain", "P2", "A1").stdout


def test_a_rejection_is_explained_by_its_reason(booked: Portfolio) -> None:
    shown = booked("explain", "P1", "S2").stdout
    assert "quantity_must_not_exceed_holding" in shown
    assert "500" in shown


@pytest.mark.parametrize(
    "question",
    [
        ("positions", "NOBODY"),
        ("value", "NOBODY"),
        ("lots", "P1", "NOTHING"),
        ("transactions", "NOBODY"),
        ("transactions", "NOBODY", "--status", "BOOKED"),
        ("explain", "P1", "NEVER"),
    ],
)
def test_what_is_unknown_is_said_on_stderr_with_exit_code_1(
    booked: Portfolio, question: tuple[str, ...]
) -> None:
    result = booked(*question, code=1)
    unknown = question[1] if question[0] == "transactions" else question[-1]
    assert unknown in result.stderr
    assert result.stdout == ""
    assert unknown in booked.json(*question, code=1)["error"]


def test_a_portfolio_without_such_transactions_is_known(booked: Portfolio) -> None:
    assert booked.json("transactions", "P1", "--security", "NOTHING") == {"items": []}


def test_verify_finds_nothing_wrong_with_right_books(booked: Portfolio) -> None:
    said = booked.json("verify")
    assert said["first"] == []
    assert said["good"] is True
    assert said["events"] == len(EVENTS) + 4 + UNREADABLE
    assert said["compared"]["table dead_letters"] == UNREADABLE + 3 + REFERENCE_DEAD
    for table in ("instruments", "market_prices", "fx_rates", "business_dates"):
        assert said["compared"][f"table {table}"] == 1
    assert said["compared"]["live lots"] == said["compared"]["view lots"] == 5
    assert said["compared"]["live transactions"] == said["compared"]["table transactions"] == 15
    assert said["not_asked"] == 0


@pytest.mark.parametrize(("spoil", "repair", "place", "key", "column"), SPOILED)
def test_verify_finds(
    booked: Portfolio, database: cursor, spoil: str, repair: str, place: str, key: str, column: str
) -> None:
    database.execute(spoil)
    try:
        said = booked.json("verify", code=1)
    finally:
        database.execute(repair)
    found = [(one["place"], one["column"]) for one in said["first"] if one["key"].startswith(key)]
    assert said["good"] is False
    assert (place, column) in found
    assert f"{said['differences']} differences" not in booked("verify").stdout


@pytest.mark.parametrize(
    ("path", "change", "place", "key", "column"),
    [
        pytest.param(
            "positions", lambda said: said["positions"][0].update(cost="1"),
            "live positions", "P1 ACME", "cost", id="position",
        ),
        pytest.param(
            "positions/ACME/lots", lambda said: said["lots"][0].update(quantity="4"),
            "live lots", "P1 ACME 0", "quantity", id="lot",
        ),
        pytest.param(
            "transactions/S1", lambda said: said.update(net_cost="1"),
            "live transactions", "P1 S1", "net_cost", id="transaction",
        ),
        pytest.param(
            "transactions/S1", lambda said: said["disposals"].pop(),
            "live transactions", "P1 S1", "disposals", id="disposal_left_out",
        ),
        pytest.param(
            "transactions/N1", lambda said: said.update(as_of=said["as_of"] - 1),
            "live transactions", "P1 N1", "as_of", id="old_answer",
        ),
    ],
)  # fmt: skip
def test_verify_finds_a_live_answer_that_is_wrong(
    booked: Portfolio, path: str, change: Change, place: str, key: str, column: str
) -> None:
    workers = ask_all(booked.settings)
    with served(relay(workers, f"/portfolios/P1/{path}", change)) as url:
        lying = Workers(workers.statuses, dict.fromkeys(range(8), url))
        report = check(connections(booked.settings), lying, 8, ReliefMethod.FIFO, Rates(), 10)
    found = [(one.place, one.key, one.column) for one in report.differences]
    assert found == [(place, key, column)]


def test_of_too_many_transactions_verify_asks_some_and_says_so(
    booked: Portfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.verify.check.LIVE_TRANSACTIONS_MAX", 6)
    said = booked.json("verify")
    asked = said["compared"]["live transactions"]
    assert 6 <= asked < 15
    assert asked + said["not_asked"] == said["compared"]["table transactions"]
    assert f"of 15 transactions {asked}, evenly, were asked live" in booked("verify").stdout


@pytest.mark.parametrize("part", ["API", "store", "worker"])
def test_status_names_a_part_that_is_away(booked: Portfolio, part: str) -> None:
    said = booked.json("status")
    found = said["workers"][0] if part == "worker" else said[part.lower()]
    os.kill(found["pid"], signal.SIGKILL)
    away = booked.json("status", code=1)["away"]
    name = f"the worker {found['url']}" if part == "worker" else f"the {part}"
    assert f"{name} does not answer" in away
    # It is started again, and takes its partitions back.
    until(lambda: collect(booked.settings)["away"] == [], 60)


def test_what_runs_cannot_be_reset_or_started_again(booked: Portfolio) -> None:
    for command in (("reset", "--yes"), ("up",), ("up", "--detach")):
        said = booked(*command, code=1).stderr
        assert "is running already" in said
        assert "`portfolio down` ends it" in said


def test_a_reset_must_be_meant(booked: Portfolio) -> None:
    assert "--yes" in booked("reset", code=2).stderr


def test_migrating_again_changes_nothing(booked: Portfolio) -> None:
    said = booked.json("migrate")
    assert said["before"] == said["revision"] is not None


def test_verify_expects_what_becomes_of_records_that_no_producer_of_events_would_send(
    booked: Portfolio,
) -> None:
    before = booked.json("verify")["compared"]
    producer = Producer(
        {
            **connections(booked.settings).kafka.options,
            "compression.type": "gzip",
            "message.max.bytes": 100 << 20,
        }
    )
    for topic, value, partition, headers in STRAYS:
        producer.produce(topic, value, b"P1", partition, headers=headers)
    assert producer.flush(30) == 0
    wait_until_applied(booked.settings, 60)
    said = booked.json("verify")
    assert said["first"] == []
    assert said["compared"]["table dead_letters"] == before["table dead_letters"] + 7
    assert said["compared"]["table transactions"] == before["table transactions"] + 1


def test_verify_finds_a_wrong_record_in_the_results_topic(booked: Portfolio) -> None:
    # The last of all: what is in the topic stays there.
    kafka = connections(booked.settings).kafka
    right = [
        message
        for message in read(kafka, COMPLETED.name)
        if json.loads(message.value())["transaction_id"] == "S1"
    ][-1]
    wrong = json.loads(right.value())
    wrong |= {"realized_gain_loss": "1", "as_of": wrong["as_of"] + 1_000_000}
    producer = Producer({**kafka.options})
    producer.produce(COMPLETED.name, json.dumps(wrong), right.key(), right.partition())
    producer.flush()
    said = booked.json("verify", code=1)
    found = {(one["place"], one["key"], one["column"]) for one in said["first"]}
    assert ("topic raw_transactions_completed", "P1 S1", "realized_gain_loss") in found
    assert ("table transactions", "P1 S1", "realized_gain_loss") in found
    assert ("live transactions", "P1 S1", "as_of") in found
