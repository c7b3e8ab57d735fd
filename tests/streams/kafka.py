"""What lies in one partition of a topic, as readers of either kind see it."""

import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from wire.broker import Broker
from wire.topics import Topic

MARKERS_SECONDS_MAX = 1.0


def _consumer(broker: Broker, isolation: str) -> Consumer:
    return Consumer(
        {
            **broker.options,
            "group.id": "test-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "fetch.wait.max.ms": 20,
        }
    )


def messages(
    broker: Broker, topic: Topic, partition: int, *, isolation: str = "read_committed"
) -> list[Any]:
    """All that it holds. Markers of a transaction may be written a moment after its commit is
    answered, and what stays open is waited for no longer."""
    end, until = end_of(broker, topic, partition), time.monotonic() + MARKERS_SECONDS_MAX
    consumer = _consumer(broker, isolation)
    # Asked first, because the client finds the partition sooner than by assigning it.
    low, _ = consumer.get_watermark_offsets(TopicPartition(topic.name, partition), timeout=10)
    consumer.assign([TopicPartition(topic.name, partition, low)])
    found: list[Any] = []
    while True:
        for message in consumer.consume(10_000, 0.05):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                at = message.offset()
                assert at is not None
                if at >= end or time.monotonic() > until:
                    consumer.close()
                    return found
                # It is told once where the end is, and once more to who begins there.
                time.sleep(0.02)
                consumer.assign([TopicPartition(topic.name, partition, at)])
                break  # what came behind the end in this list comes again
            else:
                raise KafkaException(error)


def end_of(broker: Broker, topic: Topic, partition: int) -> int:
    """The offset that the next record gets."""
    consumer = _consumer(broker, "read_uncommitted")
    _, end = consumer.get_watermark_offsets(TopicPartition(topic.name, partition), timeout=10)
    consumer.close()
    return int(end)
