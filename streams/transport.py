"""Faust's transport in batches: whole fetches go to the agents, and no record is passed over.

Faust 0.15 moves one record at a time (some 100 us each) and loses records in rebalances. This
transport keeps of it the group membership, the assignor and the agents, and replaces what lies
between the fetch and the agent:

* an event is the list of records of one fetch of one partition, as a `Batch`;
* each batch says at which offset the consumer stood before and after its fetch, taken inside the
  fetch itself. A lane requires that one starts where the one before ended, so a reset, a truncated
  log or a fetch across a seek cannot pass unnoticed. Offsets themselves have legal holes;
* nothing is fetched between a revocation and the application's own seek;
* consumers read committed records only.

URL scheme `batches://`, registered by importing this module.
"""

import asyncio
import os
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Set
from typing import Any, NoReturn

import structlog
from aiokafka.errors import ConsumerStoppedError
from faust.transport import drivers
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

import streams.membership  # noqa: F401 - the group's coordinator that notes who we are
from streams.fetched import Positions, stop_on_hole

log = structlog.get_logger(__name__)
COMMIT_SECONDS_MAX = 2.0
LEAVING_SECONDS = 1.0
FIRST_SECONDS_MAX = 10.0
EXIT_FETCHES_ENDED = 78


def stop_without_fetches(task: "asyncio.Future[Any]") -> NoReturn:
    """The client's task that fetches has ended. The client goes on as a member of its group, and
    would serve its partitions standing still."""
    error = None if task.cancelled() else task.exception()
    log.critical("fetches_ended", error=repr(error), exc_info=error)
    os._exit(EXIT_FETCHES_ENDED)


class Batch(ConsumerMessage):
    """The records of one fetch (`value`), as the message of one Faust event."""

    __slots__ = ("after", "before", "epoch")
    before: int  # position of the consumer before the fetch
    after: int  # and behind it
    epoch: int  # of the consumer; a batch of an earlier one is void


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust asks for it only with its own transactions, which are not used here.
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(self, consumer: Any, *arguments: Any, **options: Any) -> Any:
        fetcher = consumer._fetcher
        if fetcher.error_future.done() and not fetcher._closed:
            stop_without_fetches(fetcher.error_future)
        return await super()._fetch_records(consumer, *arguments, **options)

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        for tp, offset in partitions.items():
            Positions.seek(consumer, tp, offset)


