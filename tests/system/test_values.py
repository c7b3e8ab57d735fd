"""What portfolios are worth, followed through real processes."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import httpx
import pytest

from tests.api.following import Said, reading
from tests.oracle.events import Message
from tests.oracle.murmur2 import partition_of
from tests.system import log
from tests.system.events import portfolio, reference, trade
from tests.system.system import System
from wire.reference import OF_FX_RATES, OF_INSTRUMENTS, OF_MARKET_PRICES
from wire.topics import MARKET_PRICES, RAW_TRANSACTIONS

Row = dict[str, Any]
SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 4.0
FOLLOWED = ("P1", "P2", "P3", "P4")
SECURITIES = ("ACME", "BOLT", "EURO")  # the last in euros


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def price(security_id: str, amount: str, version: int = 1, currency: str = "USD") -> Message:
    event: Row = {
        "security_id": security_id, "price_date": today(), "price": amount, "currency": currency,
        "version": version,
    }  # fmt: skip
    return reference(OF_MARKET_PRICES, event)


def rate(amount: str, version: int = 1) -> Message:
    event: Row = {
        "from_currency": "EUR", "to_currency": "USD", "rate_date": today(), "rate": amount,
        "version": version,
    }  # fmt: skip
    return reference(OF_FX_RATES, event)


def buy(portfolio_id: str, number: int, security_id: str = "ACME", quantity: int = 10) -> Message:
    currency = "EUR" if security_id == "EURO" else "USD"
    fields = {"fx_rate": "1"} if currency == "EUR" else {}
    return trade(
        portfolio_id, f"T{number:05}", "BUY", "2024-01-10", str(quantity), "1", security_id,
        currency, **fields,
    )  # fmt: skip


class Follower:
    """Follows a portfolio as a browser does: where the stream ends it comes back with the id of
    the last event."""

    def __init__(self, url: str, portfolio_id: str) -> None:
        self.portfolio_id = portfolio_id
        self.events: list[Said] = []
        self.states: list[Row] = []  # the valuation behind each event, without weights
        self._url = url
        self._is_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=20, trust_env=False) as client:
            while not self._is_ended.is_set():
                last = self.events[-1].id if self.events else None
                with (
                    suppress(httpx.HTTPError, StopIteration),
                    reading(client, self.portfolio_id, last) as reader,
                ):
                    while not self._is_ended.is_set():
                        if reader.response.status_code != 200:
                            time.sleep(0.2)
                            break
                        self._take(reader.next())

    def _take(self, said: Said) -> None:
        found = json.loads(said.data)
        positions = {each.pop("security_id"): each for each in found.pop("positions")}
        for position in positions.values():
            position.pop("weight", None)
        if said.kind == "change":
            before = self.states[-1]["positions"]
            removed = found.pop("removed")
            kept = {name: each for name, each in before.items() if name not in removed}
            positions = kept | positions
        self.states.append(found | {"positions": positions})
        self.events.append(said)

    def wait(self, events: int) -> None:
        until = time.monotonic() + SECONDS_MAX
        while len(self.events) < events:
            assert time.monotonic() < until, f"only {len(self.events)} of {events} events"
            time.sleep(0.01)

    def values(self) -> dict[str, str]:
        return {name: each["market_value"] for name, each in self.states[-1]["positions"].items()}

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """It may go on reading until there is something, and is not waited for."""
        self._is_ended.set()


@contextmanager
def following(url: str, *portfolio_ids: str) -> Iterator[list[Follower]]:
    followers = [Follower(url, each) for each in portfolio_ids]
    for each in followers:
        each.start()
    try:
        yield followers
    finally:
        for each in followers:
            each.end()


@pytest.fixture
def url(system: System) -> str:
    """The API over two workers and a store."""
    return system.served(2)


def answer(url: str, portfolio_id: str, **parameters: str) -> Row:
    """The valuation, when it can be had."""
    until = time.monotonic() + SECONDS_MAX
    while True:
        found = httpx.get(
            f"{url}/portfolios/{portfolio_id}/valuation", params=parameters, timeout=20,
            trust_env=False,
        )  # fmt: skip
        if found.status_code == 200:
            return dict(found.json())
        assert time.monotonic() < until, found.text
        time.sleep(0.1)


def by_security(valuation: Row) -> dict[str, Row]:
    return {each["security_id"]: each for each in valuation["positions"]}


def test_a_transaction_a_price_a_rate_and_an_instrument_each_move_the_stream(
    url: str, system: System
) -> None:
    log.send(system.kafka, [portfolio("P1", "USD", "FIFO"), buy("P1", 1), buy("P1", 2, "EURO")])
    system.wait_until(system.is_booked, SECONDS_MAX, "all is booked")
    with following(url, "P1") as [follower]:
        follower.wait(1)
        assert follower.values() == {"ACME": None, "EURO": None}
        moves: list[tuple[Message, dict[str, str | None]]] = [
            (price("ACME", "2"), {"ACME": "20", "EURO": None}),
            (price("EURO", "3", currency="EUR"), {"ACME": "20", "EURO": None}),
            (rate("1.5"), {"ACME": "20", "EURO": "45"}),
            (rate("2", version=2), {"ACME": "20", "EURO": "60"}),
            (price("ACME", "2.5", version=2), {"ACME": "25", "EURO": "60"}),
            (buy("P1", 3, quantity=2), {"ACME": "30", "EURO": "60"}),
            (buy("P1", 4, "BOLT"), {"ACME": "30", "EURO": "60", "BOLT": None}),
            (
                trade("P1", "S", "SELL", "2024-02-01", "12", "9"),
                {"EURO": "60", "BOLT": None},
            ),
            (
                reference(
                    OF_INSTRUMENTS,
                    {"security_id": "EURO", "instrument_currency": "EUR", "multiplier": "10"},
                ),
                {"EURO": "600", "BOLT": None},
            ),
        ]
        for number, (message, values) in enumerate(moves, 2):
            log.send(system.kafka, [message])
            follower.wait(number)
            assert (follower.values(), follower.events[-1].kind) == (values, "change")
        found = answer(url, "P1")
        assert follower.states[-1]["total"] == found["total"]
        at = [each.at for each in follower.events]
        assert min(later - sooner for sooner, later in pairwise(at)) > 0.9
    system.wait_settled()
    stored = answer(url, "P1", on=found["on"])
    assert stored["positions"] == found["positions"], "PostgreSQL says the same"
    assert stored["total"] == found["total"]


def test_who_comes_back_is_told_what_happened_meanwhile_and_after_a_kill_everything(
    url: str, system: System
) -> None:
    log.send(system.kafka, [portfolio("P1", "USD", "FIFO"), buy("P1", 1), buy("P1", 2, "BOLT")])
    log.send(system.kafka, [price("ACME", "2"), price("BOLT", "7")])
    system.wait_until(system.is_booked, SECONDS_MAX, "all is booked")
    with httpx.Client(base_url=url, timeout=SECONDS_MAX, trust_env=False) as client:
        with reading(client) as reader:
            first = reader.next()
        log.send(system.kafka, [price("ACME", "3", version=2)])
        with reading(client, last_event_id=first.id) as reader:
            second = reader.next()
        [changed] = json.loads(second.data)["positions"]
        assert (second.kind, changed["market_value"]) == ("change", "30")
        [owner] = [
            worker
            for worker, address in zip(system.workers, system.urls, strict=True)
            if partition_of("P1", log.PARTITIONS) in (system.status_of(address) or {})["partitions"]
        ]
        with reading(client, last_event_id=second.id) as reader:
            owner.kill()
            log.send(system.kafka, [price("ACME", "4", version=3)])
            third = reader.next()
        assert third.kind == "snapshot"
        assert by_security(json.loads(third.data))["ACME"]["market_value"] == "40"


def test_an_api_that_is_stopped_does_not_wait_for_its_streams(url: str, system: System) -> None:
    log.send(system.kafka, [portfolio("P1", "USD", "FIFO"), buy("P1", 1)])
    system.wait_until(system.is_booked, SECONDS_MAX, "all is booked")
    [api] = system.others
    with (
        httpx.Client(base_url=url, timeout=SECONDS_MAX, trust_env=False) as client,
        reading(client) as reader,
    ):
        reader.next()
        began = time.monotonic()
        api.stop()
        assert time.monotonic() - began < STOP_SECONDS_MAX
        assert reader.rest() == [], "it ended in good order"


class Truth:
    """What the input topics say up to any offset."""

    def __init__(self, system: System) -> None:
        self._prices = {
            m.offset(): json.loads(m.value()) for m in log.read(system.kafka, MARKET_PRICES.name)
        }
        self._trades = {
            (m.partition(), m.offset()): json.loads(m.value())
            for m in log.read(system.kafka, RAW_TRANSACTIONS.name)
        }

    def held(self, portfolio_id: str, through: Row) -> dict[str, int]:
        held: dict[str, int] = {}
        for (partition, offset), each in self._trades.items():
            is_in = partition == through["partition"] and offset < through["raw_transactions"]
            if is_in and each["portfolio_id"] == portfolio_id:
                held[each["security_id"]] = held.get(each["security_id"], 0) + int(each["quantity"])
        return held

    def price(self, security_id: str, through: Row) -> str | None:
        known = [
            each
            for offset, each in self._prices.items()
            if offset < through["market_prices"] and each["security_id"] == security_id
        ]
        newest = max(known, key=lambda each: int(each["version"]), default=None)
        return None if newest is None else str(newest["price"])

    def lies(self, follower: Follower) -> list[str]:
        """Events that are not what the topics amount to up to their offsets, or less than what
        was told before."""
        lies = []
        before: list[int] = []
        for state in follower.states:
            through, positions = state["through"], state["positions"]
            held = self.held(follower.portfolio_id, through)
            shown = {name: int(each["quantity"]) for name, each in positions.items()}
            prices = {name: each["price"] for name, each in positions.items()}
            true_prices = {name: self.price(name, through) for name in held}
            if (shown, prices) != (held, true_prices):
                lies.append(f"{through}: {shown} at {prices}, not {held} at {true_prices}")
            total = sum(
                (
                    Decimal(each["quantity"]) * Decimal(each["price"]) * Decimal(each["fx_rate"])
                    for each in positions.values()
                    if each["price"] is not None and each["fx_rate"] is not None
                ),
                Decimal(),
            )
            if Decimal(state["total"]["market_value"]) != total:
                lies.append(f"{through}: {state['total']['market_value']} in total, not {total}")
            now = list(through.values())
            if any(later < sooner for sooner, later in zip(before, now, strict=False)):
                lies.append(f"{now} after {before}")
            before = now
        return lies


def mess(random: Random, count: int) -> list[Message]:
    """Prices and rates that are corrected, and purchases."""
    messages = []
    for number in range(1, count + 1):
        match random.randrange(5):
            case 0:
                at = random.choice(FOLLOWED), number, random.choice(SECURITIES)
                messages.append(buy(*at, quantity=random.randrange(1, 9)))
            case 1:
                messages.append(rate(f"1.{number}1", number))
            case _:
                security_id = random.choice(SECURITIES)
                currency = "EUR" if security_id == "EURO" else "USD"
                messages.append(price(security_id, f"{number}.5", number, currency))
    return messages


def test_no_event_is_wrong_or_older_than_the_one_before_while_owners_are_killed(
    url: str, system: System
) -> None:
    log.send(system.kafka, [portfolio(each, "USD", "FIFO") for each in FOLLOWED])
    log.send(system.kafka, [buy(each, 0) for each in FOLLOWED])
    system.wait_until(system.is_booked, SECONDS_MAX, "all is booked")
    random = Random(7)
    with following(url, *FOLLOWED) as followers:
        for each in followers:
            each.wait(1)
        sending = threading.Thread(
            target=log.send, args=(system.kafka, mess(random, 900)), kwargs={"per_second": 45}
        )
        sending.start()
        for worker in (*system.workers, random.choice(system.workers)):
            time.sleep(5)
            worker.kill()
            worker.start()
        sending.join()
        system.wait_settled()
        expected = [answer(url, each) for each in FOLLOWED]

        def are_there() -> bool:
            return all(
                each.states[-1]["total"] == found["total"]
                for each, found in zip(followers, expected, strict=True)
            )

        system.wait_until(are_there, SECONDS_MAX, "everybody was told what is there in the end")
    truth = Truth(system)
    assert [lie for each in followers for lie in truth.lies(each)] == []
    assert_there_was_something_to_say(followers)
    for found in expected:
        stored = answer(url, found["portfolio_id"], on=found["on"])
        assert (stored["positions"], stored["total"]) == (found["positions"], found["total"])


def assert_there_was_something_to_say(followers: Sequence[Follower]) -> None:
    kinds = [[each.kind for each in follower.events] for follower in followers]
    assert all(len(events) > 5 for events in kinds)
    assert {kind for events in kinds for kind in events[1:]} == {"snapshot", "change"}
