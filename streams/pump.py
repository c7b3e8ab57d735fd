"""One partition's queue and thread: batches that Faust delivers, worked off by a lane."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from streams.lane import Lane
from streams.pauses import Pause

RECORDS_MAX = 4000  # of one Kafka transaction, but for a batch that is longer by itself
QUEUE_BATCHES = 8
IDLE_SECONDS = 0.2
# Unless there is enough for one; the first after a rest goes at once.
PAUSE = Pause(0.04, 0.1)
TOUCH_SECONDS = 600.0


class Pump:
    """Feeds a lane in its own thread, so that the waits of several lanes overlap. Nothing is
    written before `start`: until then the partition may be another worker's again."""

    def __init__(self, lane: Lane, is_current: Callable[[Any], bool]) -> None:
        self.lane = lane
        self._is_current = is_current  # whether a batch was fetched since the last rebalance
        self._queue: asyncio.Queue[Any] = asyncio.Queue(QUEUE_BATCHES)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"lane-{lane.partition}")
        self.idle = asyncio.Event()
        self.idle.set()
        self._closing = False
        self._touched_at = time.monotonic()
        self._due_at = -math.inf  # the next batch, where there is not enough for one before
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._on_end)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Nobody waits for the task, and a partition whose pump is gone would stand still for good
        while it is served."""
        if self._closing:
            return
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self.lane.end(error)

    async def put(self, event: Any) -> None:
        if not self._closing:
            await self._queue.put(event)

    def wake(self) -> None:
        """Something came that is in no batch: let the lane look, if it rests and it is of concern.
        One that does not rest looks by itself."""
        if not self._closing and self.idle.is_set() and self._queue.empty() and self.lane.has_work:
            self._queue.put_nowait(None)

    async def _run(self) -> None:
        if not self._closing:
            await self._in_thread(self.lane.begin)
        while not self._closing:
            events = await self._next_events()
            if not self._may_handle(events):
                continue
            began = time.monotonic()
            await self._in_thread(self.lane.handle, [event.message for event in events])
            if events:
                self._due_at = began + PAUSE.after(time.monotonic() - began)
            for event in events:
                event.ack()

    def _may_handle(self, events: Sequence[Any]) -> bool:
        return not self._closing and (bool(events) or self.lane.has_work)

    async def _next_events(self) -> list[Any]:
        """What waits, up to RECORDS_MAX; nothing when the lane has something else to do or to
        look after. Batches fetched before a rebalance are void: the owner fetches them again."""
        if self.lane.has_work and self._queue.empty():
            return []
        try:
            first = await asyncio.wait_for(self._queue.get(), IDLE_SECONDS)
        except TimeoutError:
            await self._rest()
            return []
        if first is None:
            return []
        events, count = [first], len(first.value)
        while count < RECORDS_MAX and (event := await self._one_more()) is not None:
            events.append(event)
            count += len(event.value)
        return [event for event in events if self._is_current(event.message)]

    async def _one_more(self) -> Any | None:
        """What waits, or comes before the next transaction is due."""
        if not self._queue.empty():
            return self._queue.get_nowait()
        seconds = self._due_at - time.monotonic()
        if seconds <= 0 or self.lane.has_work:
            return None
        try:
            return await asyncio.wait_for(self._queue.get(), seconds)
        except TimeoutError:
            return None

    async def _in_thread(self, work: Callable[..., None], *arguments: Any) -> None:
        self.idle.clear()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
        finally:
            self.idle.set()

    async def _rest(self) -> None:
        """Do what is in no hurry."""
        if self._closing:
            return
        if self.lane.is_behind_reference:
            await self._in_thread(self.lane.handle, [])
        elif time.monotonic() - self._touched_at > TOUCH_SECONDS:
            self._touched_at = time.monotonic()
            await self._in_thread(self.lane.touch)

    def stop(self) -> None:
        """Begin nothing more; `idle` says when the running batch has ended."""
        self._closing = True
        # Whoever waits in `put` is the agent of all partitions, and nobody takes any more.
        while not self._queue.empty():
            self._queue.get_nowait()

    def close(self) -> None:
        self.stop()
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown(wait=True)
        self.lane.close()
