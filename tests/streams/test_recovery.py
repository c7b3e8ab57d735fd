import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types.tuples import TP

from streams.recovery import OwnRecovery

INPUT = TP("raw_transactions", 0)


class Consumer:
    def __init__(self) -> None:
        self.epoch = self.assigned_in_epoch = 4

    def assignment(self) -> set[TP]:
        return {INPUT}

    def resume_partitions(self, assigned: set[TP]) -> None:
        """Records of them may come."""

    def resume_flow(self) -> None:
        """Records may come."""

    async def seek_to(self, positions: dict[TP, int]) -> None:
        assert positions == {INPUT: 7}
        self.epoch += 1


class App:
    """An application to which something may happen while it takes over."""

    def __init__(self, happens: Callable[["App"], None]) -> None:
        self.consumer = Consumer()
        self.consumer_generation_id = 1
        self.is_leaving = False
        self.took_over = self.served = False
        self.flow_control = SimpleNamespace(resume=lambda: None)
        self.on_rebalance_complete = SimpleNamespace(send=self._nothing)
        self._fetcher = SimpleNamespace(maybe_start=self._nothing)
        self._happens = happens

    async def _nothing(self) -> None:
        """Of Faust's."""

    async def take_over(self, assigned: set[TP]) -> dict[TP, int]:
        self.took_over = True
        self._happens(self)
        return {INPUT: 7}

    def on_rebalance_end(self) -> None:
        """Of Faust's."""

    def serve(self, assigned: set[TP]) -> None:
        self.served = True


async def hand_over(app: App) -> None:
    recovery: Any = OwnRecovery.__new__(OwnRecovery)
    recovery.app, recovery._generation_id = app, 1
    recovery.tables = SimpleNamespace(
        changelog_topics=set(), on_actives_ready=lambda: None, on_standbys_ready=lambda: None
    )
    recovery._set_recovery_started = recovery._set_recovery_ended = lambda: None
    recovery.completed = asyncio.Event()
    await OwnRecovery._hand_over(recovery)


def revoked(app: App) -> None:
    app.consumer.epoch += 1


def assigned_anew(app: App) -> None:
    app.consumer_generation_id += 1


def leaving(app: App) -> None:
    app.is_leaving = True


def test_what_was_taken_over_is_served() -> None:
    app = App(lambda _: None)
    asyncio.run(hand_over(app))
    assert app.served


@pytest.mark.parametrize("happens", [revoked, assigned_anew, leaving])
def test_what_is_not_this_process_s_any_more_is_not_served(happens: Callable[[App], None]) -> None:
    app = App(happens)
    asyncio.run(hand_over(app))
    assert app.took_over
    assert not app.served


@pytest.mark.parametrize("happens", [revoked, leaving])
def test_what_was_revoked_before_is_not_even_taken_over(happens: Callable[[App], None]) -> None:
    app = App(lambda _: None)
    happens(app)
    asyncio.run(hand_over(app))
    assert not app.took_over
