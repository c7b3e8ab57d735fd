"""The floor of the latency: through the broker and back, and a COPY, at the same pace.

A bare producer sends the same events by tens, a bare consumer takes whatever has come and copies
it into a table without an index: no lots, no HTTP, no transaction of Kafka. It begins when each
partition has been written and read once.
"""

import io
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.load import PARTITIONS
from bench.stage import BenchmarkError, Stage
from wire.topics import Topic

SILENCE_SECONDS_MAX = 30.0
RECORDS_MAX = 8000  # in one COPY, as the store
_CREATE = "DROP TABLE IF EXISTS echo; CREATE TABLE echo (number int, event text)"


@dataclass(slots=True)
class Echo:
    """Seconds of each event since it was due."""

    echoed: list[float] = field(default_factory=list)
    committed: list[float] = field(default_factory=list)


class _Sending(threading.Thread):
    """Sends each event when it is due, and says when that was."""

    def __init__(
        self, stage: Stage, topic: Topic, values: Sequence[bytes], at_once: int, per_second: float
    ) -> None:
        super().__init__(daemon=True)
        self._topic, self._values = topic, values
        self._at_once, self._per_second = at_once, per_second
        self._producer = Producer(
            {**stage.connections.kafka.options, "acks": "all", "linger.ms": 2, "log_level": 3}
        )
        self._began = 0.0

    def open(self) -> None:
        """Write one record to each partition."""
        for partition in range(PARTITIONS):
            self._producer.produce(self._topic.name, b"", b"", partition)
        if self._producer.flush(SILENCE_SECONDS_MAX):
            raise BenchmarkError("the broker takes no record")

    def due(self, number: int) -> float:
        return self._began + number // self._at_once * self._at_once / self._per_second

    def run(self) -> None:
        self._began = time.perf_counter()
        for number, value in enumerate(self._values):
            if number % self._at_once == 0:
                self._producer.poll(0)
                time.sleep(max(0.0, self.due(number) - time.perf_counter()))
            self._producer.produce(self._topic.name, value, b"%d" % number, number % PARTITIONS)
        self._producer.flush(SILENCE_SECONDS_MAX)


def measure(stage: Stage, values: Sequence[bytes], at_once: int, per_second: float) -> Echo:
    """Each of the events there and back."""
    connection = psycopg2.connect(stage.connections.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(_CREATE)
    with stage.topic("echo") as topic:
        consumer = _consumer(stage, topic)
        sending = _Sending(stage, topic, values, at_once, per_second)
        sending.open()
        if len(consumer.consume(PARTITIONS, SILENCE_SECONDS_MAX)) < PARTITIONS:
            raise BenchmarkError("the broker gives no record")
        sending.start()
        echo, heard_at = Echo(), time.monotonic()
        while len(echo.committed) < len(values):
            messages = _next_messages(consumer)
            if messages:
                _take(echo, connection, sending, messages)
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > SILENCE_SECONDS_MAX:
                raise BenchmarkError(f"only {len(echo.committed)} of {len(values)} came back")
        sending.join()
        consumer.close()
    connection.close()
    return echo


def _consumer(stage: Stage, topic: Topic) -> Consumer:
    consumer = Consumer(
        {
            **stage.connections.kafka.options,
            "group.id": f"echo-{os.getpid()}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "log_level": 3,
        }
    )
    consumer.assign([TopicPartition(topic.name, p, 0) for p in range(PARTITIONS)])
    return consumer


def _next_messages(consumer: Consumer) -> list[Any]:
    """As soon as there is one, that and all that came with it."""
    first = consumer.poll(0.2)
    if first is None:
        return []
    return [first, *consumer.consume(RECORDS_MAX, 0)]


def _take(
    echo: Echo, connection: psycopg2.extensions.connection, sending: _Sending, messages: list[Any]
) -> None:
    now = time.perf_counter()
    numbers = [int(message.key()) for message in messages]
    # No text of the load has anything that needs escaping.
    lines = [b"%b\t%b\n" % (message.key(), message.value()) for message in messages]
    with connection, connection.cursor() as cursor:
        cursor.copy_expert("COPY echo FROM STDIN", io.BytesIO(b"".join(lines)))
    committed = time.perf_counter()
    dues = [sending.due(number) for number in numbers]
    echo.echoed += [now - due for due in dues]
    echo.committed += [committed - due for due in dues]
