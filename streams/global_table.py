"""A topic of one partition, read by every process and kept in memory.

Reference data belongs to no partition of the books, so each process reads all of it: committed
records alone, from the beginning, outside of any group. What cannot be read is passed; the store
makes dead letters of it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streams.ends import Ends
from wire.broker import Broker
from wire.fields import Malformed
from wire.reference import Content, Kind

log = structlog.get_logger(__name__)
EXIT_TABLE_FAILED = 70
RECORDS_MAX = 2000  # taken in at once; the interpreter is shared with the lanes
_POLL_SECONDS = 0.5
_SILENCE_SECONDS_MAX = 30.0


class GlobalTable(Generic[Content]):
    """Reads one kind of reference data in a thread of its own.

    `keep(offset, content)` gets each readable record once, in the order of the log, in that thread;
    what is in force, and what of it is worth keeping, is its affair. `through` moves behind it: the
    next offset, before which everything was kept. Any thread may read it, and may wait for it.
    """

    def __init__(
        self, broker: Broker, kind: Kind[Content], keep: Callable[[int, Content], object]
    ) -> None:
        self.kind = kind
        self.through = 0
        self._broker = broker
        self._keep = keep
        self._moved = threading.Condition()
        self._listeners: list[Callable[[], object]] = []
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=kind.name, daemon=True)

    def on_move(self, listener: Callable[[], object]) -> None:
        """Call it, in the reader's thread, each time that `through` has moved, before those who
        wait for that go on. It must not block or raise."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Begin to read. Whatever goes wrong ends the process: an old copy is worse than none."""
        self._thread.start()

    def close(self) -> None:
        """Read no more."""
        self._is_closing = True
        self._thread.join()

    @contextmanager
    def at_rest(self) -> Iterator[int]:
        """`through`, which stays within the block: all before it is kept, and nothing else."""
        with self._moved:
            yield self.through

    def wait_through(self, offset: int, seconds: float = _SILENCE_SECONDS_MAX) -> None:
        """Return once everything before the offset was kept. Raises TimeoutError where nothing comes
        for so long: the broker is away, or the topic ends before."""
        with self._moved:
            while self.through < offset:
                if not self._moved.wait(seconds):
                    raise TimeoutError(f"{self.kind.name} is read to {self.through} of {offset}")

    def read_to_end(self, ends: Ends) -> int:
        """Return once all is kept that is committed at this moment, and what `through` must be
        for that."""
        place = self.kind.name, 0
        end = ends.patiently([place])[place]
        self.wait_through(end)
        return end

    def _run(self) -> None:
        try:
            consumer = Consumer(_options(self._broker))
            consumer.assign([TopicPartition(self.kind.name, 0, OFFSET_BEGINNING)])
            while not self._is_closing:
                # The first at once, however few there are: somebody may wait for it.
                first = consumer.poll(_POLL_SECONDS)
                if first is not None:
                    self.take([first, *consumer.consume(RECORDS_MAX, 0)])
                    time.sleep(0)  # a long topic leaves the others their turns
            consumer.close()
        except BaseException as error:
            log.critical("table_failed", topic=self.kind.name, error=repr(error), exc_info=error)
            os._exit(EXIT_TABLE_FAILED)

    def take(self, messages: list[Any]) -> None:
        """Keep what was fetched, then move. Ends count as well: before one may lie the markers of
        transactions, which are passed so that whoever waits for the end gets there."""
        through, read = self.through, list[tuple[int, Content]]()
        for message in messages:
            error = message.error()
            if error is None:
                content = self.kind.decode(message.value())
                if not isinstance(content, Malformed):
                    read.append((message.offset(), content))
                through = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                through = max(through, message.offset())
            else:
                _hear(error)
        if through != self.through:
            self._move(read, through)

    def _move(self, read: list[tuple[int, Content]], through: int) -> None:
        with self._moved:
            for offset, content in read:
                self._keep(offset, content)
            self.through = through
            for listener in self._listeners:
                listener()
            self._moved.notify_all()


def _options(broker: Broker) -> dict[str, Any]:
    return {
        **broker.options,
        "group.id": "portfolio-global-table",  # demanded, and neither joined nor committed to
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        # An offset that the log does not have is not to be made up for by another one.
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 500,  # at the end; a record that comes is sent at once
        "queued.max.messages.kbytes": 16 * 1024,
        # Also of what one fetch may unpack to, which producers choose: no record stops the reader.
        "receive.message.max.bytes": 2**31 - 1,
        "reconnect.backoff.max.ms": 1000,
        "error_cb": lambda _: None,  # the other clients of the process tell of a broker away
        "log_level": 0,
    }


def _hear(error: KafkaError) -> None:
    is_hole = error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
    if is_hole or error.fatal():
        raise KafkaException(error)
    log.warning("kafka_error", error=error.str())
