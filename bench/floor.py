"""The floor of the sink: what it costs at least to get records from Kafka into PostgreSQL.

A bare consumer of one topic and a COPY of its rows, without disposals, positions, progress or
second index: no store can be faster than this on the same machine.
"""

import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg2
from confluent_kafka import Consumer, TopicPartition

from bench.load import PARTITIONS
from bench.machine import Snapshot, Usage
from bench.stage import BenchmarkError, Stage
from streams.rows import TRANSACTION_COLUMNS
from wire.topics import COMPLETED, Topic

RECORDS_A_TRANSACTION = 8000  # as the store
SILENCE_SECONDS_MAX = 30.0
TABLE = "floor"
_texts = msgspec.structs.astuple


@dataclass(frozen=True, slots=True)
class Copied:
    """What is read, and the table whose rows it becomes."""

    topic: Topic
    table: str
    columns: tuple[str, ...]
    primary_key: str

    def decoder(self) -> Callable[[bytes], Any]:
        """The text of each column as it stands in the JSON; all else there is passed over."""
        row = msgspec.defstruct("_Row", [(name, msgspec.Raw) for name in self.columns], gc=False)
        return msgspec.json.Decoder(row).decode


RESULTS = Copied(COMPLETED, "transactions", TRANSACTION_COLUMNS, "portfolio_id, transaction_id")


@dataclass(frozen=True, slots=True)
class Floor:
    """Processor time counts the consumer as `sink`."""

    events_per_second: float
    cpu_us: dict[str, float]


def measure(stage: Stage, events: int, *, has_primary_key: bool, copied: Copied = RESULTS) -> Floor:
    """Read so many records and copy them; the topic has no more."""
    url = stage.connections.database_url
    consumer = Consumer(
        {
            **stage.connections.kafka.options,
            "group.id": f"floor-{os.getpid()}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
        }
    )
    connection = psycopg2.connect(url)
    _create(connection, copied, has_primary_key=has_primary_key)
    statement, decode = _copy_statement(copied), copied.decoder()
    servers = stage.servers()
    begin, own = Snapshot.take(servers), time.process_time()
    topic, partitions = copied.topic.name, range(copied.topic.partitions(PARTITIONS))
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    left, heard_at = events, time.monotonic()
    while left:
        values = _next_values(consumer)
        if values:
            _copy(connection, statement, [_texts(decode(value)) for value in values])
            left, heard_at = left - len(values), time.monotonic()
        elif time.monotonic() - heard_at > SILENCE_SECONDS_MAX:
            raise BenchmarkError(f"{left} records are missing in {topic}")
    own = time.process_time() - own
    usage = Usage.between(begin, Snapshot.take(servers), events)
    consumer.close()
    connection.close()
    return Floor(events / usage.seconds, {"sink": own / events * 1e6, **usage.cpu_us})


def _create(
    connection: psycopg2.extensions.connection, copied: Copied, *, has_primary_key: bool
) -> None:
    names = ", ".join(copied.columns)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(f"CREATE TABLE {TABLE} AS SELECT {names} FROM {copied.table} WITH NO DATA")
        if has_primary_key:
            cursor.execute(f"ALTER TABLE {TABLE} ADD PRIMARY KEY ({copied.primary_key})")


def _next_values(consumer: Consumer) -> list[bytes]:
    values = []
    for message in consumer.consume(RECORDS_A_TRANSACTION, 0.2):
        value = message.value()
        if message.error() is not None or value is None:
            raise BenchmarkError(f"{message.topic()} cannot be read: {message.error()}")
        values.append(value)
    return values


def _copy_statement(copied: Copied) -> str:
    return f"COPY {TABLE} ({', '.join(copied.columns)}) FROM STDIN (NULL 'null')"


def _copy(
    connection: psycopg2.extensions.connection, statement: str, rows: list[tuple[bytes, ...]]
) -> None:
    lines = b"\n".join([b"\t".join(row) for row in rows])
    # No text of the loads has a quote or anything that needs escaping.
    text = io.BytesIO(lines.replace(b'"', b"") + b"\n")
    with connection, connection.cursor() as cursor:
        cursor.copy_expert(statement, text, 1 << 20)
