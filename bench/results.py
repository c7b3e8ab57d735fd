"""The results topic as an outsider sees it: when the first results come, and how fast it can be read."""

import os
import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from bench.load import PARTITIONS
from bench.stage import BenchmarkError
from streams.ends import Ends
from wire.broker import Broker
from wire.topics import CHANGELOG, COMPLETED, Topic

SILENCE_SECONDS_MAX = 120.0
RECORDS_MAX = 10_000


class Results:
    """What is committed from now on."""

    def __init__(self, broker: Broker) -> None:
        places = [(COMPLETED.name, partition) for partition in range(PARTITIONS)]
        self._consumer = _consumer(broker, COMPLETED, Ends(broker).patiently(places))

    def wait_for_one(self) -> None:
        next(_records(self._consumer))
        self._consumer.close()

    def first_of_each_partition(self) -> dict[int, float]:
        """When the first result of each partition came, by perf_counter. Waits for all."""
        first: dict[int, float] = {}
        for message in _records(self._consumer):
            partition = message.partition()
            assert partition is not None
            first.setdefault(partition, time.perf_counter())
            if len(first) == PARTITIONS:
                break
        self._consumer.close()
        return first


def read_all(broker: Broker) -> float:
    """Seconds to read changelog and results from their beginnings to their ends, and nothing more:
    what it takes at least to rebuild a state from them."""
    began = time.perf_counter()
    for topic in (CHANGELOG, COMPLETED):
        left = set(range(PARTITIONS))
        consumer = _consumer(broker, topic, {(topic.name, partition): 0 for partition in left})
        heard_at = time.monotonic()
        while left:
            messages = consumer.consume(RECORDS_MAX, 0.05)
            left -= {message.partition() for message in messages if _is_end(message)}
            if messages:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > SILENCE_SECONDS_MAX:
                raise BenchmarkError(f"{topic.name} cannot be read to its end")
        consumer.close()
    return time.perf_counter() - began


def _consumer(broker: Broker, topic: Topic, starts: Mapping[tuple[str, int], int]) -> Consumer:
    consumer = Consumer(
        {
            **broker.options,
            "group.id": f"results-{os.getpid()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
            "fetch.message.max.bytes": 4 << 20,  # as a worker that takes over
            "queued.max.messages.kbytes": 65_536,
            "log_level": 3,
        }
    )
    consumer.assign([TopicPartition(*place, offset) for place, offset in starts.items()])
    return consumer


def _is_end(message: Message) -> bool:
    """Whether this is no record, but the news that there are no more in its partition."""
    error = message.error()
    if error is None:
        return False
    if error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    return True


def _records(consumer: Consumer) -> Iterator[Message]:
    heard_at = time.monotonic()
    while time.monotonic() - heard_at < SILENCE_SECONDS_MAX:
        message = consumer.poll(0.2)
        if message is not None and not _is_end(message):
            heard_at = time.monotonic()
            yield message
    raise BenchmarkError("no results come")
