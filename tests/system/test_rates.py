"""Exchange rates that come late, corrected, and while nobody runs, through the real processes."""

import json
import shutil
import time
from decimal import Decimal
from typing import Any

from streams.app import EXIT_SETTING
from tests.oracle.events import Mess, generate
from tests.system.events import portfolio, reference, trade
from tests.system.log import send
from tests.system.system import System
from wire.reference import OF_FX_RATES

EVENTS = 4_000
# From Kafka's receipt to the live answer, on a crowded machine; `tests/streams/test_waking.py` has
# that a lane at rest does not wait for its next look.
PROMPT_SECONDS = 1.0
TRIES = 20


def rate(amount: str, day: str, version: int = 1) -> Any:  # noqa: ANN401 - a message
    return reference(
        OF_FX_RATES,
        {"from_currency": "EUR", "to_currency": "USD", "rate_date": day, "rate": amount,
         "version": version},
    )  # fmt: skip


def started(system: System) -> None:
    system.worker().start()
    system.store.start()
    system.wait_until(system.is_serving, 60, "the worker serves")


def test_the_worked_example_waits_for_its_rate_and_is_right_and_prompt_when_it_comes(
    system: System,
) -> None:
    started(system)
    send(
        system.kafka,
        [
            portfolio("P", "USD", "FIFO"),
            trade("P", "B", "BUY", "2024-01-02", "100", "150", currency="EUR"),
            trade("P", "S", "SELL", "2024-02-01", "40", "170", currency="EUR", fx_rate="1.20"),
        ],
    )
    system.wait_settled()
    assert system.live("/portfolios/P/transactions/B")["status"] == "PENDING"
    took = []
    for version in range(1, TRIES + 1):
        amount = "1.10" if version == TRIES else f"1.{version:02}1"
        send(system.kafka, [rate(amount, "2024-01-01", version)])
        took.append(until_applied(system, amount.rstrip("0")))
        time.sleep(0.1)  # the next one finds a lane at rest
    assert sorted(took)[TRIES // 4] < PROMPT_SECONDS, took
    position = system.live("/portfolios/P/positions/ACME")
    assert (position["cost"], position["cost_local"]) == ("9900", "9000")
    assert position["through"]["fx_rates"] == TRIES
    system.wait_settled()
    assert system.differences() == []
    [stored] = [row for row in system.rows("transactions") if row["transaction_id"] == "B"]
    assert (stored["applied_fx_rate"], stored["fx_rate"]) == (Decimal("1.1"), None)


def until_applied(system: System, amount: str) -> float:
    return system.seconds_until("/portfolios/P/transactions/B", "applied_fx_rate", amount)


def test_rates_that_come_while_nobody_runs_and_on_a_fresh_disk_are_followed(
    system: System,
) -> None:
    mess = Mess(rate_forgotten=0.6, rates=0.8)
    messages = generate(seed=61, events=EVENTS, portfolios=30, mess=mess)
    rates = [message for message in messages if message.topic == OF_FX_RATES.name]
    others = [message for message in messages if message.topic != OF_FX_RATES.name]
    assert len(rates) > 300
    started(system)
    third = len(rates) // 3
    send(system.kafka, [*rates[:third], *others])
    system.wait_settled()
    for fresh, some in ((False, rates[third : 2 * third]), (True, rates[2 * third :])):
        system.workers[0].kill()
        if fresh:
            shutil.rmtree(system.state_of(0))
        send(system.kafka, some)
        system.workers[0].start()
        system.wait_settled()
        assert system.differences() == []
    applied = [row for row in system.newest_results() if row["applied_fx_rate"] is not None]
    assert len(applied) > 200
    assert system.miscounted() == []


def test_a_worker_with_other_rules_for_rates_is_refused(system: System) -> None:
    started(system)
    send(system.kafka, [portfolio("P", "USD", "FIFO")])
    system.wait_settled()
    system.workers[0].stop()
    other = system.worker()
    other.settings = {"FX_CROSS_CURRENCY": "EUR"}
    other.start()
    assert other.process is not None
    assert other.process.wait(60) == EXIT_SETTING
    said = [json.loads(line) for line in other.said().splitlines() if '"refused"' in line]
    assert said[-1]["error"] == (
        "FX_CROSS_CURRENCY is EUR, the books were begun with USD: set it back"
    )
