"""The floor of the sink: what it costs at least to get the results from Kafka into PostgreSQL.

A bare consumer of the results topic and a COPY of its rows, without disposals, positions,
progress or second index: no store can be faster than this on the same machine.
"""

import io
import os
import time
from dataclasses import dataclass

import msgspec
import psycopg2
from confluent_kafka import Consumer, TopicPartition

from bench.load import PARTITIONS
from bench.machine import Snapshot, Usage
from bench.stage import BenchmarkError, Stage
from streams.rows import TRANSACTION_COLUMNS
from wire.topics import COMPLETED

RECORDS_A_TRANSACTION = 8000  # as the store
SILENCE_SECONDS_MAX = 30.0
TABLE = "floor"
# The text of each column as it stands in the JSON; the disposals are passed over.
_Row = msgspec.defstruct("_Row", [(name, msgspec.Raw) for name in TRANSACTION_COLUMNS], gc=False)
_decode = msgspec.json.Decoder(_Row).decode
_texts = msgspec.structs.astuple


@dataclass(frozen=True, slots=True)
class Floor:
    """Processor time counts the consumer as `sink`."""

    events_per_second: float
    cpu_us: dict[str, float]


def measure(stage: Stage, events: int, *, has_primary_key: bool) -> Floor:
    """Read the results of all events and copy them."""
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
    _create(connection, has_primary_key=has_primary_key)
    servers = stage.servers()
    begin, own = Snapshot.take(servers), time.process_time()
    consumer.assign([TopicPartition(COMPLETED.name, p, 0) for p in range(PARTITIONS)])
    left, heard_at = events, time.monotonic()
    while left:
        values = _next_values(consumer)
        if values:
            _copy(connection, values)
            left, heard_at = left - len(values), time.monotonic()
        elif time.monotonic() - heard_at > SILENCE_SECONDS_MAX:
            raise BenchmarkError(f"{left} results are missing in {COMPLETED.name}")
    own = time.process_time() - own
    usage = Usage.between(begin, Snapshot.take(servers), events)
    consumer.close()
    connection.close()
    return Floor(events / usage.seconds, {"sink": own / events * 1e6, **usage.cpu_us})


def _create(connection: psycopg2.extensions.connection, *, has_primary_key: bool) -> None:
    names = ", ".join(TRANSACTION_COLUMNS)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(f"CREATE TABLE {TABLE} AS SELECT {names} FROM transactions WITH NO DATA")
        if has_primary_key:
            cursor.execute(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (portfolio_id, transaction_id)")


def _next_values(consumer: Consumer) -> list[bytes]:
    values = []
    for message in consumer.consume(RECORDS_A_TRANSACTION, 0.2):
        value = message.value()
        if message.error() is not None or value is None:
            raise BenchmarkError(f"{COMPLETED.name} cannot be read: {message.error()}")
        values.append(value)
    return values


def _copy(connection: psycopg2.extensions.connection, values: list[bytes]) -> None:
    lines = b"\n".join([b"\t".join(_texts(_decode(value))) for value in values])
    with connection, connection.cursor() as cursor:
        cursor.copy_expert(
            # No text of the load has a quote or anything that needs escaping.
            f"COPY {TABLE} FROM STDIN (NULL 'null')",
            io.BytesIO(lines.replace(b'"', b"") + b"\n"),
            1 << 20,
        )
