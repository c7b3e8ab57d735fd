"""What a running system shows, in every place, against an independent fold of its inputs."""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import httpx
import psycopg2
import psycopg2.extras

from cli.lag import behind_the_store
from cli.servers import Connections, ServerError
from streams.step import SOURCE_TOPIC
from tests.oracle.compare import differences, newest, said_again
from tests.oracle.decode import Record
from tests.oracle.fold import Books, expected
from tests.oracle.market import Market, market_of
from tests.system import log
from wire.topics import (
    COMPLETED,
    DEAD_LETTER,
    FORWARDED,
    FX_RATES,
    INSTRUMENTS,
    MARKET_PRICES,
    PORTFOLIOS,
    POSITIONS,
    RAW_TRANSACTIONS,
    Topic,
)

Row = dict[str, Any]
ANSWER_SECONDS_MAX = 30.0
LAG_AGE_SECONDS_MAX = 0.06
OF_TRANSACTION = ("portfolio_id", "transaction_id")


class Sight:
    """Looks at workers, topics and tables, whoever started them."""

    def __init__(self, servers: Connections, urls: list[str]) -> None:
        self.servers = servers
        self.kafka = servers.kafka
        self.database_url = servers.database_url
        self.urls = urls  # of the workers
        self._http = httpx.Client(timeout=10, trust_env=False)

    def close(self) -> None:
        self._http.close()

    # -- waiting

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise AssertionError(f"not in {seconds} s: {what}\n{self.said()}")
            self.look_after()
            time.sleep(0.1)

    def look_after(self) -> None:
        """What there is to do while waiting."""

    def said(self) -> str:
        """What the processes said last."""
        return ""

    def statuses(self) -> list[Row] | None:
        """What each worker says of itself; None while one does not."""
        found = [self.status_of(url) for url in self.urls]
        statuses = [status for status in found if status is not None]
        return statuses if len(statuses) == len(found) else None

    def status_of(self, url: str) -> Row | None:
        """What the worker there says of itself; None while it does not."""
        try:
            answer = self._http.get(f"{url}/status")
        except httpx.HTTPError:
            return None
        return dict(answer.json()) if answer.status_code == 200 else None

    def is_serving(self) -> bool:
        """Whether every partition is served."""
        return _serve_everything(self.statuses() or [])

    def serving(self) -> int:
        """How many workers serve something, of those that answer, where all partitions are served
        by them; else 0."""
        found = [self.status_of(url) for url in self.urls]
        served = [len(status["partitions"]) for status in found if status is not None]
        return sum(map(bool, served)) if sum(served) == log.PARTITIONS else 0

    def is_booked(self) -> bool:
        time.sleep(LAG_AGE_SECONDS_MAX)  # else it may be from before what was sent
        return self.is_serving() and all(s["lag"] == 0 for s in self.statuses() or [])

    def is_stored(self) -> bool:
        """Whether PostgreSQL is at the end of the results topics."""
        try:
            return behind_the_store(self.servers, log.PARTITIONS) == 0
        except ServerError:
            return False  # one of the servers is away

    def wait_settled(self, seconds: float = 60) -> None:
        self.wait_until(self.is_booked, seconds, "every record is booked")
        self.wait_until(self.is_stored, seconds, "every result is stored")

    # -- looking

    def rows(self, table: str) -> list[Row]:
        with psycopg2.connect(self.database_url) as connection:
            cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
            cursor.execute(f"SELECT * FROM {table}")
            return [dict(row) for row in cursor.fetchall()]

    def results(self) -> list[Row]:
        """All that were ever said, in the order of their topic."""
        return [json.loads(message.value()) for message in log.read(self.kafka, COMPLETED.name)]

    def newest_results(self) -> list[Row]:
        results = self.results()
        assert said_again(results) == []
        return [dict(row) for row in newest(results, OF_TRANSACTION)]

    def published_positions(self) -> list[Row]:
        newest = {m.key(): m.value() for m in log.read(self.kafka, POSITIONS.name)}
        return [json.loads(value) for value in newest.values() if value is not None]

    def dead_letters(self) -> list[tuple[str, int, int]]:
        places = []
        for message in log.read(self.kafka, DEAD_LETTER.name):
            headers = dict(message.headers())
            places.append(
                (
                    headers["source-topic"].decode(),
                    int(headers["source-partition"]),
                    int(headers["source-offset"]),
                )
            )
        return places

    def live(self, path: str) -> Row:
        """The answer of whichever worker owns it, when one does: 503 means to ask again."""
        until = time.monotonic() + ANSWER_SECONDS_MAX
        while time.monotonic() < until:
            for url in self.urls:
                with suppress(httpx.TransportError):
                    answer = self._http.get(url + path)
                    if answer.status_code != 503:
                        found: Row = answer.json()
                        return found
            time.sleep(0.1)
        raise AssertionError(f"nobody answers {path}")

    def live_lots(self, books: Books) -> dict[tuple[str, str], list[Row]]:
        return {
            (p, s): self.live(f"/portfolios/{p}/positions/{s}/lots")["lots"]
            for p, s in books.positions
        }

    def live_positions(self, books: Books) -> list[Row]:
        portfolios = {p for p, _ in books.positions}
        return [
            row for p in portfolios for row in self.live(f"/portfolios/{p}/positions")["positions"]
        ]

    def records(self, topic: Topic) -> list[Record]:
        """What lies in an input topic."""
        return [
            Record(m.topic(), m.partition(), m.offset(), m.key(), m.value())
            for m in log.read(self.kafka, topic.name)
        ]

    def expected(self) -> Books:
        """The books by the independent fold of what lies in the input topics."""
        return expected(
            self.records(RAW_TRANSACTIONS),
            self.records(PORTFOLIOS),
            rates=self.records(FX_RATES),
            instruments=self.records(INSTRUMENTS),
        )

    def market(self) -> Market:
        """Prices, rates and instruments, likewise."""
        return market_of(
            self.records(MARKET_PRICES), self.records(FX_RATES), self.records(INSTRUMENTS)
        )

    def differences(self, *, dead_letters_repeat: bool = False) -> list[str]:
        """Everything that anybody can see, against the independent fold. Dead letters repeat in
        their topic, not in PostgreSQL, where the inputs were read a second time."""
        dead = self.dead_letters()
        books = self.expected()
        assert books.results
        results = self.results()
        return said_again(results) + differences(
            books,
            results=newest(results, OF_TRANSACTION),
            transactions=self.rows("transactions"),
            disposals=self.rows("lot_disposals"),
            positions=self.rows("positions"),
            lots=self.live_lots(books),
            lots_view=self.rows("lots"),
            portfolios=self.rows("portfolios"),
            dead=set(dead) if dead_letters_repeat else dead,
        ) + differences(books, positions=self.published_positions()) + differences(
            books, positions=self.live_positions(books)
        )  # fmt: skip

    def inputs(self) -> dict[str, int]:
        """What became of the inputs of all partitions."""
        statuses: list[Row] = []

        def are_complete() -> bool:
            statuses[:] = self.statuses() or []
            return _serve_everything(statuses)

        # A partition that is moving is in nobody's counts.
        self.wait_until(are_complete, ANSWER_SECONDS_MAX, "every partition is counted")
        return {name: sum(s["inputs"][name] for s in statuses) for name in statuses[0]["inputs"]}

    def miscounted(self) -> list[str]:
        """Whether each input offset is in exactly one of the counts."""
        counted = self.inputs()
        parts = ("booked", "duplicate", "superseded", "forwarded", "dead")
        own = RAW_TRANSACTIONS.name
        forwarded = [dict(m.headers()) for m in log.read(self.kafka, FORWARDED.name)]
        lie = len(log.read(self.kafka, own)) + sum(
            headers[SOURCE_TOPIC] == own.encode() for headers in forwarded
        )
        if counted["read"] == lie == sum(counted[part] for part in parts):
            return []
        return [f"{lie} records lie in the inputs, counted were {counted}"]


def _serve_everything(statuses: Sequence[Row]) -> bool:
    return sum(len(status["partitions"]) for status in statuses) == log.PARTITIONS
