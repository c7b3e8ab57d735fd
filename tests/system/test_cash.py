"""Instruments that make cash of what is held, late, corrected, and while nobody runs, through the
real processes."""

import shutil
import time
from typing import Any

from tests.oracle.events import Mess, generate
from tests.system.events import portfolio, reference, trade
from tests.system.log import send
from tests.system.system import System
from wire.reference import OF_INSTRUMENTS

EVENTS = 4_000
# From Kafka's receipt to the live answer, on a crowded machine; `tests/streams/test_waking.py` has
# that a lane at rest does not wait for its next look.
PROMPT_SECONDS = 1.0
TRIES = 12


def instrument(asset_class: str | None, version: int) -> Any:  # noqa: ANN401 - a message
    return reference(
        OF_INSTRUMENTS,
        {"security_id": "ACME", "instrument_currency": "USD", "asset_class": asset_class,
         "version": version},
    )  # fmt: skip


def started(system: System) -> None:
    system.worker().start()
    system.store.start()
    system.wait_until(system.is_serving, 60, "the worker serves")


def quantities(system: System) -> dict[str, str]:
    rows = system.live("/portfolios/P/positions")["positions"]
    return {row["security_id"]: row["quantity"] for row in rows}


def test_trades_come_first_then_what_makes_cash_of_them_and_then_its_correction(
    system: System,
) -> None:
    started(system)
    send(
        system.kafka,
        [
            portfolio("P", "USD", "FIFO", cash="automatic"),
            trade("P", "B", "BUY", "2024-01-02", "100", "1"),
            trade("P", "S", "SELL", "2024-02-01", "130", "1"),
            trade("P", "T", "BUY", "2024-02-01", "5", "2", security_id="OTHER"),
        ],
    )
    system.wait_settled()
    assert quantities(system) == {"ACME": "100", "CASH_USD": "-110", "OTHER": "5"}
    assert system.differences() == []
    send(system.kafka, [instrument("Cash", 1)])
    system.wait_settled()
    assert quantities(system) == {"ACME": "-30", "CASH_USD": "-10", "OTHER": "5"}
    assert system.differences() == []
    assert system.live("/portfolios/P/positions/ACME")["through"]["instruments"] == 1
    send(system.kafka, [instrument("Equity", 2), instrument("Cash", 1)])
    system.wait_settled()
    assert quantities(system) == {"ACME": "100", "CASH_USD": "-110", "OTHER": "5"}
    took = []
    for version in range(3, 3 + TRIES):
        send(system.kafka, [instrument("Cash" if version % 2 else None, version)])
        took.append(until_booked(system, "-30" if version % 2 else "100"))
        time.sleep(0.1)  # the next one finds a lane at rest
    assert sorted(took)[TRIES // 4] < PROMPT_SECONDS, took
    system.wait_settled()
    assert system.differences() == []


def until_booked(system: System, quantity: str) -> float:
    return system.seconds_until("/portfolios/P/positions/ACME", "quantity", quantity)


def test_instruments_that_come_while_nobody_runs_and_on_a_fresh_disk_are_followed(
    system: System,
) -> None:
    mess = Mess(instruments=0.9)
    messages = generate(seed=67, events=EVENTS, portfolios=30, mess=mess)
    name = OF_INSTRUMENTS.name
    instruments = [message for message in messages if message.topic == name]
    assert len(instruments) > 30
    started(system)
    third = len(instruments) // 3
    send(system.kafka, [*instruments[:third], *(m for m in messages if m.topic != name)])
    system.wait_settled()
    assert system.differences() == []
    for fresh, some in ((False, instruments[third : 2 * third]), (True, instruments[2 * third :])):
        before = len(system.results())
        system.workers[0].kill()
        if fresh:
            shutil.rmtree(system.state_of(0))
        send(system.kafka, some)
        system.workers[0].start()
        system.wait_settled()
        assert len(system.results()) > before + 100, "they changed something"
        assert system.differences() == []
    assert system.miscounted() == []
