import json
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer, TopicPartition

from cli.servers import Connections
from streams.fetched import EXIT_LOG_HOLE
from streams.step import PART_BYTES_MAX
from streams.topics import Admin
from tests.oracle.events import Message
from tests.streams.kafka import end_of, messages
from tests.system.events import trade
from tests.system.log import make_topics_anew, send
from tests.system.system import Part, System
from wire.partitioner import partition_of
from wire.topics import COMPLETED, DEAD_LETTER, FORWARDED, RAW_TRANSACTIONS

P = "P0"
PARTITION = partition_of(P, 8)
SECONDS_MAX = 60


@pytest.fixture(scope="module")
def system(servers: Connections, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One worker that serves every partition."""
    make_topics_anew(servers.kafka)
    with System(servers, "postgresql://none", tmp_path_factory.mktemp("system")) as system:
        start(system, system.worker())
        yield system


def start(system: System, worker: Part) -> None:
    worker.start()
    system.wait_until(system.is_serving, SECONDS_MAX, "the worker serves")


def purchases(name: str, count: int) -> list[Message]:
    return [trade(P, f"{name}{n}", "BUY", "2024-01-01", "1", "1") for n in range(count)]


def book(system: System, events: list[Message]) -> None:
    send(system.kafka, events)
    system.wait_until(system.is_booked, SECONDS_MAX, "every record is booked")


def produce(system: System, topic: str, value: bytes | None, **options: Any) -> None:  # noqa: ANN401
    producer = Producer(
        {
            **system.kafka.options, "compression.type": "gzip",
            "message.max.bytes": 100 << 20,
        }
    )  # fmt: skip
    producer.produce(topic, value, partition=PARTITION, **options)
    assert producer.flush(30) == 0


def log_lines(part: Part) -> list[dict[str, Any]]:
    return [json.loads(line) for line in part.said().splitlines()]


def metric(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


# -- logs


def test_logs_are_lines_of_json_and_a_dead_letter_says_whose_it_is_and_where_it_lies(
    system: System,
) -> None:
    event = trade(P, "BAD", "BUY", "2024-01-01", "-1", "1")
    book(system, [event])
    [letter] = [m for m in messages(system.kafka, DEAD_LETTER, PARTITION) if b"BAD" in m.value()]
    lines = log_lines(system.workers[0])
    for line in lines:
        assert line.keys() >= {"event", "level", "logger", "timestamp"}
    [told] = [line for line in lines if line.get("transaction") == "BAD"]
    assert (told["event"], told["level"], told["portfolio"]) == ("dead_letter", "warning", P)
    assert (told["topic"], told["partition"]) == (RAW_TRANSACTIONS.name, PARTITION)
    assert told["offset"] == int(dict(letter.headers())["source-offset"])
    assert [error["rule"] for error in told["errors"]] == ["decimal_must_not_be_negative"]


def test_taking_over_and_serving_are_told_with_their_partitions(system: System) -> None:
    told = {line["event"]: line for line in log_lines(system.workers[0])}
    assert told["took_over"]["partitions"] == told["serving"]["partitions"] == list(range(8))


# -- metrics


def test_events_stages_lots_and_partitions_are_shown_over_http(system: System) -> None:
    def shown() -> str:
        return httpx.get(f"{system.urls[0]}/metrics", timeout=10, trust_env=False).text

    before = shown()
    book(system, [*purchases("M", 5), *purchases("M", 5)])
    after = shown()
    for outcome, count in (("booked", 5), ("duplicate", 5)):
        name = f'portfolio_events_total{{outcome="{outcome}"}}'
        known = metric(before, name) if name in before else 0
        assert metric(after, name) - known == count
    for stage in ("book", "transaction", "state"):
        assert metric(after, f'portfolio_batch_seconds_count{{stage="{stage}"}}') > 0
    assert metric(after, f'portfolio_cached_lots{{partition="{PARTITION}"}}') >= 5
    assert metric(after, "portfolio_served_partitions") == 8
    assert metric(after, "portfolio_lag_records") == 0


def test_the_lag_rises_with_what_waits_and_falls_to_nothing(system: System) -> None:
    # The later half of them are late, so that they take their time.
    dates = [f"2024-01-01T{n % 24:02}:{n // 24 % 60:02}:00Z" for n in range(4_000, 0, -1)]
    late = [trade(P, f"L{n}", "BUY", date, "1", "1") for n, date in enumerate(dates)]
    send(system.kafka, late)
    seen: list[float] = []
    until = time.monotonic() + SECONDS_MAX
    while not seen or seen[-1] > 0:
        assert time.monotonic() < until
        text = httpx.get(f"{system.urls[0]}/metrics", timeout=10, trust_env=False).text
        seen.append(metric(text, "portfolio_lag_records"))
    assert max(seen) > 0


# -- poison


def test_records_that_are_huge_once_unpacked_are_dead_letters_and_the_partition_goes_on(
    system: System,
) -> None:
    huge = b" " * (PART_BYTES_MAX + 1)
    produce(system, RAW_TRANSACTIONS.name, huge, headers=[("name", b"huge")])
    produce(system, RAW_TRANSACTIONS.name, None, headers=[("name", huge)])
    produce(system, FORWARDED.name, None, headers=[("source-topic", b'"'), ("source-offset", None)])
    book(system, purchases("AFTER", 1))
    letters = [m.headers() for m in messages(system.kafka, DEAD_LETTER, PARTITION)][-3:]
    names = {name for headers in letters for name, _ in headers}
    assert names == {
        "name", "as-of", "source-topic", "source-partition", "source-offset", "errors",
    }  # fmt: skip
    answer = httpx.get(
        f"{system.urls[0]}/portfolios/{P}/transactions/AFTER0", timeout=10, trust_env=False
    )
    assert answer.json()["status"] == "BOOKED"


# -- ends


def test_a_worker_that_is_told_to_stop_says_nothing_of_errors(system: System) -> None:
    [worker] = system.workers
    before = len(log_lines(worker))
    for _ in range(3):
        book(system, purchases("STOP", 1))
        worker.stop(signal.SIGTERM)
        assert worker.exit_code == 0
        start(system, worker)
    levels = {line["level"] for line in log_lines(worker)[before:]}
    assert levels <= {"info", "warning"}


# -- holes


def test_a_worker_never_goes_on_over_a_hole_in_the_log(system: System) -> None:
    [worker] = system.workers
    # The client has to live as long as what it deletes.
    client = Admin(system.kafka)

    def delete_below(offset: int) -> None:
        place = TopicPartition(RAW_TRANSACTIONS.name, PARTITION, offset)
        [deleted] = client.delete_records([place]).values()
        deleted.result(10)

    def end() -> int:
        return end_of(system.kafka, RAW_TRANSACTIONS, PARTITION)

    book(system, purchases("OLD", 3))
    worker.stop(signal.SIGTERM)
    delete_below(end())
    send(system.kafka, purchases("NEW", 3))
    start(system, worker)  # what is gone was booked: this is no hole
    book(system, [])
    worker.stop(signal.SIGTERM)
    results = len(messages(system.kafka, COMPLETED, PARTITION))
    progress = end()
    send(system.kafka, purchases("LOST", 3))
    delete_below(progress + 2)
    worker.start()
    assert worker.process is not None
    assert worker.process.wait(SECONDS_MAX) == EXIT_LOG_HOLE
    assert "log_hole" in {line["event"] for line in log_lines(worker)}
    assert len(messages(system.kafka, COMPLETED, PARTITION)) == results
    worker.process = None
