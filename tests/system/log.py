"""The topics as a test sees them: made anew, filled, and read to their ends."""

import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.topics import create_topics
from tests.oracle.events import Message
from wire.broker import Broker
from wire.topics import ALL

PARTITIONS = 8


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
    """All committed messages of a topic, each partition in its order."""
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
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    left, messages = set(range(PARTITIONS)), []
    while left:
        for message in consumer.consume(10_000, 0.05):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise KafkaException(error)
    consumer.close()
    return messages
