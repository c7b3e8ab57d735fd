import asyncio
import time
from types import SimpleNamespace
from typing import Any

from streams.store import RECORDS_MAX, StoreApp


class Event(SimpleNamespace):
    """Records of one fetch, in the queue of the store."""

    def __init__(self, count: int) -> None:
        super().__init__(value=[None] * count, message=SimpleNamespace(epoch=1))


def gathered(queued: list[int], wrote_seconds_ago: float, later: int = 0) -> list[int]:
    """The sizes of what is written at once; `later` records come 0.02 s after the call."""

    async def gather() -> list[int]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for count in queued:
            queue.put_nowait(Event(count))
        asyncio.get_running_loop().call_later(0.02, queue.put_nowait, Event(later))
        store: Any = SimpleNamespace(
            queue=queue, batches=SimpleNamespace(epoch=1),
            _wrote_at=time.monotonic() - wrote_seconds_ago,
        )  # fmt: skip
        store._one_more = lambda: StoreApp._one_more(store)
        return [len(event.value) for event in await StoreApp._next_events(store)]

    return asyncio.run(gather())


def test_the_store_gathers_records_until_the_next_write_is_due() -> None:
    assert gathered([3, 4], wrote_seconds_ago=1.0, later=5) == [3, 4]
    assert gathered([3, 4], wrote_seconds_ago=0.0, later=5) == [3, 4, 5]
    assert gathered([3], wrote_seconds_ago=0.0, later=RECORDS_MAX) == [
        3, RECORDS_MAX,
    ]  # fmt: skip
    enough = RECORDS_MAX
    assert gathered([enough, 4], wrote_seconds_ago=0.0, later=5) == [enough]
