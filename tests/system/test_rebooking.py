import threading
import time
from collections.abc import Iterator

import httpx

from tests.oracle.events import Message
from tests.oracle.murmur2 import partition_of
from tests.system.events import portfolio, trade
from tests.system.log import send
from tests.system.system import System

BIG = "BIG"
TRADES, PER_SECOND = 8_000, 200
TRADES_LONG, PER_SECOND_LONG = 200_000, 1_000
SECURITIES = 20
LAST = "S9"  # by name, and so the last to be booked anew
WAIT_SECONDS_MAX = 2.0  # for anybody else
PART_WAITED_MAX = 0.5  # of a short re-booking on a machine that CI crowds


def history(trades: int) -> Iterator[Message]:
    """Two purchases to a sale of one and a half, of several securities."""
    for n in range(trades):
        second = f"2024-01-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}Z"
        date = second.replace("2024", str(2000 + n // 86_400))
        type_, quantity = ("SELL", "15") if n // SECURITIES % 3 == 2 else ("BUY", "10")
        price = str(10 + n * 7919 % 97)
        yield trade(BIG, f"T{n}", type_, date, quantity, price, f"S{n % SECURITIES}")


def neighbour() -> str:
    """A portfolio in the partition of the big one: it waits first if anybody does."""
    number = 0
    while partition_of(f"N{number}", 8) != partition_of(BIG, 8):
        number += 1
    return f"N{number}"


class Traffic:
    """Events for other portfolios, and how long each took until the live table showed it."""

    def __init__(self, system: System, per_second: int) -> None:
        self.system = system
        self.waits: list[float] = []
        self.portfolio = neighbour()
        self._per_second = per_second
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=call, daemon=True) for call in (self._flow, self._probe)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "somebody waits for good"

    def _flow(self) -> None:
        number = 0
        while not self._ended.is_set():
            batch = [
                trade(f"F{n % 50}", f"T{n:09}", "BUY", "2024-01-01", "1", "1")
                for n in range(number, number + self._per_second)
            ]
            number += len(batch)
            send(self.system.kafka, batch, self._per_second)

    def _probe(self) -> None:
        number = 0
        while not self._ended.is_set():
            number += 1
            event = trade(self.portfolio, f"P{number:09}", "BUY", "2024-01-01", "1", "1")
            send(self.system.kafka, [event])
            began = time.monotonic()
            while self._live(f"/portfolios/{self.portfolio}/transactions/P{number:09}") != 200:
                time.sleep(0.01)
            self.waits.append(time.monotonic() - began)
            time.sleep(0.05)

    def _live(self, path: str) -> int:
        return httpx.get(self.system.urls[0] + path, timeout=10, trust_env=False).status_code


def big_position(system: System) -> httpx.Response:
    return httpx.get(
        f"{system.urls[0]}/portfolios/{BIG}/positions/{LAST}", timeout=10, trust_env=False
    )


def test_a_changed_method_of_a_large_portfolio_keeps_nobody_else_waiting(
    system: System, is_long: bool
) -> None:
    trades, per_second = (TRADES_LONG, PER_SECOND_LONG) if is_long else (TRADES, PER_SECOND)
    system.worker().start()
    system.store.start()
    send(system.kafka, [portfolio(BIG, "USD", "FIFO"), *history(trades)])
    system.wait_settled(300)
    traffic = Traffic(system, per_second)
    traffic.start()
    time.sleep(3)
    # Beside the questions, which begin before it can be booked.
    changed = [portfolio(BIG, "USD", "HIFO", version=2)]
    threading.Thread(target=send, args=(system.kafka, changed), daemon=True).start()
    answers = []
    began = time.monotonic()
    until = began + 300
    while time.monotonic() < until:
        answer = big_position(system)
        answers.append(answer)
        if answer.status_code == 200 and answer.json()["cost_basis_method"] == "HIFO":
            break
        time.sleep(0.005)
    seconds = time.monotonic() - began
    assert answers[-1].json()["cost_basis_method"] == "HIFO"
    traffic.end()
    system.wait_settled(120)
    refusals = [answer for answer in answers if answer.status_code == 503]
    assert refusals
    assert all("Retry-After" in answer.headers for answer in refusals)
    assert all(answer.json()["type"].endswith("rebooking") for answer in refusals)
    assert len(traffic.waits) > 10
    slack = 0.0 if is_long else PART_WAITED_MAX * seconds
    assert max(traffic.waits) < max(WAIT_SECONDS_MAX, slack)
    assert system.differences() == []
