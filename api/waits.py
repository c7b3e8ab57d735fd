"""Who waits for which record to be in the books.

However many wait, one question at a time is asked for each partition: it is held back by the
worker until the first of them may go on, and says how far the books are.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import structlog

from api.live import Question, Workers
from api.problems import Problem
from calculator import Source

log = structlog.get_logger(__name__)
HELD_SECONDS = 1.0  # for how long a worker may hold one question back
PAUSE_SECONDS = 0.1

Place = tuple[str, int]  # topic, partition


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    offset: int
    came: asyncio.Future[None]


class _Applied(msgspec.Struct):
    next_offset: int


_read_applied = msgspec.json.Decoder(_Applied).decode


class Waits:
    """Those who wait, by topic and partition, and the task that asks for them."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._waiting: dict[Place, set[_Waiter]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def close(self) -> None:
        self._is_closed = True
        for task in self._tasks:
            task.cancel()

    async def applied(self, sources: Iterable[Source]) -> None:
        """Comes back when the books have all of the records. Who waits no longer just leaves."""
        last: dict[Place, int] = {}
        for source in sources:
            place = source.topic, source.partition
            last[place] = max(source.offset, last.get(place, 0))
        await asyncio.gather(*(self._applied(place, offset) for place, offset in last.items()))

    async def _applied(self, place: Place, offset: int) -> None:
        waiter = _Waiter(offset, asyncio.get_running_loop().create_future())
        waiting = self._waiting.get(place)
        if waiting is None:
            waiting = self._waiting[place] = set()
            self._start(place, waiting)
        waiting.add(waiter)
        try:
            await waiter.came
        finally:
            waiting.discard(waiter)

    def _start(self, place: Place, waiting: set[_Waiter]) -> None:
        if self._is_closed:
            return
        task = asyncio.create_task(self._follow(place, waiting))
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._on_end(task, place, waiting))

    def _on_end(self, task: asyncio.Task[None], place: Place, waiting: set[_Waiter]) -> None:
        """Whatever ended it, those who still wait are not left alone: they would wait in vain, and
        whoever comes later with them."""
        self._tasks.discard(task)
        if self._is_closed or not waiting:
            del self._waiting[place]
        elif task.cancelled() or task.exception() is not None:
            error = "cancelled" if task.cancelled() else repr(task.exception())
            log.error("following_failed", topic=place[0], partition=place[1], error=error)
            task.get_loop().call_later(PAUSE_SECONDS, self._start, place, waiting)
        else:
            self._start(place, waiting)  # somebody came at the last moment

    async def _follow(self, place: Place, waiting: set[_Waiter]) -> None:
        """Ask until nobody waits any more."""
        while waiting:
            first = min(waiter.offset for waiter in waiting)
            next_offset = await self._next_offset(*place, first)
            for waiter in list(waiting):
                if waiter.offset < next_offset:
                    waiting.discard(waiter)
                    if not waiter.came.done():
                        waiter.came.set_result(None)

    async def _next_offset(self, topic: str, partition: int, offset: int) -> int:
        """How far the books are, as soon as they have the offset, or some time later."""
        asked = {"topic": topic, "partition": partition, "offset": offset, "timeout": HELD_SECONDS}
        parameters = {name: str(value) for name, value in asked.items()}
        question = Question("/applied", parameters, is_patient=True)
        try:
            answer = await self._workers.ask(partition, question)
            return _read_applied(answer.content).next_offset
        except (Problem, msgspec.MsgspecError):  # nobody there for now
            await asyncio.sleep(PAUSE_SECONDS)
            return 0
