"""Those who wait are woken whatever happens to the questions asked for them."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.live import Question
from api.waits import Waits
from calculator import Source
from wire.topics import RAW_TRANSACTIONS

SECONDS_MAX = 10


class Workers:
    """Answers each question by the next of the answers, the last one again and again."""

    def __init__(self, *answers: Callable[[], int]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def ask(self, partition: int, question: Question) -> httpx.Response:
        self.asked += 1
        await asyncio.sleep(0)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return httpx.Response(200, json={"next_offset": answer()})


def source(offset: int) -> Source:
    return Source(RAW_TRANSACTIONS.name, 3, offset)


def new_waits(*answers: Callable[[], int]) -> tuple[Waits, Workers]:
    workers: Any = Workers(*answers)
    return Waits(workers), workers


def odd() -> int:
    raise KeyError("odd")


def cancelled() -> int:
    raise asyncio.CancelledError


@pytest.mark.parametrize("failure", [odd, cancelled])
def test_a_question_that_fails_oddly_is_asked_again(failure: Callable[[], int]) -> None:
    async def main() -> None:
        waits, workers = new_waits(failure, lambda: 4, failure, lambda: 8)
        async with asyncio.timeout(SECONDS_MAX):
            await asyncio.gather(waits.applied([source(3)]), waits.applied([source(7)]))
        assert workers.asked == 4
        await asyncio.sleep(0.01)
        assert not waits._waiting
        assert not waits._tasks

    asyncio.run(main())


def test_who_comes_as_the_last_one_goes_waits_too() -> None:
    async def main() -> None:
        waits, _ = new_waits(lambda: 1, lambda: 2)
        async with asyncio.timeout(SECONDS_MAX):
            for offset in (0, 1):  # the second comes before the loop has run again
                await waits.applied([source(offset)])

    asyncio.run(main())


def test_nothing_is_asked_for_those_who_left_or_behind_the_end() -> None:
    async def main() -> None:
        waits, workers = new_waits(lambda: 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await waits.applied([source(0)])
        await asyncio.sleep(0.01)
        asked = workers.asked
        await asyncio.sleep(0.05)
        assert workers.asked == asked
        waits, workers = new_waits(odd)
        waiting = asyncio.create_task(waits.applied([source(0)]))
        await asyncio.sleep(0.02)  # it failed, and would be asked again in a moment
        waits.close()
        await asyncio.sleep(0.2)
        assert workers.asked == 1
        waiting.cancel()

    asyncio.run(main())
