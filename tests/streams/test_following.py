"""The worker's waiting answer: what is new in the value of a portfolio, as soon as it is."""

import asyncio
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from streams import following, pace, watches
from streams.answers import Refusal
from streams.valuations import valuation_of
from tests.streams.asked import ELSEWHERE, P, Worker, assert_refused

Event = dict[str, Any]
LONG = 20.0
SOON = 2.0  # of LONG, with other programs on the machine


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(following, "REST_PER_WORK", 0)


@pytest.fixture
def holding(worker: Worker) -> Worker:
    """It holds A and B, of which prices are known."""
    worker.portfolio("FIFO")
    for security_id in ("A", "B"):
        worker.trade(f"T-{security_id}", security_id)
        worker.price("2", security_id=security_id)
    worker.book()
    return worker


async def ask(worker: Worker, after: str = "", seconds: float = 0) -> httpx.Response:
    path = f"/portfolios/{P}/valuation/next?timeout={seconds}&after={after}"
    return await worker.ask("GET", path)


async def event(worker: Worker, after: str = "", seconds: float = 0) -> Event:
    answer = await ask(worker, after, seconds)
    assert answer.status_code == 200, answer.text
    found: Event = answer.json()
    return found


async def nothing(worker: Worker, after: str) -> None:
    answer = await ask(worker, after)
    assert (answer.status_code, answer.json()) == (202, None)


def told(change: Event) -> tuple[str, list[str], list[str]]:
    data = change["data"]
    return change["event"], [each["security_id"] for each in data["positions"]], data["removed"]


def test_the_first_event_is_all_of_it_and_the_same_as_the_answer(holding: Worker) -> None:
    async def play() -> None:
        first = await event(holding)
        answer = await holding.ask("GET", f"/portfolios/{P}/valuation")
        assert (first["event"], first["data"]) == ("snapshot", answer.json())
        assert first["id"].startswith("0.2.0.1.0.2.0-"), "partition and offsets"
        await nothing(holding, first["id"])

    asyncio.run(play())


def price(worker: Worker) -> None:
    worker.price("3", security_id="A", version=2)


def instrument(worker: Worker) -> None:
    worker.instrument("B", name="Bee")


def transaction(worker: Worker) -> None:
    worker.trade("T2", "B", quantity="1")
    worker.book()


def new_holding(worker: Worker) -> None:
    worker.trade("T3", "C")
    worker.book()


def closed_holding(worker: Worker) -> None:
    worker.trade("X", "A", transaction_type="SELL", transaction_date="2024-02-01")
    worker.book()


def other_terms(worker: Worker) -> None:
    worker.portfolio("AVCO", 2)
    worker.trade("T4", "A")
    worker.book()


MOVES: list[tuple[Callable[[Worker], None], list[str], list[str]]] = [
    (price, ["A"], []),
    (instrument, ["B"], []),
    (transaction, ["B"], []),
    (new_holding, ["C"], []),
    (closed_holding, [], ["A"]),
    (other_terms, ["A"], []),
]


@pytest.mark.parametrize(("move", "changed", "removed"), MOVES)
def test_whoever_waits_is_told_at_once_what_moved_and_the_totals(
    holding: Worker, move: Callable[[Worker], None], changed: list[str], removed: list[str]
) -> None:

    async def play() -> None:
        first = await event(holding)
        waiting = asyncio.ensure_future(event(holding, first["id"], LONG))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        began = time.monotonic()
        await asyncio.to_thread(move, holding)
        change = await waiting
        assert time.monotonic() - began < SOON
        assert told(change) == ("change", changed, removed)
        answer = (await holding.ask("GET", f"/portfolios/{P}/valuation")).json()
        now = {each["security_id"]: each for each in answer.pop("positions")}
        for position in change["data"].pop("positions"):
            assert now[position["security_id"]] == position | {
                "weight": now[position["security_id"]]["weight"]
            }
        del change["data"]["removed"]
        assert change["data"] == answer
        await nothing(holding, change["id"])

    asyncio.run(play())


