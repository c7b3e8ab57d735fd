import asyncio
import gc
import time
import uuid
import weakref
from collections.abc import Callable, Coroutine, Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from faust.types.tuples import TP

from cli.servers import Connections
from streams import fetched, transport
from streams.fetched import Positions

SECONDS_MAX = 30


class Hole(Exception):
    """What would have ended the process."""


@pytest.fixture(autouse=True)
def holes(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(why: str) -> None:
        raise Hole(why)

    monkeypatch.setattr(fetched, "stop_on_hole", stop)
    monkeypatch.setattr(transport, "stop_on_hole", stop)


class Name(str):
    """A header name of any bytes."""

    def __new__(cls, name: bytes) -> "Name":
        return super().__new__(cls, name.decode("latin-1"))

    def encode(self, *_: str) -> bytes:
        return super().encode("latin-1")


class Log:
    """A partition of its own, and the ways in which it can be written."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.tp = TP(f"transport-{uuid.uuid4().hex}", 0)
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        [created] = self.admin.create_topics([NewTopic(self.tp.topic, 1, 1)]).values()
        created.result()

    def plain(self, *values: str) -> None:
        self._write(Producer({"bootstrap.servers": self.bootstrap}), values)

    def transaction(self, *values: str, commit: bool) -> None:
        identity = uuid.uuid4().hex
        producer = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": identity})
        producer.init_transactions(10)
        producer.begin_transaction()
        self._write(producer, values)
        (producer.commit_transaction if commit else producer.abort_transaction)(10)

    def _write(self, producer: Producer, values: tuple[str, ...]) -> None:
        for value in values:
            producer.produce(self.tp.topic, value, partition=0)
        assert producer.flush(10) == 0

    def delete_below(self, offset: int) -> None:
        place = Place(self.tp.topic, 0, offset)
        [deleted] = self.admin.delete_records([place]).values()
        deleted.result()

    def headers(self, *names: bytes, compression: int) -> None:
        """One record for each name, all in one batch."""
        asyncio.run(self._headers(names, compression))

    async def _headers(self, names: tuple[bytes, ...], compression: int) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            batch = producer.create_batch()
            # The builder in Python lets each name say its own bytes.
            batch._builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 1 << 20)
            for name in names:
                headers = [(Name(name), b"x" * 100)]
                assert batch.append(timestamp=None, key=None, value=name, headers=headers)
            await (await producer.send_batch(batch, self.tp.topic, partition=self.tp.partition))


@pytest.fixture
def log(servers: Connections) -> Log:
    return Log(servers.kafka.bootstrap)


class Reader:
    """The client's consumer with the positions that the transport takes inside it."""

    def __init__(self, log: Log, *others: Log, wait_ms: int = 50) -> None:
        self.tp = log.tp
        self._all = [log.tp, *(other.tp for other in others)]
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=log.bootstrap, isolation_level="read_committed",
            enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=wait_ms,
        )  # fmt: skip

    async def __aenter__(self) -> "Reader":
        self.consumer.assign(self._all)
        await self.consumer.start()
        for tp in self._all:
            self.seek(tp, 0)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.consumer.stop()

    def seek(self, tp: TP, offset: int) -> None:
        Positions.seek(self.consumer, tp, offset)

    async def span(self) -> fetched.Span:
        """The records of the next fetch that brings any."""
        async with asyncio.timeout(SECONDS_MAX):
            while not (found := await self.consumer.getmany(timeout_ms=50)):
                pass
        records: fetched.Span = found[self.tp]
        return records

    async def stand_at(self, position: int) -> None:
        """Fetch until the consumer stands there, whatever it passes."""
        async with asyncio.timeout(SECONDS_MAX):
            while Positions.at[self.tp][1] < position:
                assert not await self.consumer.getmany(timeout_ms=50)


