import asyncio
from types import SimpleNamespace
from typing import Any

from streams.inbox import Inbox, Pause
from streams.store import StoreApp

SOON_SECONDS = 0.02
SECONDS_MAX = 20.0


class Event(SimpleNamespace):
    """A batch on its way through Faust."""

    def __init__(self, name: str) -> None:
        super().__init__(value=[name], message=name)

    def ack(self) -> None:
        """Behind the write."""


def written(pause: Pause) -> list[list[str]]:
    """What the store writes at once of `a`, then `b`, and `c` soon after."""
    writes: list[list[str]] = []

    async def main() -> None:
        inbox = Inbox(batches_max=8, records_max=100, pause=pause, is_current=lambda _: True)
        loop, all_written = asyncio.get_running_loop(), asyncio.Event()

        async def in_thread(_: object, batches: list[str]) -> None:
            writes.append(batches)
            if len(writes) == 1:
                await inbox.put(Event("b"))
                loop.call_later(SOON_SECONDS, lambda: asyncio.ensure_future(inbox.put(Event("c"))))
            if "c" in batches:
                all_written.set()

        store: Any = SimpleNamespace(
            inbox=inbox, _in_thread=in_thread, _write=None, _is_paused=False, _idle=asyncio.Event()
        )
        store._work = lambda events: StoreApp._work(store, events)
        await inbox.put(Event("a"))
        writing = asyncio.create_task(StoreApp.write_for_ever(store))
        await asyncio.wait_for(all_written.wait(), SECONDS_MAX)
        await asyncio.sleep(0)  # it ends this write
        writing.cancel()

    asyncio.run(main())
    return writes


def test_the_store_gathers_what_comes_before_the_next_write_is_due() -> None:
    assert written(Pause(0, 0)) == [["a"], ["b"], ["c"]]
    assert written(Pause(1, 1)) == [["a"], ["b", "c"]]
