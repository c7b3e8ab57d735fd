"""The store's reading of reference data: from its topics into PostgreSQL, each record once.

Apart from the results and from Faust: the topics have one partition each, no state hangs on them,
and nobody has to own them. Where two stores run, whoever comes second to a record finds the stored
progress moved, and goes on from there.
"""

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from psycopg2 import extensions

from streams import in_force, metrics, reference_tables
from streams.fetched import stop_on_hole
from streams.sink import PostgresSink
from streams.writer import Progress, ProgressMoved, Writer
from wire.broker import Broker
from wire.topics import REFERENCE, STORE_APP_ID

log = structlog.get_logger(__name__)
EXIT_REFERENCE_FAILED = 70
PLACES = frozenset((topic.name, 0) for topic in REFERENCE)
RECORDS_MAX = 8000  # of one PostgreSQL transaction
GATHER_SECONDS = 0.1  # a record waits for so long at most until it is written
LOOK_SECONDS = 0.5  # while nothing comes, the database is asked so often whether it was emptied


class Fetched(NamedTuple):
    """One record, named as aiokafka names it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Batch(NamedTuple):
    """Records of one topic, with the positions around them."""

    topic: str
    partition: int
    value: list[Fetched]
    before: int
    after: int


class ReferenceSink(PostgresSink):
    """Where records of reference data are stored together with the progress."""

    def _connect(self, database_url: str) -> extensions.connection:
        return reference_tables.connect(database_url)

    def write(self, records: Sequence[Any], *, expected: Progress, progress: Progress) -> None:
        gathered = in_force.gather(records)

        def write(connection: extensions.connection) -> None:
            reference_tables.write(connection, gathered, expected=expected, progress=progress)

        self._retried(write)


class ReferenceReader:
    """Reads and writes in a thread of its own, until the process ends."""

    def __init__(self, broker: Broker, database_url: str) -> None:
        self._broker = broker
        self._sink = ReferenceSink(database_url)
        self._writer = Writer(self._sink)
        self._at: Progress = {}  # where the next record of each topic comes from
        self._looked_at = 0.0

    @property
    def answered_at(self) -> float:
        """When PostgreSQL last did, by the monotonic clock."""
        return self._sink.answered_at

    @property
    def progress(self) -> Progress:
        """The next offset of each topic; from any thread."""
        return self._writer.progress

    def start(self) -> None:
        threading.Thread(target=self._run, name="reference", daemon=True).start()

    def _run(self) -> NoReturn:
        try:
            consumer = Consumer(_options(self._broker))
            self._start_over(consumer)
            while True:
                self._step(consumer)
        except BaseException as error:
            log.critical("reference_failed", error=repr(error), exc_info=error)
            os._exit(EXIT_REFERENCE_FAILED)

    def _step(self, consumer: Consumer) -> None:
        batches = self.batches(consumer.consume(RECORDS_MAX, GATHER_SECONDS))
        try:
            if batches:
                self._write(batches)
            elif time.monotonic() - self._looked_at > LOOK_SECONDS:
                self._looked_at = time.monotonic()
                if not self._writer.is_where_it_was_left():
                    self._start_over(consumer)
        except ProgressMoved:
            self._start_over(consumer)

    def _write(self, batches: Sequence[Batch]) -> None:
        began = time.perf_counter()
        stored = self._writer.write(batches)
        metrics.STORE_SECONDS.observe(time.perf_counter() - began)
        metrics.STORED.inc(stored)
        log.debug("stored_reference", records=stored)

    def _start_over(self, consumer: Consumer) -> None:
        """Go to where the database is. What was fetched before, the client gives out no more."""
        self._writer.take_over(PLACES)
        self.stand_at(self.progress)
        log.info("reference_from", progress={topic: at for (topic, _), at in self._at.items()})
        consumer.assign([TopicPartition(*place, at) for place, at in self._at.items()])

    def stand_at(self, progress: Mapping[tuple[str, int], int]) -> None:
        self._at = dict(progress)

    def batches(self, messages: Iterable[Message]) -> list[Batch]:
        """What was fetched, by topic. Ends count as well: before one may lie markers of
        transactions, which are passed so that the lag reads 0."""
        records: dict[tuple[str, int], list[Fetched]] = {}
        after = self._at.copy()
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                _hear(error)
                continue
            record = _fetched(message)
            place = record.topic, record.partition
            if error is None:
                records.setdefault(place, []).append(record)
                after[place] = record.offset + 1
            else:
                after[place] = max(after[place], record.offset)
        before, self._at = self._at, after
        return [
            Batch(*place, records.get(place, []), before[place], at)
            for place, at in after.items()
            if at != before[place]
        ]


def _options(broker: Broker) -> dict[str, Any]:
    return {
        **broker.options,
        "group.id": STORE_APP_ID,  # demanded, and neither joined nor committed to
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        # An offset that the log does not have is not to be made up for by another one.
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 16 * 1024,
        # Also of what one fetch may unpack to, which producers choose: no record stops the reader.
        "receive.message.max.bytes": 2**31 - 1,
        "reconnect.backoff.max.ms": 1000,
        "error_cb": lambda _: None,  # the other consumer of the process tells of a broker away
        "log_level": 0,
    }


def _hear(error: KafkaError) -> None:
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        stop_on_hole(f"reference data is stored up to where its topic does not reach: {error}")
    if error.fatal():
        raise KafkaException(error)
    log.warning("kafka_error", error=error.str())


def _fetched(message: Message) -> Fetched:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    _, timestamp = message.timestamp()
    key, value = message.key(), message.value()
    assert key is None or isinstance(key, bytes)
    assert value is None or isinstance(value, bytes)
    return Fetched(topic, partition, offset, timestamp, key, value)
