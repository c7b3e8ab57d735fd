"""One partition's inbox and thread: batches that Faust delivers, worked off by a lane."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from streams.inbox import Inbox, Pause
from streams.lane import Lane

RECORDS_MAX = 4000  # of one Kafka transaction
QUEUE_BATCHES = 8
IDLE_SECONDS = 0.2
PAUSE = Pause(0.04, 0.1)
TOUCH_SECONDS = 600.0


class Pump:
    """Feeds a lane in its own thread, so that the waits of several lanes overlap. Nothing is
    written before `start`: until then the partition may be another worker's again."""

    def __init__(self, lane: Lane, is_current: Callable[[Any], bool]) -> None:
        self.lane = lane
        self._inbox = Inbox(
            batches_max=QUEUE_BATCHES, records_max=RECORDS_MAX, pause=PAUSE, is_current=is_current
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"lane-{lane.partition}")
        self.idle = asyncio.Event()
        self.idle.set()
        self._closing = False
        self._touched_at = time.monotonic()
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
            await self._inbox.put(event)

    def wake(self) -> None:
        """Something came that is in no batch: let the lane look, if it rests and it is of concern.
        One that does not rest looks by itself."""
        rests = self.idle.is_set() and self._inbox.is_empty
        if not self._closing and rests and self.lane.has_work:
            self._inbox.wake()

    async def _run(self) -> None:
        if not self._closing:
            await self._in_thread(self.lane.begin)
        while not self._closing:
            await self._work_off(await self._next_events())

    async def _work_off(self, events: list[Any]) -> None:
        if self._closing:
            return
        if events:
            await self._inbox.work_off(events, self._handle)
        elif self.lane.has_work:
            await self._handle([])

    async def _next_events(self) -> list[Any]:
        """Nothing when the lane has something else to do or to look after."""
        if self._has_work() and self._inbox.is_empty:
            return []
        events = await self._inbox.gather(IDLE_SECONDS, self._has_work)
        if events is None:
            await self._rest()
        return events or []

    def _has_work(self) -> bool:
        return self.lane.has_work

    async def _handle(self, batches: list[Any]) -> None:
        await self._in_thread(self.lane.handle, batches)

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
            await self._handle([])
        elif time.monotonic() - self._touched_at > TOUCH_SECONDS:
            self._touched_at = time.monotonic()
            await self._in_thread(self.lane.touch)

    def stop(self) -> None:
        """Begin nothing more; `idle` says when the running batch has ended."""
        self._closing = True
        # Whoever waits in `put` is the agent of all partitions, and nobody takes any more.
        self._inbox.clear()

    def close(self) -> None:
        self.stop()
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown(wait=True)
        self.lane.close()
