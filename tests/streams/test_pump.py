import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from streams import pump as pump_module
from streams.inbox import Pause
from streams.pump import QUEUE_BATCHES, RECORDS_MAX, Pump

SECONDS_MAX = 20


class Lane:
    """Notes what it is given; `gate` holds it up."""

    partition = 0

    def __init__(self) -> None:
        self.handled: list[list[Any]] = []
        self.has_work = False
        self.is_behind_reference = False
        self.begun = 0
        self.touched = 0
        self.closed = False
        self.ended_by: BaseException | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()

    def begin(self) -> None:
        assert self.handled == []
        self.begun += 1

    def handle(self, batches: list[Any]) -> None:
        self.began.set()
        assert self.gate.wait(SECONDS_MAX)
        self.handled.append(batches)
        if not batches:
            self.has_work = self.is_behind_reference = False
        self.is_behind_reference = False

    def touch(self) -> None:
        self.touched += 1

    def end(self, error: BaseException) -> None:
        self.ended_by = error

    def close(self) -> None:
        self.closed = True


class Event:
    """A batch of some records on its way through Faust."""

    def __init__(self, name: str, records: int = 1, epoch: int = 1) -> None:
        self.value = [name] * records
        self.message = SimpleNamespace(name=name, epoch=epoch)
        self.acked = False

    def ack(self) -> None:
        self.acked = True


def new_pump(lane: Any) -> Pump:  # noqa: ANN401 - a stand-in for a lane
    return Pump(lane, lambda message: bool(message.epoch == 1))


def pump_over(lane: Lane) -> Pump:
    pump = new_pump(lane)
    pump.start()
    return pump


async def until(condition: Any) -> None:  # noqa: ANN401
    async with asyncio.timeout(SECONDS_MAX):
        while not condition():  # noqa: ASYNC110 - of a lane in another thread
            await asyncio.sleep(0.005)


def names(lane: Lane) -> list[list[str]]:
    return [[message.name for message in batches] for batches in lane.handled]


def test_what_waits_is_worked_off_together_up_to_a_bound_and_acked_behind_it() -> None:
    async def main() -> None:
        lane, half = Lane(), RECORDS_MAX // 2
        lane.gate.clear()
        pump = pump_over(lane)
        events = [Event("a"), *(Event(name, half) for name in "bcd")]
        for event in events:
            await pump.put(event)
            await until(lane.began.is_set)
        assert not events[0].acked
        lane.gate.set()
        await until(lambda: len(lane.handled) == 3)
        assert names(lane) == [["a"], ["b", "c"], ["d"]]
        await until(lambda: all(event.acked for event in events))
        pump.close()
        assert lane.closed

    asyncio.run(main())


def test_a_failure_outside_the_lane_ends_the_process_too() -> None:
    """A pump that just stops would leave its partition served and standing still."""

    class Odd(Event):
        def ack(self) -> None:
            raise RuntimeError("odd")

    async def main() -> None:
        lane = Lane()
        pump = pump_over(lane)
        await pump.put(Odd("a"))
        await until(lambda: lane.ended_by is not None)
        assert str(lane.ended_by) == "odd"
        pump.close()
        cancelled = pump_over(lane := Lane())
        await until(lambda: lane.begun)
        assert cancelled._task is not None
        cancelled._task.cancel()
        await until(lambda: lane.ended_by is not None)
        cancelled.close()
        closed = pump_over(untouched := Lane())
        closed.close()
        await asyncio.sleep(0)
        assert untouched.ended_by is None

    asyncio.run(main())


