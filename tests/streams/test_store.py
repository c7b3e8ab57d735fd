import asyncio
import time
from types import SimpleNamespace
from typing import Any

from streams.store import PAUSE, RECORDS_MAX, StoreApp


class Event(SimpleNamespace):
    """Records of one fetch, in the queue of the store."""

    def __init__(self, count: int) -> None:
        super().__init__(value=[None] * count, message=SimpleNamespace(epoch=1))


def gathered(queued: list[int], due_in_seconds: float, later: int = 0) -> list[int]:
    """The sizes of what is written at once; `later` records come 0.02 s after the call."""

    async def gather() -> list[int]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for count in queued:
            queue.put_nowait(Event(count))
        asyncio.get_running_loop().call_later(0.02, queue.put_nowait, Event(later))
        store: Any = SimpleNamespace(
            queue=queue, batches=SimpleNamespace(epoch=1),
            _due_at=time.monotonic() + due_in_seconds,
        )  # fmt: skip
        store._one_more = lambda: StoreApp._one_more(store)
        return [len(event.value) for event in await StoreApp._next_events(store)]

    return asyncio.run(gather())


def test_the_store_gathers_records_until_the_next_write_is_due() -> None:
    assert gathered([3, 4], due_in_seconds=-1.0, later=5) == [3, 4]
    assert gathered([3, 4], due_in_seconds=0.3, later=5) == [3, 4, 5]
    assert gathered([3], due_in_seconds=0.3, later=RECORDS_MAX) == [
        3, RECORDS_MAX,
    ]  # fmt: skip
    enough = RECORDS_MAX
    assert gathered([enough, 4], due_in_seconds=0.3, later=5) == [enough]


def test_where_writes_take_long_they_come_rarer() -> None:
    def due_after(seconds: float) -> float:
        async def write() -> float:
            async def in_thread(*_: Any) -> None:  # noqa: ANN401
                await asyncio.sleep(seconds)

            store: Any = SimpleNamespace(_in_thread=in_thread, _write=None)
            began = time.monotonic()
            event: Any = SimpleNamespace(message=None, ack=lambda: None)
            await StoreApp._work(store, [event])
            due: float = store._due_at - began
            return due

        return asyncio.run(write())

    assert due_after(0.0) >= PAUSE.least
    assert due_after(PAUSE.most) >= PAUSE.most
