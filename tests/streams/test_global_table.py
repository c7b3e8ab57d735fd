"""A topic of one partition in memory: what it holds, where it stands, whom it wakes."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from cli.servers import Connections
from streams.ends import Ends
from streams.global_table import GlobalTable
from tests.streams.reference import Sent, log, price
from tests.streams.test_reference import Delivered, end
from tests.streams.test_reference_lives import Message
from tests.system.log import make_topics_anew
from wire.broker import Broker
from wire.reference import OF_MARKET_PRICES, MarketPrice

TOPIC = OF_MARKET_PRICES.name
SEEN_SECONDS_MAX = 0.1
MANY = 20_000


class Kept:
    """A table and what it was given to keep."""

    def __init__(self, broker: Broker | None = None) -> None:
        self.records: list[tuple[int, str]] = []
        broker = broker or Broker(bootstrap="nowhere:1")
        self.table = GlobalTable(broker, OF_MARKET_PRICES, self.keep)

    def keep(self, offset: int, content: MarketPrice) -> None:
        self.records.append((offset, content.security_id))

    def take(self, *messages: Any) -> None:  # noqa: ANN401
        self.table.take(list(messages))


def messages(*sent: Sent) -> list[Message]:
    return [Message(each) for each in sent]


def test_readable_records_are_kept_in_the_order_of_the_log_and_others_are_passed() -> None:
    kept = Kept()
    kept.take(*messages(*log([price("A"), b"junk", price("B"), price("A")], start=5)))
    assert kept.records == [(5, "A"), (7, "B"), (8, "A")]
    assert kept.table.through == 9


def test_it_passes_the_markers_of_transactions_before_an_end_and_never_goes_back() -> None:
    kept = Kept()
    kept.take(*messages(*log([price()])), end(TOPIC, 4))
    assert kept.table.through == 4
    kept.take(end(TOPIC, 2))
    assert kept.table.through == 4


def test_whoever_listens_is_told_once_for_what_was_fetched_together_behind_the_move() -> None:
    kept = Kept()
    told: list[int] = []
    kept.table.on_move(lambda: told.append(kept.table.through))
    kept.take(*messages(*log([price(), price()])))
    kept.take(end(TOPIC, 2))
    assert told == [2]


def test_whoever_waits_finds_what_those_who_listen_did() -> None:
    kept, heard = Kept(), threading.Event()

    def listen() -> None:
        time.sleep(0.2)
        heard.set()

    kept.table.on_move(listen)
    found: list[bool] = []

    def wait() -> None:
        kept.table.wait_through(1)
        found.append(heard.is_set())

    waiting = threading.Thread(target=wait)
    waiting.start()
    kept.take(*messages(*log([price()])))
    waiting.join()
    assert found == [True]


def test_at_rest_it_has_all_of_what_was_fetched_together_or_nothing() -> None:
    kept = Kept()
    is_in_middle = threading.Event()

    def slow(offset: int, content: MarketPrice) -> None:
        kept.keep(offset, content)
        is_in_middle.set()
        time.sleep(0.1)

    kept.table._keep = slow
    taking = threading.Thread(target=kept.take, args=messages(*log([price("A"), price("B")])))
    taking.start()
    assert is_in_middle.wait(10)
    with kept.table.at_rest() as through:
        assert (through, len(kept.records)) == (2, 2)
    taking.join()


@pytest.mark.parametrize("code", [KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE])
def test_a_hole_in_the_log_is_no_copy_of_it(code: int) -> None:
    with pytest.raises(KafkaException):
        Kept().take(Delivered(TOPIC, 0, code))


def test_a_broker_that_is_away_is_waited_for() -> None:
    kept = Kept()
    kept.take(Delivered(TOPIC, 7, KafkaError._ALL_BROKERS_DOWN))
    assert kept.table.through == 0
    with pytest.raises(TimeoutError, match="market_prices is read to 0 of 1"):
        kept.table.wait_through(1, seconds=0.01)


@pytest.fixture
def kafka(servers: Connections) -> Broker:
    make_topics_anew(servers.kafka)
    return servers.kafka


@pytest.fixture
def kept(kafka: Broker) -> Iterator[Kept]:
    kept = Kept(kafka)
    yield kept
    kept.table.close()


def send(producer: Producer, *names: str) -> None:
    for name in names:
        producer.produce(TOPIC, json.dumps(price(name)), b"any")
    producer.flush()


def test_it_holds_all_that_is_committed_at_the_moment_it_is_asked_for_the_end(
    kafka: Broker, kept: Kept
) -> None:
    send(Producer(kafka.options), "A")
    writer = Producer({**kafka.options, "transactional.id": "a writer"})
    writer.init_transactions()
    for decide in (writer.abort_transaction, writer.commit_transaction):
        writer.begin_transaction()
        send(writer, decide.__name__)
        decide()
    kept.table.start()
    assert kept.table.read_to_end(Ends(kafka)) == 5  # with a marker of each transaction
    assert [name for _, name in kept.records] == ["A", "commit_transaction"]
    send(Producer(kafka.options), *(f"S{n}" for n in range(MANY)))
    kept.table.read_to_end(Ends(kafka))
    assert [name for _, name in kept.records[2:]] == [f"S{n}" for n in range(MANY)]


def test_a_record_is_seen_at_once(kafka: Broker, kept: Kept) -> None:
    moved = threading.Event()
    kept.table.on_move(moved.set)
    kept.table.start()
    producer = Producer({**kafka.options, "linger.ms": 0})
    took = []
    for number in range(10):
        send(producer, f"S{number}")
        sent_at = time.monotonic()
        kept.table.wait_through(number + 1, seconds=10)
        took.append(time.monotonic() - sent_at)
    assert moved.is_set()
    assert sorted(took)[5] < SEEN_SECONDS_MAX, took
