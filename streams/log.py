"""The Kafka transaction of a batch: results, state changes and progress become visible together.

Each partition has its own producer, and its transactional id is the partition's. Starting one
fences the owner before: from then on the broker refuses everything that one still writes.
"""

from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams import state
from streams.leftovers import Removals, Results
from streams.step import Headers, Outcome
from wire.broker import Broker
from wire.topics import (
    APP_ID,
    CHANGELOG,
    COMPLETED,
    DEAD_LETTER,
    FORWARDED,
    PORTFOLIOS_CURRENT,
    POSITIONS,
    Topic,
)

_FIRST: Headers = [
    ("first", b"")
]  # on the first result of a transaction: the store may insert it straight
CALL_SECONDS_MAX = 60.0
_POLL_EVERY = 2000  # records


@dataclass(frozen=True, slots=True)
class Written:
    """Offsets of the last records that a committed batch wrote; None where it wrote none."""

    changelog: int
    results: int | None


class Delivered:
    """The offset of one record, known once it is delivered."""

    def __init__(self) -> None:
        self.offset: int | None = None
        self.error: KafkaError | None = None

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        self.error = error
        if error is None:
            self.offset = message.offset()


class TransactionLog:
    """The log of one partition, as its only writer."""

    def __init__(self, broker: Broker, partition: int) -> None:
        """Fence the writer before and abort what it left open. Blocks; raises KafkaException."""
        self._partition = partition
        self._producer = Producer(
            {
                **broker.options,
                "transactional.id": f"{APP_ID}-{partition}",
                "transaction.timeout.ms": 10_000,
                "message.timeout.ms": 9_000,
                "linger.ms": 5,
                "batch.num.messages": 10_000,
                "batch.size": 1 << 20,
                "message.max.bytes": 32 << 20,
                "queue.buffering.max.messages": 1_000_000,
                "reconnect.backoff.max.ms": 1_000,
                "log_level": 0,
            }
        )
        self._producer.init_transactions(CALL_SECONDS_MAX)

    def commit(self, outcome: Outcome, progress: bytes) -> Written:
        """Write one batch in one transaction. Any exception means that the process must end: what
        became of the batch is told by the log at the next take-over."""
        producer, p = self._producer, self._partition
        changes = outcome.changes
        result, last = Delivered(), Delivered()
        producer.begin_transaction()
        for n, (key, value, is_first) in enumerate(changes.results, 1):
            on_delivery = result if n == len(changes.results) else None
            headers = _FIRST if is_first else None
            self._put(COMPLETED, key, value, p, headers=headers, on_delivery=on_delivery)
            if n % _POLL_EVERY == 0:
                producer.poll(0)
        for topic, records in (
            (POSITIONS, changes.positions),
            (PORTFOLIOS_CURRENT, changes.portfolios),
            (CHANGELOG, changes.changelog),
        ):
            for record_key, record_value in records:
                self._put(topic, record_key, record_value, p)
            producer.poll(0)
        for topic, sent_on in ((FORWARDED, outcome.forwarded), (DEAD_LETTER, outcome.dead)):
            for r in sent_on:
                self._put(
                    topic, r.key, r.value, r.partition, headers=r.headers, timestamp=r.timestamp
                )
        self._put(CHANGELOG, state.PROGRESS, progress, p, on_delivery=last)
        self._finish()
        assert last.error is None
        assert last.offset is not None
        assert result.error is None
        assert (result.offset is not None) == bool(changes.results)
        return Written(last.offset, result.offset)

    def publish(self, results: Results, positions: Removals) -> int | None:
        """Write these in one transaction that is no batch. Return the offset of the last result;
        any exception means what it means in `commit`."""
        last = Delivered()
        self._producer.begin_transaction()
        for key, value in results:
            self._put(COMPLETED, key, value, self._partition, on_delivery=last)
        for key, removed in positions:
            self._put(POSITIONS, key, removed, self._partition)
        self._finish()
        assert last.error is None
        assert (last.offset is not None) == bool(results)
        return last.offset

    def _put(
        self,
        topic: Topic,
        key: bytes | None,
        value: bytes | None,
        partition: int,
        *,
        headers: Headers | None = None,
        on_delivery: Delivered | None = None,
        timestamp: int = 0,
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    topic.name, value, key, partition, headers=headers, on_delivery=on_delivery,
                    timestamp=max(0, timestamp),  # 0: now
                )  # fmt: skip
            except BufferError:
                # A batch may be larger than the producer's queue; wait for some to be delivered.
                self._producer.poll(0.1)
            else:
                return

    def _finish(self) -> None:
        """Repeats the same call on a passing error, never the batch."""
        if self._producer.flush(CALL_SECONDS_MAX):
            raise RuntimeError("records were not delivered in time")
        while True:
            try:
                self._producer.commit_transaction(CALL_SECONDS_MAX)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
            else:
                return
