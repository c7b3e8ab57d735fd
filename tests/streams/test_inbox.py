import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from streams import inbox as inbox_module
from streams.inbox import Inbox, Pause

ENOUGH = 100  # records for a transaction
SOON_SECONDS = 0.02
DUE_SECONDS = 1.0
FOR_EVER_SECONDS = 60.0


class Event(SimpleNamespace):
    """Some records on their way through Faust."""

    def __init__(self, count: int, epoch: int = 1) -> None:
        super().__init__(value=[None] * count, message=SimpleNamespace(epoch=epoch), acked=False)

    def ack(self) -> None:
        self.acked = True


def inbox_of(pause: Pause) -> Inbox:
    return Inbox(
        batches_max=8, records_max=ENOUGH, pause=pause, is_current=lambda batch: batch.epoch == 1
    )


async def nothing(_: list[Any]) -> None:
    """A transaction that takes no time."""


def sizes(events: list[Any]) -> list[int]:
    return [len(event.value) for event in events]


def gathered(
    queued: list[Event],
    due_in_seconds: float,
    later: Event | None = None,
    in_a_hurry: Callable[[], bool] = lambda: False,
) -> list[int]:
    """The sizes of what goes into the transaction that is due so long after one that took no
    time; `later` comes soon after the call."""

    async def gather() -> list[int]:
        inbox = inbox_of(Pause(due_in_seconds, due_in_seconds))
        await inbox.work_off([], nothing)
        for event in queued:
            await inbox.put(event)
        loop = asyncio.get_running_loop()
        loop.call_later(
            SOON_SECONDS,
            lambda: inbox.wake() if later is None else asyncio.ensure_future(inbox.put(later)),
        )
        return sizes(await inbox.gather(FOR_EVER_SECONDS, in_a_hurry) or [])

    return asyncio.run(gather())


def test_what_comes_before_the_next_transaction_is_due_goes_into_it() -> None:
    assert gathered([Event(3), Event(4)], 0, later=Event(5)) == [3, 4]
    assert gathered([Event(3), Event(4)], DUE_SECONDS, later=Event(5)) == [3, 4, 5]


def test_enough_for_a_transaction_waits_for_no_more() -> None:
    assert gathered([Event(3)], FOR_EVER_SECONDS, later=Event(ENOUGH)) == [3, ENOUGH]
    assert gathered([Event(ENOUGH), Event(4)], FOR_EVER_SECONDS, later=Event(5)) == [ENOUGH]


def test_one_in_a_hurry_takes_what_there_is() -> None:
    calls: list[None] = []

    def later() -> bool:
        calls.append(None)
        return len(calls) > 1

    queued = [Event(3), Event(4)]
    assert gathered(queued, FOR_EVER_SECONDS, Event(5), in_a_hurry=lambda: True) == [3, 4]
    assert gathered(queued, FOR_EVER_SECONDS, Event(5), in_a_hurry=later) == [3, 4, 5]


def test_who_is_woken_waits_for_no_batch_any_more() -> None:
    assert gathered([], 0) == []
    assert gathered([Event(3)], FOR_EVER_SECONDS) == [3]


def test_batches_fetched_before_a_rebalance_are_void() -> None:
    assert gathered([Event(1, epoch=0), Event(2), Event(3, epoch=0)], 0) == [2]


def test_an_inbox_in_which_nothing_comes_says_so_in_time() -> None:
    async def gather() -> list[Any] | None:
        return await inbox_of(Pause(0, 0)).gather(SOON_SECONDS)

    assert asyncio.run(gather()) is None


def test_batches_are_acknowledged_behind_their_transaction_and_not_when_it_fails() -> None:
    async def main() -> None:
        inbox, good, bad = inbox_of(Pause(0, 0)), Event(1), Event(2)
        seen: list[Any] = []

        async def work(batches: list[Any]) -> None:
            seen.append((batches, good.acked))

        async def fail(_: list[Any]) -> None:
            raise RuntimeError("the database is away")

        await inbox.work_off([good], work)
        assert seen == [([good.message], False)]
        assert good.acked
        with pytest.raises(RuntimeError):
            await inbox.work_off([bad], fail)
        assert not bad.acked

    asyncio.run(main())


def test_where_transactions_take_long_they_come_rarer_up_to_a_bound() -> None:
    pauses = [Pause(0.04, 0.1).after(seconds) for seconds in (0, 0.01, 0.02, 0.025, 3)]
    assert pauses == pytest.approx([0.04, 0.04, 0.08, 0.1, 0.1])


def test_the_pause_goes_from_begin_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr(inbox_module, "time", clock)

    async def work(_: list[Any]) -> None:
        nonlocal now
        now += FOR_EVER_SECONDS

    async def gather() -> list[int]:
        inbox = inbox_of(Pause(FOR_EVER_SECONDS, FOR_EVER_SECONDS))
        await inbox.work_off([], work)
        await inbox.put(Event(3))
        asyncio.get_running_loop().call_later(
            SOON_SECONDS, lambda: asyncio.ensure_future(inbox.put(Event(5)))
        )
        return sizes(await inbox.gather(FOR_EVER_SECONDS) or [])

    assert asyncio.run(gather()) == [3], "it is due when the one before has taken as long"
