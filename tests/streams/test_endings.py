"""What ends a process that cannot go on: each guard ends it with the code that README names."""

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from aiokafka.errors import ConsumerStoppedError
from faust.types.tuples import TP

from streams import app as app_module
from streams import recovery as recovery_module
from streams import store as store_module
from streams import transport as transport_module
from streams import worker as worker_module
from streams.app import EXIT_NOT_CO_PARTITIONED, EXIT_NOT_QUIET, WorkerApp
from streams.membership import now
from streams.recovery import EXIT_TAKE_OVER_FAILED, OwnRecovery
from streams.store import EXIT_STORE_FAILED, StoreApp
from streams.transport import EXIT_FETCHES_ENDED
from streams.worker import EXIT_FROZEN
from wire.topics import CHANGELOG, INPUTS


class Ended(BaseException):
    """In the place of the end of the process."""


@pytest.fixture(autouse=True)
def exits(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> NoReturn:
        raise Ended(code)

    for module in (app_module, recovery_module, store_module, transport_module, worker_module):
        monkeypatch.setattr(module, "os", SimpleNamespace(_exit=end))


def stub(**members: object) -> Any:  # noqa: ANN401 - it stands for any application
    return SimpleNamespace(**members)


def ended(call: Any) -> int:  # noqa: ANN401 - a coroutine
    with pytest.raises(Ended) as found:
        asyncio.run(call)
    code: int = found.value.args[0]
    return code


def watched(seconds_ago: float, monkeypatch: pytest.MonkeyPatch) -> Ended:
    """How the watchdog ends over a process that was last scheduled then."""

    def sleep(seconds: float) -> NoReturn:
        raise Ended("sleeps on")

    monkeypatch.setattr(worker_module, "time", SimpleNamespace(sleep=sleep))
    settings = SimpleNamespace(session_seconds=10.0)
    with pytest.raises(Ended) as found:
        worker_module._watch(stub(settings=settings, alive_at=now() - seconds_ago))
    return found.value


def test_a_process_that_was_frozen_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(5.1, monkeypatch).args == (EXIT_FROZEN,)
    assert watched(4.5, monkeypatch).args == ("sleeps on",)


def worker_with(pump: asyncio.Event) -> Any:  # noqa: ANN401 - likewise
    started = asyncio.Event()
    started.set()
    pumps = {0: SimpleNamespace(stop=lambda: None, idle=pump)}
    return stub(
        served=frozenset(), pumps=pumps, _logs_are_started=started,
        settings=SimpleNamespace(session_seconds=0.05),
    )  # fmt: skip


def test_a_batch_that_does_not_end_when_partitions_go_ends_the_worker() -> None:
    async def quiesce(*, is_idle: bool) -> None:
        idle = asyncio.Event()
        if is_idle:
            idle.set()
        await WorkerApp.quiesce(worker_with(idle))

    assert ended(quiesce(is_idle=False)) == EXIT_NOT_QUIET
    asyncio.run(quiesce(is_idle=True))


def test_inputs_that_are_not_assigned_together_end_the_worker() -> None:
    both = {TP(topic.name, p) for topic in (*INPUTS, CHANGELOG) for p in (0, 1)}
    consumer = SimpleNamespace(assignment=lambda: both)
    assert WorkerApp._co_partitions(stub(consumer=consumer), both) == [0, 1]
    with pytest.raises(Ended) as found:
        WorkerApp._co_partitions(stub(consumer=consumer), both - {TP(INPUTS[1].name, 1)})
    assert found.value.args == (EXIT_NOT_CO_PARTITIONED,)


def test_a_take_over_that_fails_ends_the_process() -> None:
    class Started:
        def clear(self) -> None:
            """It is taken up."""

    async def goes_on(_: object) -> bool:
        return False

    async def fails() -> None:
        raise RuntimeError("Kafka is away")

    recovery = stub(
        signal_recovery_start=Started(), should_stop=False, wait_for_stopped=goes_on,
        _hand_over=fails,
    )  # fmt: skip
    task: Any = OwnRecovery._restart_recovery
    assert ended(task.fun(recovery)) == EXIT_TAKE_OVER_FAILED


def fetched_by(fetching: Any, *, is_closed: bool = False) -> Any:  # noqa: ANN401 - what it does
    async def fetched_records(*_: object, **__: object) -> str:
        return "records"

    async def fetch() -> Any:  # noqa: ANN401 - what the client gives
        task = asyncio.ensure_future(fetching())
        await asyncio.sleep(0)
        subscriptions = SimpleNamespace(fetch_context=nullcontext)
        fetcher = SimpleNamespace(
            error_future=task, _closed=is_closed, _subscriptions=subscriptions,
            fetched_records=fetched_records,
        )  # fmt: skip
        thread: Any = object.__new__(transport_module._ConsumerThread)
        thread.consumer = SimpleNamespace(flow_active=True)
        consumer = SimpleNamespace(_fetcher=fetcher, _closed=is_closed)
        try:
            return await thread._fetch_records(consumer, {TP("t", 0)}, timeout=0.1)
        finally:
            task.cancel()

    return fetch()


def test_a_client_that_fetches_no_more_ends_the_process() -> None:
    async def fails() -> None:
        raise RuntimeError("odd")

    async def stops() -> None:
        raise asyncio.CancelledError

    async def goes_on() -> None:
        await asyncio.sleep(60)

    assert ended(fetched_by(fails)) == EXIT_FETCHES_ENDED
    assert ended(fetched_by(stops)) == EXIT_FETCHES_ENDED
    assert asyncio.run(fetched_by(goes_on)) == "records"
    with pytest.raises(ConsumerStoppedError):  # as it should, where the client was closed
        asyncio.run(fetched_by(stops, is_closed=True))


def store_whose(work: Any) -> Any:  # noqa: ANN401 - a coroutine function
    async def gather(_: float) -> None:
        return None

    inbox = stub(gather=gather)
    return stub(inbox=inbox, _is_paused=False, _idle=asyncio.Event(), _work=work)


def test_a_write_that_fails_ends_the_store() -> None:
    async def fails(_: object) -> None:
        raise AssertionError("no record is passed over")

    async def write() -> None:
        await StoreApp.write_for_ever(store_whose(fails))

    assert ended(write()) == EXIT_STORE_FAILED


def test_a_write_that_does_not_end_when_partitions_go_ends_the_store() -> None:
    async def quiesce() -> None:
        gives_up = SimpleNamespace(set=lambda: None)
        await StoreApp.quiesce(
            stub(
                _sink=SimpleNamespace(gives_up=gives_up), _idle=asyncio.Event(),
                settings=SimpleNamespace(session_seconds=0.05),
            )
        )  # fmt: skip

    assert ended(quiesce()) == store_module.EXIT_NOT_QUIET
