"""Hands events to Kafka: acknowledged by all, never twice, each in the partition of its key."""

import time

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cli.servers import ServerError
from streams.topics import Admin
from wire.broker import Broker
from wire.partitioner import partition_of

ANSWER_SECONDS_MAX = 15.0
NEW_TOPIC_SECONDS_MAX = 2.0
DELIVERY_SECONDS_MAX = 120.0
# How many events wait in memory until the oldest are on their way; a poll costs as much as two.
POLL_EVERY = 1000


class Sender:
    """Sends to one topic; `finish` returns once everything is stored."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {
                **broker.options,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 20,
                "batch.num.messages": 10_000,
                "batch.size": 1 << 20,
                "queue.buffering.max.messages": 200_000,
                "delivery.timeout.ms": int(DELIVERY_SECONDS_MAX * 1000),
                "delivery.report.only.error": True,
                "on_delivery": self._delivered,
                # It would print a line for each refused connection.
                "log_level": 0,
            }
        )
        self._error: KafkaError | None = None
        self.sent = 0
        self.lost = 0
        self._partitions = _count_partitions(Admin(broker), topic)

    def send(self, key: str, value: bytes) -> None:
        """Hand over one event; raise once it is known that an earlier one was lost."""
        partition = partition_of(key, self._partitions)
        while True:
            try:
                self._producer.produce(self._topic, value, key, partition)
                break
            except BufferError:
                self._poll(0.1)
        self.sent += 1
        if self.sent % POLL_EVERY == 0:
            self._poll(0)

    def finish(self) -> None:
        """Wait until all are stored; raise if some are not."""
        waiting = self._producer.flush(DELIVERY_SECONDS_MAX + ANSWER_SECONDS_MAX)
        self.lost += waiting
        self.sent -= self.lost
        self._demand_delivery()

    def _poll(self, seconds: float) -> None:
        self._producer.poll(seconds)
        self._demand_delivery()

    def _demand_delivery(self) -> None:
        if self.lost:
            why = f": {self._error.str()}" if self._error is not None else ""
            raise ServerError(
                f"{self.lost} events were not delivered{why}; sending the file again is safe"
            )

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.lost += 1
            self._error = error


def _count_partitions(kafka: Admin, topic: str) -> int:
    # A broker may not know yet what was created a moment ago.
    deadline = time.monotonic() + NEW_TOPIC_SECONDS_MAX
    while True:
        try:
            topics = kafka.list_topics(topic, timeout=ANSWER_SECONDS_MAX).topics
        except KafkaException as error:
            raise ServerError(f"Kafka does not answer: {kafka.why(error)}") from error
        partitions = len(topics[topic].partitions)
        if partitions:
            return partitions
        if time.monotonic() > deadline:
            raise ServerError(f"there is no topic {topic}: `portfolio up` creates it")
        time.sleep(0.1)
