"""Reads topics from their start to an end that was fixed before, committed records only."""

import time
from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from cli.groups import Place
from wire.broker import Broker

BATCH_RECORDS = 5000
BATCH_SECONDS = 0.05  # a call returns with fewer records, or none, only when these are over
SILENCE_SECONDS_MAX = 30.0
# Also of what one fetch may unpack to, which producers choose: as much as can be said, so that
# no record that the workers read stops a reader for ever.
RECEIVED_BYTES_MAX = 2**31 - 1


def read(broker: Broker, ends: Mapping[Place, int]) -> Iterator[Message]:
    """The records below these offsets, those of a partition in their order."""
    waiting = {place: end for place, end in ends.items() if end > 0}
    consumer = Consumer(
        {
            **broker.options,
            "group.id": "portfolio-verify",  # demanded, and never committed to
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            # A broker holds the answer back this long where nothing is left: the end of a reading.
            "fetch.wait.max.ms": 20,
            "receive.message.max.bytes": RECEIVED_BYTES_MAX,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    try:
        consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in waiting])
        heard_at = time.monotonic()
        while waiting:
            messages = consumer.consume(BATCH_RECORDS, BATCH_SECONDS)
            if messages:
                heard_at = time.monotonic()
                yield from _below(messages, waiting)
            elif time.monotonic() - heard_at > SILENCE_SECONDS_MAX:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "Kafka sends no records"))
    finally:
        consumer.close()


def _below(messages: Iterable[Message], waiting: dict[Place, int]) -> Iterator[Message]:
    """The records before the ends; a partition that is at its end waits no longer."""
    for message in messages:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        place, offset = place_of(message)
        end = waiting.get(place)
        if end is None:
            continue
        position = offset
        if error is None:
            position = offset + 1
            if offset < end:
                yield message
        # Behind the last record may lie markers of transactions: then only the end of the
        # partition itself tells.
        if position >= end:
            del waiting[place]


def place_of(message: Message) -> tuple[Place, int]:
    """Topic and partition, and the offset."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return (topic, partition), offset
