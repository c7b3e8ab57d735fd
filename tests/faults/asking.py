"""Clients that ask for live answers all the time, and what their answers must be."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import count
from random import Random
from typing import Any, Literal, NamedTuple, get_args

import httpx

from tests.oracle.compare import differences, lot_differences
from tests.oracle.decode import Record
from tests.oracle.fold import Books, expected
from tests.oracle.murmur2 import partition_of
from tests.oracle.rates import Rule, quotes_after_each
from tests.system.events import trade
from tests.system.log import PARTITIONS

OK, ACCEPTED, UNKNOWN, TRY_AGAIN = 200, 202, 404, 503
TIMEOUT = 30  # seconds
INPUTS = ("raw_transactions", "raw_transactions_forwarded", "portfolios", "fx_rates")
Row = dict[str, Any]
Question = Literal["positions", "position", "lots"]  # the first is about a whole portfolio


class Answer(NamedTuple):
    """What a client was told, and when it asked and knew."""

    question: Question
    portfolio_id: str
    security_id: str
    asked_at: float
    known_at: float
    status: int
    content: Row

    @property
    def through(self) -> tuple[int, ...]:
        return tuple(self.content["through"][topic] for topic in INPUTS)

    @property
    def subject(self) -> tuple[str, str | None]:
        """What it is about: later answers to other questions about it say no less either."""
        is_whole = self.question == "positions"
        return self.portfolio_id, None if is_whole else self.security_id

    @property
    def partition(self) -> int:
        """What it was read from, with all other portfolios of it."""
        return partition_of(self.portfolio_id, PARTITIONS)


class Asker(threading.Thread):
    """Asks again and again until it is told to end."""

    def __init__(self, number: int, urls: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.broken: list[str] = []  # answers that must not be
        self.rng = Random(number)
        self.urls = urls
        self._ended = threading.Event()

    def run(self) -> None:
        with httpx.Client(timeout=60, trust_env=False) as http:
            while not self._ended.is_set():
                self.ask(http)

    def end(self) -> None:
        self._ended.set()
        self.join()

    def ask(self, http: httpx.Client) -> None:
        raise NotImplementedError


class Client(Asker):
    """Asks one API process after the other about any holding."""

    def __init__(self, number: int, urls: Sequence[str], holdings: Sequence[tuple[str, str]]):
        super().__init__(number, urls)
        self.answers: list[Answer] = []
        self.unanswered = 0  # told to try again
        self._holdings = holdings

    def ask(self, http: httpx.Client) -> None:
        portfolio_id, security_id = self.rng.choice(self._holdings)
        question: Question = self.rng.choice(get_args(Question))
        path = _path(question, portfolio_id, security_id)
        asked_at = time.monotonic()
        answer = http.get(self.rng.choice(self.urls) + path)
        known_at = time.monotonic()
        if answer.status_code == TRY_AGAIN:
            if "retry-after" not in answer.headers:
                self.broken.append(f"{path}: 503 without Retry-After")
            self.unanswered += 1
        elif answer.status_code in (OK, UNKNOWN):
            self.answers.append(
                Answer(
                    question, portfolio_id, security_id,
                    asked_at, known_at, answer.status_code, answer.json(),
                )
            )  # fmt: skip
        else:
            self.broken.append(f"{path}: {answer.status_code} {answer.text[:200]}")


def _path(question: Question, portfolio_id: str, security_id: str) -> str:
    whole = f"/portfolios/{portfolio_id}/positions"
    return {
        "positions": whole,
        "position": f"{whole}/{security_id}",
        "lots": f"{whole}/{security_id}/lots",
    }[question]


class Poster(Asker):
    """Sends one purchase after the other and waits for each to be applied."""

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__(0, urls)
        self.waited: list[float] = []  # seconds until each was applied
        self.unapplied = 0  # told so, when the time was over
        self._numbers = count()

    def ask(self, http: httpx.Client) -> None:
        number = next(self._numbers)
        portfolio_id, transaction_id = f"W{number % 16}", f"T{number}"
        event = json.loads(
            trade(portfolio_id, transaction_id, "BUY", "2024-01-01", "1", "1").value or b""
        )
        url, other = self.rng.sample(list(self.urls), 2)
        asked_at = time.monotonic()
        answer = http.post(f"{url}/ingest/transaction?wait=applied&timeout={TIMEOUT}", json=event)
        seconds = time.monotonic() - asked_at
        if answer.status_code == ACCEPTED and seconds >= TIMEOUT:
            self.unapplied += 1  # the partition had no owner, or a frozen one, for so long
            return
        if answer.status_code != OK or answer.json()["outcome"] != "booked":
            self.broken.append(f"{transaction_id}: {answer.status_code} {answer.text[:300]}")
            return
        self.waited.append(seconds)
        # Whoever is asked now knows it, or says to ask again.
        known = http.get(f"{other}/portfolios/{portfolio_id}/transactions/{transaction_id}")
        if known.status_code not in (OK, TRY_AGAIN):
            self.broken.append(f"{transaction_id}: applied, and then {known.status_code}")


class Truth:
    """The books at every moment, by the independent fold of the records up to there."""

    def __init__(
        self,
        transactions: Sequence[Record],
        portfolios: Sequence[Record],
        rates: Sequence[Record] = (),
    ) -> None:
        self._transactions = _by_key(transactions)
        self._portfolios = _by_key(portfolios)
        self._quotes = list(quotes_after_each(rates, Rule()))
        self._books: dict[tuple[str, int, int, int], Books] = {}

    def books(self, portfolio_id: str, through: tuple[int, ...]) -> Books:
        """Of one portfolio, whose records came straight to its partition."""
        raw, _, portfolios, rates = through
        moment = portfolio_id, raw, portfolios, rates
        if moment not in self._books:
            self._books[moment] = expected(
                [r for r in self._transactions.get(portfolio_id, ()) if r.offset < raw],
                [r for r in self._portfolios.get(portfolio_id, ()) if r.offset < portfolios],
                rates=self._quotes[rates],
            )
        return self._books[moment]

    def is_certain(self, answer: Answer) -> bool:
        """Whether no rate behind those that are in the answer changes it: such rates may be in it,
        each for itself."""
        if answer.status == UNKNOWN:
            return False
        *through, _ = answer.through
        now = self.books(answer.portfolio_id, answer.through)
        later = self.books(answer.portfolio_id, (*through, len(self._quotes) - 1))
        return now.positions == later.positions and now.lots == later.lots

    def wrong(self, answer: Answer) -> list[str]:
        """Where an answer is not that of the fold up to its `through`."""
        if not self.is_certain(answer):
            return []  # an unknown says nothing of how far it looked; see `denied`
        books = self.books(answer.portfolio_id, answer.through)
        if answer.question == "positions":
            return differences(books, positions=answer.content["positions"])
        key = answer.portfolio_id, answer.security_id
        if key not in books.positions:
            return [f"{key} is shown and is not there at {answer.through}"]
        if answer.question == "lots":
            lots = {key: answer.content["lots"]}
            return lot_differences(Books(lots={key: books.lots[key]}), lots)
        row = {name: value for name, value in answer.content.items() if name != "through"}
        return differences(Books(positions={key: books.positions[key]}), positions=[row])

    def may_lack(self, answer: Answer, known: tuple[int, ...]) -> bool:
        """Whether what it asks for is not there up to `known`, or up to a later record."""
        raw, *others = known
        records = self._transactions.get(answer.portfolio_id, ())
        ends = [raw, *(r.offset + 1 for r in records if r.offset >= raw)]
        return not all(self._has(answer, (end, *others)) for end in ends)

    def _has(self, answer: Answer, through: tuple[int, ...]) -> bool:
        books = self.books(answer.portfolio_id, through)
        if answer.question == "positions":
            return bool(books.results or books.portfolios)
        return (answer.portfolio_id, answer.security_id) in books.positions


class _Known:
    """The most that anybody was told about something so far."""

    def __init__(self) -> None:
        self.through = (0,) * len(INPUTS)
        self._as_of = 0

    def learn(self, answer: Answer) -> None:
        if answer.status != UNKNOWN:
            self.through = tuple(map(max, self.through, answer.through))
            self._as_of = max(self._as_of, answer.content["as_of"])

    def is_more_than(self, answer: Answer) -> bool:
        if answer.status == UNKNOWN:
            return False
        is_shorter = any(map(int.__lt__, answer.through, self.through))
        return is_shorter or answer.content["as_of"] < self._as_of


def gone_back(answers: Sequence[Answer]) -> list[Answer]:
    """Those who asked after another knew, and were told less than that one."""
    by_subject = _with_known(answers, lambda answer: answer.subject)
    return [answer for answer, known in by_subject if known.is_more_than(answer)]


def denied(answers: Sequence[Answer], truth: Truth) -> list[Answer]:
    """Those who were told that something is not there, though it was when they asked, by what
    others knew of the partition then, and no record has removed it since."""
    by_partition = _with_known(answers, lambda answer: answer.partition)
    return [
        answer
        for answer, known in by_partition
        if answer.status == UNKNOWN and not truth.may_lack(answer, known.through)
    ]


def _with_known(
    answers: Sequence[Answer], about: Callable[[Answer], Hashable]
) -> Iterator[tuple[Answer, _Known]]:
    """Each answer with what had been said about the same when it was asked for; use it at once."""
    by_subject: dict[Hashable, list[Answer]] = {}
    for answer in answers:
        by_subject.setdefault(about(answer), []).append(answer)
    for asked in by_subject.values():
        known, told = _Known(), deque(sorted(asked, key=lambda answer: answer.known_at))
        for answer in sorted(asked, key=lambda answer: answer.asked_at):
            while told[0].known_at < answer.asked_at:
                known.learn(told.popleft())
            yield answer, known


def _by_key(records: Sequence[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault((record.key or b"").decode(), []).append(record)
    return found
