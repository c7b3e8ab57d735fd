import time
from typing import Any

import pytest
from confluent_kafka import KafkaException

from cli.servers import Connections
from streams import state
from streams.journal import Changes
from streams.log import TransactionLog
from streams.step import PART_BYTES_MAX, Counts, Outcome, OutputRecord
from tests.streams.kafka import messages
from tests.system.log import make_topics_anew
from wire.broker import Broker
from wire.topics import (
    CHANGELOG,
    COMPLETED,
    DEAD_LETTER,
    FORWARDED,
    PORTFOLIOS_CURRENT,
    POSITIONS,
)

RECEIVED_AT = 1_600_000_000_123
WRITTEN = (COMPLETED, POSITIONS, PORTFOLIOS_CURRENT, CHANGELOG, FORWARDED, DEAD_LETTER)


@pytest.fixture(scope="module")
def kafka(servers: Connections) -> Broker:
    make_topics_anew(servers.kafka)
    return servers.kafka


def outcome(name: bytes, partition: int) -> Outcome:
    """Something for every topic; what is forwarded goes to the next partition."""
    changes = Changes(
        results=[(b"P", name + b" first", True), (b"P", name + b" again", False)],
        positions=[(b"P|S", name), (b"P|T", None)],
        portfolios=[(b"P", name)],
        changelog=[(b"hP\0S", name), (b"hP\0T", None)],
        local=[(b"oP\0S\0", b"")],
    )
    odd: list[tuple[str, Any]] = [("", b"\0"), ("trace", None), ("trace", b"\xff")]
    return Outcome(
        changes,
        Counts(),
        dead=[OutputRecord(partition, None, None, odd, RECEIVED_AT)],
        forwarded=[OutputRecord(partition + 1, b"", name, odd, -1)],
    )


def values(kafka: Broker, topic: Any, partition: int, **options: Any) -> list[Any]:  # noqa: ANN401
    return [message.value() for message in messages(kafka, topic, partition, **options)]


def test_everything_of_a_batch_lies_in_its_topics_in_the_order_it_came(kafka: Broker) -> None:
    log = TransactionLog(kafka, 0)
    written = log.commit(outcome(b"one", 0), b"progress")
    completed = messages(kafka, COMPLETED, 0)
    assert [(m.key(), m.value()) for m in completed] == [(b"P", b"one first"), (b"P", b"one again")]
    assert [m.headers() for m in completed] == [[("first", b"")], None]
    assert values(kafka, POSITIONS, 0) == [b"one", None]
    assert values(kafka, PORTFOLIOS_CURRENT, 0) == [b"one"]
    changelog = messages(kafka, CHANGELOG, 0)
    assert [(m.key(), m.value()) for m in changelog] == [
        (b"hP\0S", b"one"), (b"hP\0T", None), (state.PROGRESS, b"progress"),
    ]  # fmt: skip
    assert written.changelog == changelog[-1].offset()
    assert written.results == completed[-1].offset()


def test_records_are_sent_on_with_key_value_and_headers_as_they_came(kafka: Broker) -> None:
    headers = [("", b"\0"), ("trace", None), ("trace", b"\xff")]
    TransactionLog(kafka, 1).commit(outcome(b"one", 1), b"progress")
    [forwarded] = messages(kafka, FORWARDED, 2)
    assert (forwarded.key(), forwarded.value(), forwarded.headers()) == (b"", b"one", headers)
    [dead] = messages(kafka, DEAD_LETTER, 1)
    assert (dead.key(), dead.value(), dead.headers()) == (None, None, headers)


def test_what_is_sent_on_keeps_its_time_and_what_has_none_is_of_now(kafka: Broker) -> None:
    before = time.time()
    TransactionLog(kafka, 6).commit(outcome(b"one", 6), b"progress")
    [dead] = messages(kafka, DEAD_LETTER, 6)
    [forwarded] = messages(kafka, FORWARDED, 7)
    assert dead.timestamp()[1] == RECEIVED_AT
    assert forwarded.timestamp()[1] >= int(before * 1000)


def test_a_batch_without_results_names_none(kafka: Broker) -> None:
    log = TransactionLog(kafka, 2)
    assert log.commit(Outcome(Changes(), Counts()), b"a").results is None
    # A marker lies between the two.
    assert log.commit(Outcome(Changes(), Counts()), b"b").changelog == 2


def test_the_largest_records_that_there_are_fit(kafka: Broker) -> None:
    big = b"x" * PART_BYTES_MAX
    outcome = Outcome(
        Changes(results=[(b"P", big, False)], changelog=[(b"hP\0S", big)]),
        Counts(),
        dead=[OutputRecord(3, big, big, [("x", big)], 0)],
    )
    TransactionLog(kafka, 3).commit(outcome, b"progress")
    assert [len(value) for value in values(kafka, COMPLETED, 3)] == [PART_BYTES_MAX]
    [dead] = messages(kafka, DEAD_LETTER, 3)
    assert (dead.key(), dead.value(), dead.headers()) == (big, big, [("x", big)])


def test_a_second_owner_fences_the_first(kafka: Broker) -> None:
    first = TransactionLog(kafka, 4)
    first.commit(outcome(b"one", 4), b"first")
    second = TransactionLog(kafka, 4)
    # The client raises it out of a callback, where Python makes an error of its own of it.
    with pytest.raises((KafkaException, SystemError)) as refusal:
        first.commit(outcome(b"two", 4), b"zombie")
    assert "fenced by a newer instance" in str(refusal.getrepr())
    second.commit(outcome(b"three", 4), b"second")
    progress = [m.value() for m in messages(kafka, CHANGELOG, 4) if m.key() == state.PROGRESS]
    assert progress == [b"first", b"second"]


def test_nothing_of_a_batch_that_was_not_committed_is_seen_by_readers(kafka: Broker) -> None:
    log = TransactionLog(kafka, 5)
    log.commit(outcome(b"one", 5), b"progress")
    places = [(topic, 6 if topic is FORWARDED else 5) for topic in WRITTEN]
    seen = [values(kafka, *place) for place in places]
    broken = outcome(b"two", 5)
    # All the others are written before it, and it cannot be.
    broken.dead.append(OutputRecord(5, None, b"x" * (64 << 20), [], 0))
    with pytest.raises(KafkaException):
        log.commit(broken, b"progress")
    log._producer.flush(10)
    TransactionLog(kafka, 5)  # aborts what the one before left open
    assert b"two first" in values(kafka, COMPLETED, 5, isolation="read_uncommitted")
    assert [values(kafka, *place) for place in places] == seen
