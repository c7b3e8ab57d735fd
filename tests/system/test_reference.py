"""Reference data through real processes: each record once, whoever is killed."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psycopg2
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from cli.servers import Connections
from migrations.upgrade import downgrade, upgrade
from streams.topics import create_topics
from tests.cli.portfolio import Portfolio
from tests.oracle.events import Message
from tests.streams.reference import Sent, expected
from tests.system import log
from tests.system.events import NOW, reference
from tests.system.system import Part, System
from tests.system.whole import Whole
from tests.wire.reference import DAY, FULL, INSTRUMENT, PRICE, RATE
from wire.reference import KINDS, OF_FX_RATES, OF_INSTRUMENTS, OF_MARKET_PRICES, Kind
from wire.topics import FX_RATES, MARKET_PRICES

SECONDS_MAX = 60


def mess(seed: int, count: int) -> list[Message]:
    """Records of all kinds: corrections in any order, duplicates, contradictions and junk."""
    random = Random(seed)
    messages = []
    for _ in range(count):
        kind, event = random.choice(FULL)
        if random.random() < 0.02:
            junk = random.choice([b"", b"{", b'{"version":0}', None])
            messages.append(
                Message(topic=kind.name, partition=0, key=b"\xff", value=junk, when=NOW)
            )
            continue
        day = f"2024-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}"
        changes: dict[str, object] = {"version": random.randrange(1, 5)}
        for name in kind.identity:
            if name.endswith("_date"):
                changes[name] = day
            elif name in ("security_id", "calendar"):
                changes[name] = f"S{random.randrange(20)}"
        told = {"rating": "A"} | {"price": "2"} | {"rate": "3"} | {"is_business_day": True}
        if random.random() < 0.3:
            changes |= {name: value for name, value in told.items() if name in event}
        messages.append(reference(kind, event | changes))
    return messages


def logs(system: System, kind: Kind[Any]) -> list[Sent]:
    return [
        Sent(m.topic(), m.partition(), m.offset(), 0, m.key(), m.value())
        for m in log.read(system.kafka, kind.name)
    ]


def differences(system: System) -> list[str]:
    """Where the tables are not what the topics amount to."""
    wrong = []
    letters = {(row["topic"], row["offset"]) for row in system.rows("dead_letters")}
    for kind in KINDS:
        in_force, dead = expected(kind, logs(system, kind))
        found = {}
        for row in system.rows(kind.name):
            content = kind.content(**{name: row[name] for name in kind.fields})
            found[kind.identity_of(content)] = content, row["source_offset"]
        if found != in_force:
            wrong.append(f"{kind.name}: {len(found)} rows, expected {len(in_force)}")
        if {offset for topic, offset in letters if topic == kind.name} != set(dead):
            wrong.append(f"{kind.name}: dead letters")
    return wrong


def wait_stored(system: System, seconds: float = SECONDS_MAX) -> None:
    system.wait_until(system.is_stored, seconds, "all reference data is stored")


def test_a_store_that_is_killed_again_and_again_stores_each_record_once(system: System) -> None:
    messages, kills = mess(1, 20_000), 0
    sender = threading.Thread(target=log.send, args=(system.kafka, messages, 3000))
    sender.start()
    while sender.is_alive():
        system.store.start()
        time.sleep(2.5)
        system.store.kill()
        kills += 1
    sender.join()
    system.store.start()
    wait_stored(system)
    assert differences(system) == []
    assert kills > 1
    counts = {kind.name: len(logs(system, kind)) for kind in KINDS}
    assert sum(counts.values()) == len(messages)
    assert {row["topic"]: row["next_offset"] for row in system.rows("store_progress")} == (
        {row["topic"]: row["next_offset"] for row in system.rows("store_progress")} | counts
    )


def test_a_row_that_is_changed_behind_the_store_is_found(system: System) -> None:
    """The comparison above can fail."""
    log.send(system.kafka, mess(2, 500))
    system.store.start()
    wait_stored(system)
    assert differences(system) == []
    with psycopg2.connect(system.database_url) as connection:
        cursor = connection.cursor()
        cursor.execute("UPDATE fx_rates SET rate = rate + 1 WHERE source_offset % 7 = 0")
        cursor.execute("DELETE FROM dead_letters WHERE topic = 'instruments'")
    connection.close()
    assert [each.partition(":")[0] for each in differences(system)] == ["instruments", "fx_rates"]


def test_an_emptied_database_refills_by_itself(system: System) -> None:
    log.send(system.kafka, mess(3, 3000))
    system.store.start()
    wait_stored(system)
    downgrade(system.database_url, "base")
    upgrade(system.database_url)
    log.send(system.kafka, mess(4, 500))
    wait_stored(system)
    assert differences(system) == []
    assert len(system.rows("market_prices")) > 100


def test_two_stores_store_each_record_once(system: System) -> None:
    other = Part(system.folder, "store-2", system.store._environment, "store")
    system.others.append(other)
    system.store.start()
    other.start()
    log.send(system.kafka, mess(5, 6000), per_second=2000)
    wait_stored(system)
    assert differences(system) == []


def test_what_a_transaction_takes_back_was_never_there(system: System) -> None:
    system.store.start()
    producer = Producer({**system.kafka.options, "transactional.id": "reference"})
    producer.init_transactions(30)
    for price, is_committed in (("1", True), ("2", False), ("3", True), ("4", False)):
        producer.begin_transaction()
        event = PRICE | {"price": price, "version": int(price)}
        producer.produce(MARKET_PRICES.name, json.dumps(event), b"k", 0)
        producer.flush(10)
        if is_committed:
            producer.commit_transaction(10)
        else:
            producer.abort_transaction(10)
    # The marker of the last one is passed too: the lag is 0.
    wait_stored(system)
    [row] = system.rows("market_prices")
    assert (row["price"], row["version"], row["source_offset"]) == (3, 3, 4)


def test_a_topic_that_was_made_anew_ends_the_store(system: System) -> None:
    log.send(system.kafka, [reference(OF_FX_RATES, RATE)])
    system.store.start()
    wait_stored(system)
    system.store.stop()
    admin = AdminClient({**system.kafka.options})
    admin.delete_topics([FX_RATES.name])[FX_RATES.name].result()
    system.wait_until(
        lambda: FX_RATES.name not in admin.list_topics(timeout=10).topics, 30, "it is deleted"
    )
    create_topics(system.kafka, log.PARTITIONS)
    system.store.start()
    assert system.store.process is not None
    assert system.store.process.wait(30) == 72
    system.store.process = None
    assert "its topic does not reach" in system.store.said()
    assert system.holes()
    system.may_find_holes = True


def test_the_tables_are_waited_for(system: System) -> None:
    downgrade(system.database_url, "0002")
    log.send(system.kafka, [reference(OF_FX_RATES, RATE)])
    system.store.start()
    system.wait_until(lambda: "does not exist" in system.store.said(), 30, "it says what is away")
    upgrade(system.database_url)
    wait_stored(system)
    assert len(system.rows("fx_rates")) == 1


@pytest.fixture
def whole(system: System, start: Callable[[Connections], Whole]) -> Whole:
    whole = start(Connections(system.kafka, system.database_url))
    whole.wait_until_ready()
    return whole


def test_each_door_leads_to_every_answer(whole: Whole, tmp_path: Path) -> None:
    def get(path: str, **asked: str) -> Any:  # noqa: ANN401 - JSON
        answer = httpx.get(whole.url + path, params=asked, trust_env=False, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(path: str, name: str, event: Mapping[str, object]) -> None:
        body = {name: [event]}
        answer = httpx.post(whole.url + path, json=body, trust_env=False, timeout=20)
        assert answer.status_code == 202, answer.text

    log.send(whole.kafka, [reference(OF_INSTRUMENTS, INSTRUMENT)])
    log.send(whole.kafka, [reference(OF_MARKET_PRICES, PRICE | {"price": "-1"})])
    post("/ingest/market-prices", "market_prices", PRICE)
    post("/ingest/market-prices", "market_prices", PRICE | {"price": "1"})
    post("/ingest/business-dates", "business_dates", DAY)
    file = tmp_path / "rates.csv"
    file.write_text(",".join(RATE) + "\n" + ",".join(map(str, RATE.values())) + "\n")
    portfolio = Portfolio(
        {"KAFKA_BOOTSTRAP": whole.kafka.bootstrap, "DATA_DIR": str(tmp_path / "data")}
    )
    assert portfolio.json("ingest", file)["topic"] == "fx_rates"
    wait_stored(whole)
    assert get("/instruments/AAPL.XNAS")["isin"] == INSTRUMENT["isin"]
    [price] = get("/market-prices", security_id="AAPL.XNAS")["items"]
    assert (price["price"], price["source_offset"]) == ("184.4", 1)
    [rate] = get("/fx-rates", from_currency="USD")["items"]
    assert (rate["rate"], rate["rate_date"]) == ("0.9213", "2024-01-31")
    [day] = get("/business-dates", calendar="XNYS")["items"]
    assert day["is_business_day"] is False
    letters = get("/dead-letters")["items"]
    assert {(each["topic"], each["partition"], each["offset"]) for each in letters} == {
        ("market_prices", 0, 0), ("market_prices", 0, 2),
    }  # fmt: skip
    rules = {each["offset"]: [error["rule"] for error in each["errors"]] for each in letters}
    assert rules == {
        0: ["decimal_must_not_be_negative"], 2: ["version_must_be_higher_to_correct"],
    }  # fmt: skip
    assert {each["key"] for each in letters} == {"AAPL.XNAS|2024-01-31"}
