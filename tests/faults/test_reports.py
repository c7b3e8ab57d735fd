"""Late, shuffled and corrected transactions, prices and rates, and kills while they flow: at the end
books, daily series, returns and values are those that an oracle makes of the events alone."""

import shutil
import time
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest

from tests.faults.priced import priced
from tests.oracle.events import (
    FIRST_DAY,
    FX_RATES,
    INSTRUMENTS,
    PORTFOLIOS,
    TRANSACTIONS,
    Message,
    of_topic,
    records,
)
from tests.oracle.fold import expected
from tests.oracle.market import Market, market_of
from tests.oracle.market_events import MARKET_PRICES
from tests.oracle.reports import Question, Truth, answer_differences, as_told
from tests.system.flow import Flow
from tests.system.system import System

DAYS = 400
SECONDS_MAX = 60.0
LAST = FIRST_DAY.date() + timedelta(days=DAYS + 5)  # some events are settled after the last of them


@pytest.fixture
def url(system: System) -> str:
    """The API over two workers and a store."""
    return system.served(2)


class Size(NamedTuple):
    """There are some thousand prices and rates besides."""

    events: int
    portfolios: int
    per_second: float
    kills: int
    pause_seconds_max: float  # less than it takes to begin again, at times


SHORT = Size(1_500, 7, 1_000.0, 2, 2.0)
LONG = Size(20_000, 24, 500.0, 12, 6.0)


def kill_while(system: System, flow: Flow, size: Size) -> None:
    """Workers, on the same and on a fresh disk, and the store."""
    rng = Random(17)
    for kill in range(size.kills):
        time.sleep(rng.uniform(0.5, size.pause_seconds_max))
        assert flow.is_alive(), "nothing flowed at the end"
        number = kill % len(system.workers)
        system.workers[number].kill()
        if kill % 3 == 1:
            shutil.rmtree(system.state_of(number), ignore_errors=True)  # it may not have begun
        if kill % 2:
            system.store.kill()
            system.store.start()
        system.workers[number].start()


def told(system: System, client: httpx.Client, question: Question) -> Any:  # noqa: ANN401 - JSON
    """The answer, when it can be had."""
    until = time.monotonic() + SECONDS_MAX
    while True:
        method = "GET" if question.body is None else "POST"
        found = client.request(method, question.path, json=question.body)
        if found.status_code in (200, 409):
            return found.json()
        assert found.status_code == 503, found.text
        assert time.monotonic() < until, found.text
        system.look_after()
        time.sleep(0.2)


def wrong(system: System, client: httpx.Client, truth: Truth) -> Iterator[str]:
    for question in truth.questions():
        answer = told(system, client, question)
        yield from answer_differences(question.path, question.wanted, answer)
    live = told(system, client, truth.live(LAST))
    again = truth.live(date.fromisoformat(live["on"]))
    yield from answer_differences(again.path, again.wanted, live)


def test_books_series_and_returns_are_those_of_the_events_whoever_was_killed(
    url: str, system: System, is_long: bool
) -> None:
    size = LONG if is_long else SHORT
    messages = priced(seed=101, events=size.events, portfolios=size.portfolios, days=DAYS)
    with Flow(system.kafka, messages, size.per_second) as flow:
        kill_while(system, flow, size)
        flow.join()
    system.wait_settled(180)
    assert system.differences() == []
    books, market = system.expected(), system.market()
    ids = sorted({portfolio_id for portfolio_id, _ in books.results})
    told_of = [Truth(books, market, each, LAST) for each in ids]
    assert {truth.cash for truth in told_of} == {"securities_only", "explicit", "automatic"}
    assert len({truth.base for truth in told_of if truth.base is not None}) > 2
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        assert [each for truth in told_of for each in wrong(system, client, truth)][:20] == []


# -- the comparison can fail


def truths(messages: list[Message], market: Market) -> list[Truth]:
    sent = records(messages)
    books = expected(
        of_topic(sent, TRANSACTIONS),
        of_topic(sent, PORTFOLIOS),
        rates=of_topic(sent, FX_RATES),
        instruments=of_topic(sent, INSTRUMENTS),
    )
    return [Truth(books, market, each, LAST) for each in sorted({key[0] for key in books.results})]


def market_without(messages: list[Message], topic: str = "", key: str = "") -> Market:
    """All records of this key are withheld."""
    sent = records([m for m in messages if (m.topic, m.key) != (topic, key.encode())])
    prices, rates, known = (of_topic(sent, name) for name in (MARKET_PRICES, FX_RATES, INSTRUMENTS))
    return market_of(prices, rates, known)


def asked(of: list[Truth]) -> list[Question]:
    return [question for truth in of for question in truth.questions()]


def differing(some: list[Question], others: list[Question]) -> set[str]:
    """The questions whose answers differ, without portfolio and parameters."""
    return {
        one.path.partition("?")[0].split("/", 3)[3]
        for one, other in zip(some, others, strict=True)
        if answer_differences("", one.wanted, as_told(other.wanted))
    }


def test_a_price_or_a_rate_that_is_withheld_changes_the_answers() -> None:
    messages = priced(seed=93, events=150, portfolios=2, days=DAYS)
    whole = truths(messages, market_without(messages))
    questions = asked(whole)
    assert differing(questions, questions) == set()
    held = [each for truth in whole for each in truth.live(LAST).wanted["positions"]]
    price = min(
        f"{each['security_id']}|{each['price_date']}"
        for each in held
        if each["price"] is not None and "CASH" not in each["security_id"]
    )
    foreign = [each for each in held if each["fx_rate_date"] and each["fx_rate"] != 1]
    [rate, *_] = [
        m.key.decode()
        for m in messages
        if m.topic == FX_RATES and m.key is not None
        for each in foreign
        if m.key.endswith(f"|{each['fx_rate_date']}".encode())
        and each["trade_currency"].encode() in m.key
    ]
    for topic, key in ((MARKET_PRICES, price), (FX_RATES, rate)):
        without = asked(truths(messages, market_without(messages, topic, key)))
        assert differing(questions, without) == {
            "timeseries", "performance", "performance/mwr", "valuation",
        }  # fmt: skip