def reading(log: Log, main: Callable[[Reader], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with Reader(log) as reader:
            await main(reader)

    asyncio.run(run())


def note_fetches(reader: Reader, note: Callable[[list[str]], None]) -> None:
    """Tell of each fetch which topics it asks for."""
    client = reader.consumer._client
    send = client.send

    async def noting(node_id: int, request: Any) -> Any:  # noqa: ANN401 - the client's own
        if isinstance(request, FetchRequest):
            note([topic for topic, _ in request.topics])
        return await send(node_id, request)

    client.send = noting


def test_between_two_fetches_records_may_gather(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "FETCH_SECONDS", 0.3)

    async def main(reader: Reader) -> None:
        sent = list[float]()
        note_fetches(reader, lambda _: sent.append(time.monotonic()))
        for name in "abc":
            log.plain(name)
            assert [record.value for record in await reader.span()] == [name.encode()]
        assert len(sent) >= 3
        assert min(later - earlier for earlier, later in pairwise(sent)) >= 0.29
        # Closed in the middle of a pause, it ends all the same.

    began = time.monotonic()
    reading(log, main)
    assert time.monotonic() - began < SECONDS_MAX


def test_no_partition_waits_for_another_that_is_silent(log: Log) -> None:
    """Records of one are left lying for a while, so that the other is asked for alone."""
    silent, wait_ms = Log(log.bootstrap), 20_000

    async def main() -> None:
        async with Reader(log, silent, wait_ms=wait_ms) as reader:
            is_alone = asyncio.Event()

            def note(asked: list[str]) -> None:
                if asked == [silent.tp.topic]:
                    is_alone.set()

            note_fetches(reader, note)
            log.plain("a")
            async with asyncio.timeout(SECONDS_MAX):
                await is_alone.wait()
            began = time.monotonic()
            assert told(await reader.span()) == (["a"], 0, 1)
            log.plain("b")
            assert told(await reader.span()) == (["b"], 1, 2)
            assert time.monotonic() - began < wait_ms / 1000 / 2

    asyncio.run(main())


def test_what_nobody_reads_is_not_fetched_and_hurries_nobody(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread, fetches = Log(log.bootstrap), list[list[str]]()
    monkeypatch.setattr(Positions, "unread", {unread.tp.topic})
    unread.plain("never read")

    async def main() -> None:
        async with Reader(log, unread, wait_ms=1000) as reader:
            log.plain("a")
            read = TopicPartition(*log.tp)
            assert await reader.consumer.getmany(read, timeout_ms=SECONDS_MAX * 1000)
            note_fetches(reader, fetches.append)
            assert not await reader.consumer.getmany(read, timeout_ms=2000)

    asyncio.run(main())
    assert 1 <= len(fetches) <= 4, "one a second, as the broker is told to wait"
    assert all(asked == [log.tp.topic] for asked in fetches)


def told(span: fetched.Span) -> tuple[list[str], int, int]:
    return [record.value.decode() for record in span], span.before, span.after


def test_spans_follow_each_other_without_a_gap_over_markers_and_aborted_records(log: Log) -> None:
    async def main(reader: Reader) -> None:
        log.plain("a", "b")
        assert told(await reader.span()) == (["a", "b"], 0, 2)
        log.transaction("x", "y", commit=False)  # 2, 3 and the marker 4
        await reader.stand_at(5)
        assert Positions.at[log.tp] == (2, 5)
        log.transaction("c", commit=True)  # 5 and the marker 6
        span = await reader.span()
        assert told(span)[:2] == (["c"], 2)
        assert span.after in (6, 7)  # with the marker, or without it
        await reader.stand_at(7)
        log.plain("d")
        assert told(await reader.span()) == (["d"], span.after, 8)
        assert Positions.at[log.tp] == (8, 8)

    reading(log, main)
    assert Positions.at[log.tp] == (8, 8)


def test_a_seek_of_our_own_moves_both_positions(log: Log) -> None:
    async def main(reader: Reader) -> None:
        log.plain("a", "b", "c")
        await reader.span()
        reader.seek(log.tp, 1)
        assert told(await reader.span()) == (["b", "c"], 1, 3)

    reading(log, main)
    assert Positions.at[log.tp] == (3, 3)


def test_what_a_new_assignment_brings_before_our_seek_is_not_taken(log: Log) -> None:
    async def main(reader: Reader) -> None:
        log.plain("a", "b", "c")
        await reader.span()
        in_the_air = asyncio.create_task(reader.consumer.getmany(timeout_ms=2000))
        await asyncio.sleep(0.1)
        # As a rebalance does: the client goes back to the group's offsets, here to the earliest.
        reader.consumer.assign([log.tp])
        assert not await in_the_air
        assert Positions.at[log.tp] == (3, 3)
        reader.seek(log.tp, 1)
        assert told(await reader.span()) == (["b", "c"], 1, 3)

    reading(log, main)
    assert Positions.at[log.tp] == (3, 3)


def test_a_topic_that_is_never_fetched_is_not_said_to_stand_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Positions, "unread", {"changelog"})
    looked_at = list[str]()
    consumer: Any = object.__new__(transport.BatchConsumer)
    consumer._thread = SimpleNamespace(verify_event_path=lambda _, tp: looked_at.append(tp.topic))
    for topic in ("changelog", "raw"):
        consumer.verify_event_path(0.0, TP(topic, 0))
    assert looked_at == ["raw"]


def test_a_seek_of_somebody_else_is_noticed(log: Log) -> None:
    async def main(reader: Reader) -> None:
        log.plain("a", "b", "c")
        await reader.span()
        reader.consumer.seek(log.tp, 1)
        with pytest.raises(Hole, match="moved by itself from 3 to 1"):
            await reader.span()

    reading(log, main)
    assert Positions.at[log.tp] == (3, 3)


def test_a_log_that_begins_behind_the_position_is_noticed(log: Log) -> None:
    async def main(reader: Reader) -> None:
        log.plain("a", "b", "c")
        await reader.span()
        log.plain("d", "e", "f", "g")
        log.delete_below(5)
        reader.seek(log.tp, 3)
        with pytest.raises(Hole, match="moved by itself from 3 to 5"):
            await reader.span()

    reading(log, main)
    assert Positions.at[log.tp] == (3, 3)


def test_a_log_that_begins_at_the_position_has_no_hole(log: Log) -> None:
    async def main(reader: Reader) -> None:
        log.plain("a", "b", "c", "d")
        log.delete_below(3)
        reader.seek(log.tp, 3)
        assert told(await reader.span()) == (["d"], 3, 4)

    reading(log, main)
    assert Positions.at[log.tp] == (4, 4)


# -- the middle of a log


class EmptyBatch:
    """A record batch, all of whose records were compacted away."""

    producer_id = None
    is_control_batch = False

    def __init__(self, base_offset: int, next_offset: int) -> None:
        self.base_offset, self.next_offset = base_offset, next_offset

    def __iter__(self) -> Iterator[object]:
        return iter(())


def records_of(topic: str, *spans: tuple[int, int]) -> fetched._StrictRecords:
    """Fetched record batches of (first offset, offset behind) each, read from offset 0."""
    batches = [EmptyBatch(*span) for span in spans]
    source = SimpleNamespace(has_next=lambda: bool(batches), next_batch=lambda: batches.pop(0))
    return fetched._StrictRecords(TP(topic, 0), source, [], 0, None, None, False, "read_committed")


def test_a_record_batch_that_is_missing_in_the_middle_is_noticed() -> None:
    records = records_of("raw", (0, 3), (3, 5), (6, 8))
    with pytest.raises(Hole, match="after 5 comes 6"):
        list(records)
    assert records.next_fetch_offset == 5


def test_what_was_read_needs_no_collector_to_go() -> None:
    gc.disable()
    try:
        records = records_of("raw", (0, 3), (3, 5))
        gone = weakref.ref(records)
        assert list(records) == []
        del records
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("batches", [[(0, 3), (3, 5)], [(0, 9)], []])
def test_a_log_without_a_hole_is_read_to_its_end(batches: list[tuple[int, int]]) -> None:
    records = records_of("raw", *batches)
    assert list(records) == []
    assert records.next_fetch_offset == (batches[-1][1] if batches else 0)


def test_a_compacted_log_may_have_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Positions, "compacted", {"compact"})
    records = records_of("compact", (0, 3), (6, 8))
    assert list(records) == []
    assert records.next_fetch_offset == 8


@pytest.mark.parametrize("compression", [0, 3], ids=["none", "lz4"])
def test_a_header_name_that_is_no_text_stops_nothing_and_is_shown_escaped(
    log: Log, compression: int
) -> None:
    log.plain("before")
    log.headers(b"plain", b"\xff", "\u00e9".encode(), b"a\x80b", compression=compression)
    log.plain("behind")

    async def main(reader: Reader) -> None:
        found: list[Any] = []
        while len(found) < 6:
            found += await reader.span()
        assert [record.offset for record in found] == list(range(6))
        names = [name for record in found[1:5] for name, _ in record.headers]
        assert names == ["plain", "\\xff", "\u00e9", "a\\x80b"]
        assert found[-1].value == b"behind"

    reading(log, main)
