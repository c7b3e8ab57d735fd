"""Rates and instruments that move wake the lanes at rest: whoever waits for them is booked at once."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from streams.app import WorkerApp


class Table:
    """A table that is told to move."""

    def __init__(self) -> None:
        self.through = 7
        self.move: Callable[[], object] = lambda: None

    def on_move(self, listener: Callable[[], object]) -> None:
        self.move = listener


def woken(move: Callable[[Table, Table], object], *, concerns: bool = True) -> list[str]:
    """Which lanes are woken behind a move of one of the tables; `concerns`: it is of cash."""
    rates, instruments, said = Table(), Table(), list[str]()

    def kept(through: int) -> bool:
        said.append(f"kept through {through}")
        return concerns

    async def run() -> None:
        pumps = {n: SimpleNamespace(wake=lambda n=n: said.append(f"lane {n}")) for n in (0, 5)}
        app: Any = SimpleNamespace(
            pumps=pumps, _rates=SimpleNamespace(move=kept), _rates_table=rates,
            market=SimpleNamespace(instruments_table=instruments, cash=SimpleNamespace(move=kept)),
        )  # fmt: skip
        app._wake_lanes = lambda: WorkerApp._wake_lanes(app)
        WorkerApp._follow_tables(app, asyncio.get_running_loop())
        await asyncio.to_thread(move, rates, instruments)
        await asyncio.sleep(0)

    asyncio.run(run())
    return said


@pytest.mark.parametrize(
    "move", [lambda rates, _: rates.move(), lambda _, instruments: instruments.move()]
)
def test_what_moves_is_kept_and_then_wakes_every_lane(move: Callable[[Table, Table], Any]) -> None:
    assert woken(move) == ["kept through 7", "lane 0", "lane 5"]


def test_instruments_that_are_no_cash_wake_nobody() -> None:
    assert woken(lambda _, instruments: instruments.move(), concerns=False) == ["kept through 7"]
