"""Hands records to Kafka, and says where they are once Kafka has them."""

import asyncio
import threading
from collections import Counter as Counts
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from prometheus_client import CollectorRegistry, Counter

from api.problems import Problem, unavailable
from wire.broker import NOT_UNDERSTOOD, Broker

log = structlog.get_logger(__name__)
DELIVERY_SECONDS_MAX = 8.0
POLL_SECONDS = 0.1
RECORDS_PER_TURN = 200  # handed over before other requests get their turn
CLOSE_SECONDS_MAX = DELIVERY_SECONDS_MAX + 1


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be written, and into which partition."""

    topic: str
    partition: int
    key: bytes
    value: bytes


class _Delivery:
    """Counts the reports of one call down. Only the poll thread touches it after `produce`."""

    def __init__(self, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = count
        self._error: KafkaError | None = None
        self.offsets = [-1] * count
        self.done: asyncio.Future[None] = self._loop.create_future()

    def report(self, index: int, error: KafkaError | None, message: Message) -> None:
        offset = message.offset()
        self._error = self._error or error
        self.offsets[index] = -1 if error or offset is None else offset
        self._left -= 1
        if not self._left:
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if self.done.done():  # its request was cancelled
            return
        if self._error:
            self.done.set_exception(_not_delivered(self._error.str()))
        elif min(self.offsets) < 0:
            # After a retry the broker may know that it has a record and no longer where.
            self.done.set_exception(_not_delivered("Kafka did not say where the records are"))
        else:
            self.done.set_result(None)


class Publisher:
    """One idempotent producer and the thread that collects its delivery reports."""

    def __init__(self, broker: Broker, registry: CollectorRegistry) -> None:
        self._broker = broker
        self._producer = self._new_producer()
        self._spent = False
        self._heard: KafkaError | None = None
        self._closing = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="delivery-reports", daemon=True)
        self._published = Counter(
            "portfolio_api_published_records_total",
            "Records that Kafka has acknowledged.",
            ["topic"],
            registry=registry,
        )

    def start(self) -> None:
        self._poller.start()

    def close(self) -> None:
        """Wait for what is under way, then end the thread."""
        self._producer.flush(CLOSE_SECONDS_MAX)
        self._closing.set()
        self._poller.join()

    async def publish(self, records: Sequence[Record]) -> list[int]:
        """The offsets of the records, in their order, once all of them are safe.

        A problem 503 may leave some of them written: sending all again is safe.
        """
        delivery = _Delivery(len(records))
        for index, record in enumerate(records):
            if index % RECORDS_PER_TURN == RECORDS_PER_TURN - 1:
                await asyncio.sleep(0)
            self._produce(delivery, index, record)
        await delivery.done
        for topic, count in Counts(record.topic for record in records).items():
            self._published.labels(topic).inc(count)
        return delivery.offsets

    def _produce(self, delivery: _Delivery, index: int, record: Record) -> None:
        def report(error: KafkaError | None, message: Message) -> None:
            delivery.report(index, error, message)

        try:
            self._producer.produce(
                record.topic, record.value, record.key, record.partition, on_delivery=report
            )
        except BufferError:
            raise _not_delivered("Too much is waiting to be delivered") from None
        except KafkaException as error:
            raise _not_delivered(error.args[0].str()) from error

    def partition_counts(self, seconds_max: float) -> dict[str, int]:
        """How many partitions each topic has. Blocks; raises KafkaException when Kafka is away."""
        topics = self._producer.list_topics(timeout=seconds_max).topics
        self._heard = None  # it was overcome
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def why(self, error: KafkaException) -> str:
        """Why a call failed. Its own error tells only that nobody answered; what stands behind
        that, as a password that is refused, came beside."""
        heard = self._heard  # which another thread replaces
        return f"{error.args[0].str()}: {NOT_UNDERSTOOD}" if heard is None else heard.str()

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(POLL_SECONDS)
            if self._spent:
                self._spent, spent, self._producer = False, self._producer, self._new_producer()
                spent.flush(CLOSE_SECONDS_MAX)  # reports to those who wait for it

    def _on_error(self, error: KafkaError) -> None:
        # An idempotent producer that cannot keep its promise takes no more records, for ever.
        self._spent = self._spent or error.fatal()
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            return
        # It comes again at every attempt to connect.
        if self._heard is None or self._heard.code() != error.code():
            log.warning("kafka_error", error=error.str())
        self._heard = error

    def _new_producer(self) -> Producer:
        return Producer(
            {
                **self._broker.options,
                "client.id": "portfolio-api",
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "message.timeout.ms": int(DELIVERY_SECONDS_MAX * 1000),
                "queue.buffering.max.messages": 100_000,
                "queue.buffering.max.kbytes": 64 * 1024,
                "reconnect.backoff.max.ms": 1000,
                "error_cb": self._on_error,
                "log_level": 0,  # it prints a line for every refused connection
            }
        )


def _not_delivered(why: str) -> Problem:
    return unavailable("not-delivered", f"{why}. Nothing or a part was taken in: send it again.")
