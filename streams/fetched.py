"""What a fetch brings: records, the positions around them, and nothing passed over unnoticed.

Replaces the parts of the client that fetch and turn bytes into records, by being imported.
"""

import asyncio
import os
import time
import weakref
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import structlog
from aiokafka.consumer import consumer, fetcher
from aiokafka.record import default_records, memory_records

log = structlog.get_logger(__name__)
EXIT_LOG_HOLE = 72
# From one fetch of a broker to the next. Each one costs us half a millisecond and more, and at once
# it would bring the few records of one partition.
FETCH_SECONDS = 0.015
# For how long a broker may hold back a fetch that leaves out some of our partitions.
PARTIAL_WAIT_MS = 50


def stop_on_hole(why: str) -> None:
    """The log is not what the state was built on. Nothing was committed; a restart is safe and
    stops here again until the log or the state is restored."""
    log.critical("log_hole", why=why)
    os._exit(EXIT_LOG_HOLE)


class Positions:
    """Where the consumer of each partition stands, moved by fetches and by our own seeks only.

    The first number is the end of what was delivered last, the second the position now; they
    differ after a fetch that held nothing but transaction markers. Both are replaced at once:
    other threads read them, and between the two would take records in the air for markers.
    """

    at: ClassVar[dict[Any, tuple[int, int]]] = {}
    # The assignment of the client in which we sought the partition. In another one, which each
    # rebalance begins, the client stands at the group's offset until we seek again.
    sought_in: ClassVar[dict[Any, Any]] = {}
    compacted: ClassVar[set[str]] = set()  # topics whose logs have holes by design
    unread: ClassVar[set[str]] = set()  # topics that are ours by the group, and never fetched

    @classmethod
    def seek(cls, client: Any, tp: Any, offset: int) -> None:
        """Let the client, in its thread, go on from there. The note and the position move
        together: there is no await between the two."""
        cls.at[tp] = (offset, offset)
        cls.sought_in[tp] = client._subscription.subscription.assignment
        client.seek(tp, offset)

    @classmethod
    def is_sought(cls, tp: Any, assignment: Any) -> bool:
        return cls.sought_in.get(tp) is assignment


class Span(list[Any]):
    """Records of one fetch with the positions around it."""

    before: int
    after: int


class _AnyBytes(bytearray):
    """Bytes whose parts become text whatever they are, as `\\xff` where they are none."""

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return _AnyBytes(part) if isinstance(at, slice) else part

    def decode(self, *_: Any, **__: Any) -> str:
        return super().decode("utf-8", "backslashreplace")


class _LenientBatch(default_records._DefaultRecordBatchPy):  # type: ignore[misc]
    """A record batch whose headers may have names that are no text."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        buffer: Any = self._buffer  # type: ignore[has-type]
        self._buffer = _AnyBytes(buffer)


class _Batches(memory_records._MemoryRecordsPy):  # type: ignore[misc]
    """The record batches of a fetch, the last one readable once more."""

    def __init__(self, fetched: bytes) -> None:
        self._last: Any = None
        self._again: Any = None
        super().__init__(fetched)

    def has_next(self) -> bool:
        return self._again is not None or super().has_next()

    def next_batch(self) -> Any:
        again, self._again = self._again, None
        if again is not None:
            return _LenientBatch(again)
        self._last = self._next_slice
        return super().next_batch()

    def read_again(self) -> None:
        self._again = self._last


class Record(msgspec.Struct, gc=False):
    """A record as it was fetched."""

    topic: str
    offset: int
    timestamp: int  # milliseconds since 1970
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class _StrictRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Finds what is missing in the middle of a log that is never compacted: there each record
    batch, those of markers and aborted transactions included, starts where the last one ended."""

    def __iter__(self) -> Any:
        return self._records_iterator

    @staticmethod
    def _consumer_record(tp: Any, record: Any) -> Record:
        # The client's own takes half a microsecond longer to make.
        return Record(
            tp.topic, record.offset, record.timestamp, record.timestamp_type, record.key,
            record.value, record.headers,
        )  # fmt: skip

    def _unpack_records(self) -> Any:
        batches: Any = self._records  # type: ignore[has-type]
        if self._tp.topic not in Positions.compacted:
            self._records = _Watched(batches, weakref.ref(self))
        while True:
            try:
                yield from super()._unpack_records()
            except UnicodeDecodeError:
                # The client takes header names for text. Other clients may send any bytes, and
                # nobody's record may stop a partition. What was handed over already is passed.
                batches.read_again()
            else:
                return


class _Watched:
    """Record batches of a fetch, each of which must begin where the one before it ended.

    Knows the records by a weak reference: in a ring, every fetch would be kept until the collector
    comes to old objects, which is once in many millions of events.
    """

    def __init__(self, batches: _Batches, records: "weakref.ref[_StrictRecords]") -> None:
        self.has_next = batches.has_next
        self._batches = batches
        self._records = records

    def next_batch(self) -> Any:
        batch = self._batches.next_batch()
        records: Any = self._records()
        if batch.base_offset > records.next_fetch_offset:
            stop_on_hole(
                f"{records._tp}: after {records.next_fetch_offset} comes {batch.base_offset}"
            )
        return batch


class _SpanningResult(fetcher.FetchResult):  # type: ignore[misc]
    """Notes the positions where they move, from our seek on. Read from outside they would hide what
    matters: a fetch of markers alone moves them and returns nothing, and a reset moves them
    unasked."""

    def getall(self, max_records: int | None = None) -> Sequence[Any]:
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        if not Positions.is_sought(self._topic_partition, self._assignment):
            # Of nobody's concern: a fetch that was asked for before the rebalance goes on behind it.
            # Where our seek goes to another offset `check_assignment` finds it void.
            return []
        tp, before = self._topic_partition, self._partition_records.next_fetch_offset
        at = Positions.at.get(tp)
        if at is None or at[1] != before:
            stop_on_hole(f"{tp}: the position moved by itself from {at and at[1]} to {before}")
            raise AssertionError
        records = Span(super().getall(max_records))
        position = self._assignment.state_value(tp).position
        if records:
            records.before, records.after = at[0], position
            Positions.at[tp] = (position, position)
        else:
            Positions.at[tp] = (at[0], position)
        return records


class _SpacedFetcher(fetcher.Fetcher):  # type: ignore[misc]
    """Lets some records gather before it asks for more."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._began_at: dict[int, float] = {}  # the last fetch, by broker
        super().__init__(*arguments, **options)

    def _get_actions_per_node(self, assignment: Any) -> Any:
        for tp in assignment.tps:
            if tp.topic in Positions.unread:
                assignment.state_value(tp).pause()
        requests, *others = super()._get_actions_per_node(assignment)
        if self._records:
            # Partitions whose records nobody took for a while are left out. A broker is asked once
            # at a time, and would be waiting for the silent ones when those have more.
            for _, request in requests:
                request._max_wait_ms = PARTIAL_WAIT_MS
        return requests, *others

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        seconds = self._began_at.get(node_id, 0.0) + FETCH_SECONDS - time.monotonic()
        try:
            await asyncio.sleep(max(0.0, seconds))
        except asyncio.CancelledError:
            return False  # as where the answer is waited for: nobody is interested any more
        self._began_at[node_id] = time.monotonic()
        has_records: bool = await super()._proc_fetch_request(assignment, node_id, request)
        return has_records


fetcher.FetchResult, fetcher.PartitionRecords = _SpanningResult, _StrictRecords
fetcher.MemoryRecords = _Batches
consumer.Fetcher = _SpacedFetcher
