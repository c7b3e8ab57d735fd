"""What clients are told while workers come, go, crash and freeze: the truth, or to try again."""

import json
import signal
import threading
import time
from collections.abc import Callable
from random import Random

from tests.faults.asking import Client, Poster, Truth, denied, gone_back
from tests.faults.cast import SECOND_API_LOG, SESSION_SECONDS, Cast
from tests.oracle.events import Mess, Message, generate
from tests.system import log
from wire.topics import FX_RATES, PORTFOLIOS, RAW_TRANSACTIONS

CLIENTS, PORTFOLIO_COUNT, SECURITY_COUNT = 8, 16, 3
EVENTS, EVENTS_LONG = 2_500, 20_000
PER_SECOND = 150.0
WAITED_SECONDS = 1.0
MOMENTS = 10  # at which somebody was answered, on the slowest of machines


def kill(cast: Cast, worker: str) -> None:
    cast.signal(worker, signal.SIGKILL)


def restart(cast: Cast, worker: str) -> None:
    cast.signal(worker, signal.SIGTERM)


def freeze(cast: Cast, worker: str) -> None:
    cast.freeze(worker, SESSION_SECONDS + 2)


def holdings(messages: list[Message]) -> list[tuple[str, str]]:
    """Whatever is named by any event."""
    named = [json.loads(message.value or b"{}") for message in messages]
    return sorted(
        {(one["portfolio_id"], one["security_id"]) for one in named if "security_id" in one}
    )


def go_round(cast: Cast, is_flowing: Callable[[], bool]) -> None:
    """One worker after the other goes, in one way after the other."""
    rng = Random(61)
    while is_flowing():
        for way in (kill, restart, freeze):
            way(cast, rng.choice(cast.workers))
            time.sleep(rng.uniform(1, 5))


def test_each_answer_is_the_fold_up_to_its_through_and_nobody_is_told_less_than_before(
    cast: Cast, second_api: str, is_long: bool
) -> None:
    mess = Mess(misrouted=0, junk=0, late=0.05, rate_forgotten=0.5, rates=0.2)
    size = EVENTS_LONG if is_long else EVENTS
    messages = generate(71, size, PORTFOLIO_COUNT, SECURITY_COUNT, mess=mess)
    clients = [Client(n, (cast.api, second_api), holdings(messages)) for n in range(CLIENTS)]
    sending = threading.Thread(target=log.send, args=(cast.kafka, messages, PER_SECOND))
    sending.start()
    poster = Poster((cast.api, second_api))
    for thread in (*clients, poster):
        thread.start()
    go_round(cast, sending.is_alive)
    sending.join()
    cast.wait_settled(60)
    for thread in (*clients, poster):
        thread.end()
    truth = Truth(*(cast.records(topic) for topic in (RAW_TRANSACTIONS, PORTFOLIOS, FX_RATES)))
    answers = [answer for client in clients for answer in client.answers]
    assert all(client.answers for client in clients)
    assert len({answer.through for answer in answers if truth.is_certain(answer)}) > MOMENTS
    assert sum(client.unanswered for client in clients) > 0
    assert max(poster.waited) > WAITED_SECONDS, "nobody waited while a partition moved"
    assert poster.unapplied < len(poster.waited)
    broken = [one for thread in (*clients, poster) for one in thread.broken]
    assert broken == [], cast.log("api")[-3000:] + (cast.data_dir / SECOND_API_LOG).read_text()
    assert [wrong for answer in answers for wrong in truth.wrong(answer)][:5] == []
    assert gone_back(answers)[:5] == []
    assert denied(answers, truth)[:5] == []
    assert cast.differences() == []
    assert cast.miscounted() == []
