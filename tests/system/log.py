"""The topics as a test sees them: made anew, filled, and read to their ends."""

import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from streams.ends import Ends
from streams.topics import create_topics
from tests.oracle.events import Message
from wire.broker import Broker
from wire.topics import ALL

PARTITIONS = 8
OPEN_SECONDS_MAX = 60.0


def make_topics_anew(broker: Broker) -> None:
    """Empty topics, whatever was in them."""
    admin = AdminClient({**broker.options})
    existing = set(admin.list_topics(timeout=10).topics)
    names = [topic.name for topic in ALL if topic.name in existing]
    for future in admin.delete_topics(names).values() if names else ():
        future.result()
    while existing & {topic.name for topic in ALL}:
        time.sleep(0.1)
        existing = set(admin.list_topics(timeout=10).topics)
    create_topics(broker, PARTITIONS)


def send(
    broker: Broker, messages: Iterable[Message], per_second: float = 0, compression: str = "none"
) -> None:
    """Put the messages where they say, in their order, as one producer."""
    producer = Producer(
        {
            **broker.options,
            "acks": "all",
            "linger.ms": 5,
            "compression.type": compression,
            "log_level": 2,  # a broker that is killed meanwhile would fill the terminal
        }
    )
    failed: list[KafkaError] = []
    began = time.monotonic()
    for number, message in enumerate(messages):
        while True:
            try:
                producer.produce(
                    message.topic, message.value, message.key, message.partition,
                    on_delivery=lambda error, _: failed.append(error) if error else None,
                )  # fmt: skip
                break
            except BufferError:
                producer.poll(0.1)
        if number % 100 == 0:
            producer.poll(0)
            if per_second:
                time.sleep(max(0.0, began + number / per_second - time.monotonic()))
    assert producer.flush(60) == 0
    assert not failed


def read(broker: Broker, topic: str) -> list[Any]:
    """All committed messages of a topic, each partition in its order. A commit is answered before
    the log shows it, so what is open is waited for."""
    consumer = Consumer(
        {
            **broker.options,
            "group.id": "test-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
        }
    )
    [count] = [each.partitions(PARTITIONS) for each in ALL if each.name == topic]
    places = [(topic, partition) for partition in range(count)]
    written = Ends(broker).patiently(places, IsolationLevel.READ_UNCOMMITTED)
    consumer.assign([TopicPartition(*place, 0) for place in places])
    left, messages = set(range(count)), []
    until = time.monotonic() + OPEN_SECONDS_MAX
    while left:
        assert time.monotonic() < until, f"transactions in {topic} {left} are open"
        for message in consumer.consume(10_000, 0.05):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                at, partition = message.offset(), message.partition()
                assert at is not None
                assert partition is not None
                if at >= written[topic, partition]:
                    left.discard(partition)
            else:
                raise KafkaException(error)
    consumer.close()
    return messages