def wait_between_batches(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(pump_module, "PAUSE", Pause(seconds, seconds))


def test_what_comes_soon_after_a_batch_waits_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        wait_between_batches(monkeypatch, 0.5)
        lane = Lane()
        pump = pump_over(lane)
        began = time.monotonic()
        await pump.put(Event("first"))
        await until(lambda: lane.handled)
        for name in "abc":
            await pump.put(Event(name))
            await asyncio.sleep(0.01)
        await until(lambda: len(lane.handled) == 2)
        assert time.monotonic() - began >= 0.5
        assert names(lane) == [["first"], ["a", "b", "c"]]
        pump.close()

    asyncio.run(main())


def test_the_pause_goes_by_the_batch_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(pump_module, "PAUSE", Pause(0.04, 1.2))
        lane = Lane()
        pump = pump_over(lane)
        lane.gate.clear()
        await pump.put(Event("slow"))
        await until(lane.began.is_set)
        began = time.monotonic()
        await asyncio.sleep(0.4)
        lane.gate.set()
        await until(lambda: lane.handled)
        await pump.put(Event("a"))
        await asyncio.sleep(0.2)  # longer than the pause after a quick one
        await pump.put(Event("b"))
        await until(lambda: len(lane.handled) == 2)
        assert time.monotonic() - began >= 1.2 - 0.05
        assert names(lane) == [["slow"], ["a", "b"]]
        pump.close()

    asyncio.run(main())


def test_enough_for_a_transaction_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        wait_between_batches(monkeypatch, 2 * SECONDS_MAX)
        lane = Lane()
        pump = pump_over(lane)
        for name in "abc":
            await pump.put(Event(name, RECORDS_MAX))
        await until(lambda: len(lane.handled) == 3)
        assert names(lane) == [["a"], ["b"], ["c"]]
        pump.close()

    asyncio.run(main())


def test_nothing_is_written_before_the_start() -> None:
    """A take-over that went stale leaves pumps behind, and their partitions are another's."""

    async def main() -> None:
        left, started = Lane(), Lane()
        left.has_work = started.has_work = True
        pump = new_pump(left)
        await pump.put(Event("batch"))
        other = pump_over(started)
        await until(lambda: started.handled)
        assert started.begun == 1
        pump.close()
        other.close()
        assert left.handled == []
        assert left.begun == 0
        assert left.closed

    asyncio.run(main())


def test_batches_fetched_before_a_rebalance_are_neither_worked_off_nor_acked() -> None:
    async def main() -> None:
        lane = Lane()
        pump = pump_over(lane)
        old, new = Event("old", epoch=0), Event("new")
        for event in (old, new):
            await pump.put(event)
        await until(lambda: new.acked)
        assert names(lane) == [["new"]]
        assert not old.acked
        pump.close()

    asyncio.run(main())


def test_a_re_booking_goes_on_though_no_batch_comes() -> None:
    async def main() -> None:
        lane = Lane()
        lane.has_work = True
        pump = pump_over(lane)
        await until(lambda: not lane.has_work)
        assert lane.handled == [[]]
        pump.close()

    asyncio.run(main())


def test_stopping_lets_the_running_batch_end_and_begins_no_other() -> None:
    async def main() -> None:
        lane = Lane()
        lane.gate.clear()
        pump = pump_over(lane)
        await pump.put(Event("running"))
        await until(lane.began.is_set)
        waiting = Event("waiting")
        await pump.put(waiting)
        pump.stop()
        assert not pump.idle.is_set()
        lane.gate.set()
        await asyncio.wait_for(pump.idle.wait(), SECONDS_MAX)
        await asyncio.sleep(0.05)
        pump.close()
        assert names(lane) == [["running"]]
        assert not waiting.acked

    asyncio.run(main())


def test_whoever_waits_before_a_full_queue_is_freed_when_the_pump_stops() -> None:
    """It is the agent of all partitions: while it waits, nothing is booked in any."""

    async def main() -> None:
        lane = Lane()
        lane.gate.clear()
        pump = pump_over(lane)

        async def agent() -> str:
            for _ in range(3 * QUEUE_BATCHES):
                await pump.put(Event("batch", RECORDS_MAX))
            return "free"

        task = asyncio.create_task(agent())
        await until(lane.began.is_set)
        await asyncio.sleep(0.05)
        assert not task.done()
        pump.stop()
        lane.gate.set()
        assert await asyncio.wait_for(task, SECONDS_MAX) == "free"
        pump.close()

    asyncio.run(main())


def test_a_lane_without_events_is_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(pump_module, "IDLE_SECONDS", 0.01)
        monkeypatch.setattr(pump_module, "TOUCH_SECONDS", 0.05)
        lane = Lane()
        pump = pump_over(lane)
        await until(lambda: lane.touched >= 2)
        pump.close()
        assert lane.handled == []

    asyncio.run(main())


def test_a_lane_at_rest_is_woken_by_what_is_of_concern_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        monkeypatch.setattr(pump_module, "IDLE_SECONDS", 60)
        lane = Lane()
        pump = pump_over(lane)
        await until(lambda: lane.begun)
        await asyncio.sleep(0.05)
        pump.wake()
        await asyncio.sleep(0.05)
        assert lane.handled == [], "of no concern"
        lane.has_work = True
        pump.wake()
        await until(lambda: lane.handled == [[]])
        await pump.put(Event("next"))
        await until(lambda: len(lane.handled) == 2)
        assert names(lane) == [[], ["next"]]
        pump.close()

    asyncio.run(main())


def test_one_that_is_woken_while_it_works_or_stops_works_off_what_there_is() -> None:
    async def main() -> None:
        lane = Lane()
        lane.gate.clear()
        pump = pump_over(lane)
        await pump.put(Event("first"))
        await until(lane.began.is_set)
        lane.has_work = True
        pump.wake()
        lane.gate.set()
        await until(lambda: len(lane.handled) == 2)
        assert names(lane) == [["first"], []]
        pump.stop()
        lane.has_work = True
        pump.wake()
        await asyncio.sleep(0.05)
        assert len(lane.handled) == 2
        pump.close()

    asyncio.run(main())


def test_rates_of_no_concern_are_passed_when_nothing_else_is_to_be_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        monkeypatch.setattr(pump_module, "IDLE_SECONDS", 0.01)
        lane = Lane()
        lane.is_behind_reference = True
        pump = pump_over(lane)
        await until(lambda: lane.handled == [[]])
        await asyncio.sleep(0.1)
        assert lane.handled == [[]]
        pump.close()

    asyncio.run(main())