class BatchConsumer(driver.Consumer):
    """Delivers batches and keeps account of them; see the module."""

    batch_records_max = 2000

    def __init__(self, *args: Any, **options: Any) -> None:
        self.epoch = 0  # one higher at every revocation and every seek
        self.assigned_in_epoch = 0
        # Per partition: (last offset, position behind) of batches delivered and not yet acked.
        self._in_flight: dict[TP, deque[tuple[int, int]]] = defaultdict(deque)
        self._next: dict[TP, int] = {}  # position that the next batch must start from
        self._fetching: frozenset[TP] = frozenset()
        self._first: Mapping[TP, int] = {}
        self._first_until = 0.0
        super().__init__(*args, **options)

    def _new_consumer_thread(self) -> Any:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        if active_partitions is not None:
            changelogs = self.app.tables.changelog_topics
            # A snapshot: Faust's set is live, and an emptied one would mean "all".
            wanted = () if self.app.rebalancing else active_partitions
            of_records = {tp for tp in wanted if tp.topic not in changelogs}
            self._fetching = frozenset(self._still_first(of_records) or of_records)
            if not self._fetching:
                await asyncio.sleep(0.02)
                return {}
            active_partitions = self._fetching
        try:
            return await super()._getmany(active_partitions, timeout)
        except ConsumerStoppedError:
            if not self.app.is_leaving:
                raise
            # The client was closed under a fetch, as it should: the process ends in a moment.
            await asyncio.sleep(LEAVING_SECONDS)
            return {}

    def read_first(self, ends: Mapping[TP, int]) -> None:
        """Fetch nothing else until these partitions are at these offsets, or for some seconds: it
        saves work, and must not stop any."""
        self._first, self._first_until = ends, time.monotonic() + FIRST_SECONDS_MAX

    def _still_first(self, wanted: Set[TP]) -> set[TP]:
        behind = {
            tp
            for tp, end in self._first.items()
            if tp in wanted and (tp not in Positions.at or Positions.at[tp][1] < end)
        }
        if wanted and (not behind or time.monotonic() > self._first_until):
            self._first = {}
            return set()
        return behind

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's look for partitions that stand still, once in a while."""
        if tp.topic not in Positions.unread:
            super().verify_event_path(now, tp)

    async def perform_seek(self) -> None:
        raise RuntimeError("positions belong to the application, not to the group's offsets")

    async def seek_to(self, positions: dict[TP, int]) -> None:
        """Go to these offsets and make everything fetched before void."""
        self.epoch += 1
        for tp in list(self._in_flight):
            self._forget(tp)
        # Noted before the seek: what a fetch in the air has moved is put back to here.
        self._next.update(positions)
        await self.seek_wait(positions)
        for tp, offset in positions.items():
            self._read_offset[tp] = offset
            self._committed_offset[tp] = offset or None

    def _forget(self, tp: TP) -> None:
        self._in_flight.pop(tp, None)
        self._next.pop(tp, None)
        self._acked[tp].clear()
        self._acked_index[tp].clear()

    async def _drain_messages(self, fetcher_service: Any) -> None:
        while not (self._stopped.is_set() or fetcher_service._stopped.is_set()):
            await asyncio.sleep(0)
            epoch = self.epoch
            answer: Any = await self._wait_next_records(0.25)
            records = answer[0]  # by partition; None when the flow was suspended
            if epoch != self.epoch:
                await self._put_back(records)
                continue
            if records is None or self.should_stop:
                continue
            if not self.flow_active:
                await asyncio.sleep(0.02)
                continue
            for tp, fetched in records.items():
                if self._is_void(epoch):
                    break
                if tp in self._fetching or tp in self._buffered_partitions:
                    self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                    await self._deliver(ensure_TP(tp), fetched, epoch)

    def _is_void(self, epoch: int) -> bool:
        """Whether what was fetched in that epoch must not be delivered any more."""
        return not self.flow_active or epoch != self.epoch

    async def _put_back(self, fetched: Iterable[Any] | None) -> None:
        """A seek or a revocation came in the middle of a fetch: its records are void, and it may
        have moved the position that the seek had set."""
        back = {tp: self._next[tp] for tp in map(ensure_TP, fetched or ()) if tp in self._next}
        if back:
            log.info("fetch_across_seek", partitions=len(back))
            await self.seek_wait(back)

    async def _deliver(self, tp: TP, records: Any, epoch: int) -> None:
        if records.before != self._next.get(tp):
            stop_on_hole(f"{tp}: at {self._next.get(tp)}, fetched from {records.before}")
        before = records.before
        for start in range(0, len(records), self.batch_records_max):
            end = start + self.batch_records_max
            after = records[end].offset if end < len(records) else records.after
            batch = self._batch(tp, records[start:end], before, after)
            before = after
            if not await self._put(tp, batch):
                return
            await asyncio.sleep(0)
            if epoch != self.epoch:
                return

    def _batch(self, tp: TP, records: Any, before: int, after: int) -> Batch:
        last = records[-1]
        batch = Batch(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000.0, last.timestamp_type,
            None, None, records, None, 0, 0, tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip
        batch.before, batch.after, batch.epoch = before, after, self.epoch
        return batch

    async def _put(self, tp: TP, batch: Batch) -> bool:
        """Queue a batch for the agents; False when the consumer was revoked meanwhile."""
        channels = self.app.topics._tp_index[tp]
        batch.refcount += len(channels)
        event = self.app.create_event(None, batch.value, None, batch)
        self._in_flight[tp].append((batch.offset, batch.after))
        self._next[tp] = self._read_offset[tp] = batch.after
        for channel in channels:
            queue = channel.queue
            if queue.full():
                await self.wait_first(queue.put(event), self.suspend_flow.wait())
                if batch.epoch != self.epoch:
                    return False
            else:
                queue.put_nowait_enhanced(
                    event,
                    on_pressure_high=lambda: self.on_buffer_full(tp),
                    on_pressure_drop=lambda: self.on_buffer_drop(tp),
                )
        return True

    def _new_offset(self, tp: TP) -> int | None:
        """What to commit: the position behind the batches acked without a gap. It serves displays
        of the lag; work is resumed from the state."""
        in_flight, new = self._in_flight.get(tp), None
        acked, index = self._acked[tp], self._acked_index[tp]
        while in_flight and in_flight[0][0] in index:
            last, new = in_flight.popleft()
            index.discard(last)
            acked.remove(last)
        return new

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let running batches end and commit before Faust throws the acks away."""
        self.epoch += 1
        self.stop_flow()
        await self.app.quiesce()
        try:
            await asyncio.wait_for(self.commit(), COMMIT_SECONDS_MAX)
        except Exception as error:  # noqa: BLE001 - any failure leaves the lag display behind, no more
            log.warning("commit_at_revocation", error=repr(error))
        for tp in map(ensure_TP, revoked):
            self._forget(tp)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self.assigned_in_epoch = self.epoch
        await super().on_partitions_assigned(assigned, generation_id)


class Transport(driver.Transport):
    Consumer = BatchConsumer


drivers.TRANSPORTS.aliases["batches"] = "streams.transport:Transport"
