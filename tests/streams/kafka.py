"""What lies in one partition of a topic, as readers of either kind see it."""

from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from wire.topics import Topic


def messages(
    bootstrap: str, topic: Topic, partition: int, *, isolation: str = "read_committed"
) -> list[Any]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "test-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "fetch.wait.max.ms": 20,
        }
    )
    consumer.assign([TopicPartition(topic.name, partition, 0)])
    found: list[Any] = []
    while True:
        for message in consumer.consume(10_000, 0.05):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                consumer.close()
                return found
            else:
                raise KafkaException(error)