def test_a_rate_moves_those_whose_value_hangs_on_its_currencies(holding: Worker) -> None:
    async def play() -> None:
        holding.trade("T9", "E", trade_currency="EUR", fx_rate="1")
        holding.price("5", security_id="E", currency="EUR")
        holding.book()
        first = await event(holding)
        assert first["data"]["total"]["unvalued"] == 1
        holding.rate("7", "2024-03-01", pair="GBP/CHF")
        holding.rate("7", "2024-03-01", pair="CHF/USD")
        await nothing(holding, first["id"])
        for pair in ("USD/EUR", "EUR/USD"):
            waiting = asyncio.ensure_future(event(holding, first["id"], LONG))
            await asyncio.sleep(0.2)
            await asyncio.to_thread(holding.rate, "1.25", "2024-03-01", pair=pair)
            first = await waiting
            assert told(first) == ("change", ["E"], [])
        assert first["data"]["positions"][0]["market_value"] == "62.5"

    asyncio.run(play())


def counting(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What valuations are made of from now on."""
    valued = list[object]()

    def counted(*given: Any) -> Any:  # noqa: ANN401
        valued.append(given)
        return valuation_of(*given)

    monkeypatch.setattr(following, "valuation_of", counted)
    return valued


def test_what_moves_others_wakes_nobody(holding: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    valued = counting(monkeypatch)
    holding.price("1", "2020-01-02", security_id="A")

    async def play() -> None:
        first = await event(holding)
        waiting = asyncio.ensure_future(ask(holding, first["id"], 1))
        await asyncio.sleep(0.1)
        holding.price("9", security_id="OTHER")
        holding.price("1", "2020-01-01", security_id="A")
        holding.rate("2", "2024-03-01", pair="EUR/USD")
        assert (await waiting).status_code == 202
        assert len(valued) == 1

    asyncio.run(play())


def test_who_comes_back_is_told_all_that_changed_since_and_nothing_else(holding: Worker) -> None:
    async def play() -> None:
        first = await event(holding)
        holding.price("3", security_id="A", version=2)
        second = await event(holding, first["id"])
        holding.trade("X", "B", transaction_type="SELL", transaction_date="2024-02-01")
        holding.book()
        third = await event(holding, second["id"])
        assert [told(each) for each in (second, third)] == [
            ("change", ["A"], []), ("change", [], ["B"]),
        ]  # fmt: skip
        late = await event(holding, first["id"])
        assert told(late) == ("change", ["A"], ["B"])
        assert late["id"] == third["id"]
        holding.trade("Y", "B", transaction_date="2024-02-02")
        holding.book()
        assert told(await event(holding, first["id"])) == ("change", ["A", "B"], [])

    asyncio.run(play())


@pytest.mark.parametrize("after", ["", "x", "0.1.0.1.0.2.0-0123456789ab-1", "%00", "-", "1" * 999])
def test_who_comes_with_another_id_is_told_everything(holding: Worker, after: str) -> None:
    async def play() -> None:
        await event(holding)
        assert (await event(holding, after))["event"] == "snapshot"

    asyncio.run(play())


def test_a_new_day_is_told_as_a_whole(holding: Worker) -> None:
    async def play() -> None:
        first = await event(holding)
        holding.today = date(2024, 3, 2)
        second = await event(holding, first["id"])
        assert (second["event"], second["data"]["on"]) == ("snapshot", "2024-03-02")
        holding.price("3", "2024-03-02", "A")
        assert (await event(holding, first["id"]))["event"] == "snapshot"
        assert told(await event(holding, second["id"])) == ("change", ["A"], [])

    asyncio.run(play())


def test_all_who_follow_a_portfolio_share_what_was_made_for_one(
    holding: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    valued = counting(monkeypatch)

    async def play() -> None:
        first = await event(holding)
        waiting = [asyncio.ensure_future(event(holding, first["id"], LONG)) for _ in range(20)]
        await asyncio.sleep(0.2)
        await asyncio.to_thread(holding.price, "3", security_id="A", version=2)
        assert {told(await each)[0] for each in waiting} == {"change"}

    asyncio.run(play())
    assert len(valued) <= 3  # one whose waiting had not begun may be made sooner


def test_values_are_made_no_faster_than_the_pause_but_at_once_for_who_knows_nothing(
    holding: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.6)

    async def play() -> None:
        first = await event(holding)
        began = time.monotonic()
        holding.price("3", security_id="A", version=2)
        second = await event(holding, first["id"], LONG)
        assert 0.3 < time.monotonic() - began < 0.6 + SOON
        holding.price("4", security_id="A", version=3)
        await nothing(holding, second["id"])
        fresh = await event(holding)
        assert fresh["data"]["positions"][0]["price"] == "4"

    asyncio.run(play())


# -- what must not be said


def test_nothing_is_said_while_it_is_re_booked_and_the_end_is_told(
    holding: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(40):
        holding.trade(f"T{n}", "A", transaction_date="2024-01-02")
    holding.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)

    async def play() -> None:
        first = await event(holding)
        holding.trade("LATE", "A", transaction_date="2020-01-01")
        holding.book_once()
        assert_refused(await ask(holding, first["id"]), 503, "rebooking")
        assert_refused(await ask(holding), 503, "rebooking")
        holding.book()
        change = await event(holding, first["id"])
        assert told(change) == ("change", ["A"], [])
        assert change["data"]["positions"][0]["quantity"] == "420"

    asyncio.run(play())


def test_whoever_waits_hears_that_the_partition_is_gone(holding: Worker) -> None:
    async def play() -> None:
        first = await event(holding)
        waiting = asyncio.ensure_future(ask(holding, first["id"], LONG))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        holding.may_answer = False
        assert_refused(await waiting, 503, "rebalancing")
        assert time.monotonic() - began < SOON
        holding.may_answer, holding.served = True, frozenset()
        assert_refused(await ask(holding, first["id"]), 503, "not-owner")

    asyncio.run(play())


def test_what_is_at_hand_is_not_told_where_the_partition_was_lost_meanwhile(
    holding: Worker,
) -> None:
    async def play() -> None:
        await event(holding)
        async with holding.watches.watch(P, holding.lane).valuing:
            waiting = asyncio.ensure_future(ask(holding))
            await asyncio.sleep(0.2)
            holding.may_answer = False
        assert_refused(await waiting, 503, "rebalancing")

    asyncio.run(play())


def test_a_lane_that_came_back_begins_anew(holding: Worker) -> None:
    async def play() -> None:
        first = await event(holding)
        again = type(holding)(holding.table)
        holding.pumps = again.pumps
        holding.lane = again.lane
        assert (await event(holding, first["id"]))["event"] == "snapshot"
        assert len(holding.watches) == 1

    asyncio.run(play())


def test_nothing_is_kept_of_what_is_unknown(holding: Worker) -> None:
    async def play() -> None:
        path = f"/portfolios/{P}NO/valuation/next?timeout=0"
        answer = await holding.ask("GET", path)
        assert answer.status_code in (404, 503), "it may be of another partition"
        elsewhere = await holding.ask("GET", f"/portfolios/{ELSEWHERE}/valuation/next?timeout=0")
        assert_refused(elsewhere, 503, "not-owner")
        assert len(holding.watches) == 0

    asyncio.run(play())


# -- how much is kept


def test_those_who_are_followed_no_more_make_room_and_others_do_not(
    holding: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "POSITIONS_MAX", 1)

    async def too_large() -> None:
        assert_refused(await ask(holding), 503, "busy")
        assert len(holding.watches) == 0

    asyncio.run(too_large())
    monkeypatch.setattr(watches, "POSITIONS_MAX", 100)
    monkeypatch.setattr(watches, "WATCHES_MAX", 1)

    async def too_many() -> None:
        first = await event(holding)
        waiting = asyncio.ensure_future(ask(holding, first["id"], 1))
        await asyncio.sleep(0.1)
        with pytest.raises(Refusal, match="too many portfolios"):
            holding.watches.watch("ANOTHER", holding.lane)
        assert (await waiting).status_code == 202
        holding.watches.watch("ANOTHER", holding.lane)
        assert len(holding.watches) == 1
        holding.price("3", security_id="A", version=2)  # whose index has nobody any more

    asyncio.run(too_many())


def test_who_stays_away_too_long_is_forgotten(
    holding: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        await event(holding)
        holding.watches.make_room()
        assert len(holding.watches) == 1
        monkeypatch.setattr(watches, "IDLE_SECONDS", 0)
        await asyncio.sleep(0.01)
        holding.watches.make_room()
        assert len(holding.watches) == 0

    asyncio.run(play())
