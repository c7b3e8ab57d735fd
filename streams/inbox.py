"""Batches that Faust has delivered and nobody has worked off; several go into one transaction.

A transaction of a few records costs all processes more than everything else about them. So what
comes soon after one waits for more. Where the machine is busy a transaction takes longer, and the
next one comes so many times later, so that fewer of them leave more room.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

TIMES = 4


@dataclass(frozen=True, slots=True)
class Pause:
    """From one transaction to the next, unless there is enough for one. Its bounds in seconds."""

    least: float
    most: float

    def after(self, seconds: float) -> float:
        """From the begin of a transaction that took so long to that of the next."""
        return min(self.most, max(self.least, TIMES * seconds))


class Inbox:
    """The Faust events of those batches (`streams.transport.Batch`), in the order they came."""

    def __init__(
        self,
        *,
        batches_max: int,
        records_max: int,
        pause: Pause,
        is_current: Callable[[Any], bool],
    ) -> None:
        """A transaction that has `records_max` begins no further batch; `is_current` says whether
        a batch was fetched since the last rebalance."""
        self._queue: asyncio.Queue[Any] = asyncio.Queue(batches_max)
        self._records_max = records_max
        self._pause = pause
        self._is_current = is_current
        self._due_at = -math.inf  # the first transaction after a rest goes at once

    @property
    def is_empty(self) -> bool:
        return self._queue.empty()

    async def put(self, event: Any) -> None:
        """Waits while the inbox is full."""
        await self._queue.put(event)

    def wake(self) -> None:
        """Whoever waits for a batch waits no more. For an empty inbox."""
        self._queue.put_nowait(None)

    def clear(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()

    async def gather(
        self, seconds: float, in_a_hurry: Callable[[], bool] = lambda: False
    ) -> list[Any] | None:
        """What waits, and what comes before the next transaction is due unless `in_a_hurry`;
        nothing after `wake`; None where nothing came in so many seconds. Batches fetched before a
        rebalance are void: the owner fetches them again."""
        try:
            first = await asyncio.wait_for(self._queue.get(), seconds)
        except TimeoutError:
            return None
        if first is None:
            return []
        events, count = [first], len(first.value)
        while count < self._records_max and (event := await self._one_more(in_a_hurry)) is not None:
            events.append(event)
            count += len(event.value)
        return [event for event in events if self._is_current(event.message)]

    async def _one_more(self, in_a_hurry: Callable[[], bool]) -> Any | None:
        if not self._queue.empty():
            return self._queue.get_nowait()
        seconds = self._due_at - time.monotonic()
        if seconds <= 0 or in_a_hurry():
            return None
        try:
            return await asyncio.wait_for(self._queue.get(), seconds)
        except TimeoutError:
            return None

    async def work_off(
        self, events: Sequence[Any], work: Callable[[list[Any]], Awaitable[None]]
    ) -> None:
        """Give their batches to `work` in one transaction, and acknowledge them behind it."""
        began = time.monotonic()
        await work([event.message for event in events])
        self._due_at = began + self._pause.after(time.monotonic() - began)
        for event in events:
            event.ack()
