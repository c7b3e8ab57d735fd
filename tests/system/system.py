"""The whole system as processes that a test owns: workers, a store, and what they show."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import psycopg2.extras

from cli.lag import behind_the_store
from cli.servers import Connections
from tests.cli.portfolio import UNSET
from tests.oracle.compare import differences
from tests.oracle.decode import Record
from tests.oracle.fold import Books, expected
from tests.system import log
from wire.topics import COMPLETED, DEAD_LETTER, PORTFOLIOS, POSITIONS, RAW_TRANSACTIONS

ROOT = Path(__file__).parents[2]
PORTFOLIO = Path(sys.executable).parent / "portfolio"
Row = dict[str, Any]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Part:
    """One process, started again after `kill` by `start`."""

    def __init__(
        self, folder: Path, name: str, environment: dict[str, str], *command: str,
        program: Sequence[str] = (str(PORTFOLIO),),
    ) -> None:  # fmt: skip
        self._arguments = [*program, *command]
        self._environment = environment
        self.log_path = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log_path.open("ab") as output:
            self.process = subprocess.Popen(
                self._arguments,
                cwd=self.log_path.parent,  # where no `.env` is
                env=self._environment,
                stdout=output,
                stderr=output,
            )

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None

    @property
    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


class System:
    """Workers and a store over shared servers, with topics and tables of their own."""

    def __init__(self, servers: Connections, database_url: str, folder: Path) -> None:
        self.servers = Connections(servers.kafka, database_url)
        self.kafka = servers.kafka
        self.database_url = database_url
        self.folder = folder
        self._environment = (
            os.environ
            | UNSET
            | {
                "PYTHONPATH": str(ROOT),
                "KAFKA_BOOTSTRAP": self.kafka.bootstrap,
                "DATABASE_URL": database_url,
                "DATA_DIR": str(folder),
                "LOG_FORMAT": "json",
            }
        )
        self.workers: list[Part] = []
        self.urls: list[str] = []
        self.others: list[Part] = []
        self.store = Part(folder, "store", self._environment, "store")

    def worker(
        self,
        program: Sequence[str] = (str(PORTFOLIO),),
        settings: dict[str, str] | None = None,
        folder: Path | None = None,
    ) -> Part:
        """One more worker, not started yet; `program` may be another that takes its command."""
        port, number = free_port(), len(self.workers)
        part = Part(
            self.folder, f"worker-{number}", self._environment | (settings or {}),
            "worker", "--http-port", str(port), "--datadir", str(folder or self.state_of(number)),
            program=program,
        )  # fmt: skip
        self.workers.append(part)
        self.urls.append(f"http://127.0.0.1:{port}")
        return part

    def api(self, port: int) -> Part:
        """The API over the first worker, not started yet."""
        environment = self._environment | {"WORKER_URLS": self.urls[0]}
        part = Part(self.folder, "api", environment, "api", "--port", str(port))
        self.others.append(part)
        return part

    def state_of(self, number: int) -> Path:
        return self.folder / f"state-{number}"

    def stop(self) -> None:
        """In good order where they are able to: the groups need not wait for dead members then."""
        for part in [*self.workers, self.store, *self.others]:
            try:
                part.stop()
            except subprocess.TimeoutExpired:
                part.kill()

    def restart_what_ended(self) -> None:
        for part in [*self.workers, self.store]:
            if part.has_ended:
                part.start()

    # -- waiting

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                logs = [p.log_path.read_text()[-1500:] for p in [*self.workers, self.store]]
                raise AssertionError(f"not in {seconds} s: {what}\n" + "\n---\n".join(logs))
            self.restart_what_ended()
            time.sleep(0.1)

    def statuses(self) -> list[Row] | None:
        """What each worker says of itself; None while one does not."""
        try:
            answers = [httpx.get(f"{url}/status", timeout=10, trust_env=False) for url in self.urls]
        except httpx.HTTPError:
            return None
        if any(answer.status_code != 200 for answer in answers):
            return None
        return [answer.json() for answer in answers]

    def is_serving(self) -> bool:
        """Whether every partition is served."""
        statuses = self.statuses() or []
        return sum(len(s["partitions"]) for s in statuses) == log.PARTITIONS

    def is_booked(self) -> bool:
        return self.is_serving() and all(s["lag"] == 0 for s in self.statuses() or [])

    def is_stored(self) -> bool:
        """Whether PostgreSQL is at the end of the results topics."""
        return behind_the_store(self.servers, log.PARTITIONS) == 0

    def wait_settled(self, seconds: float = 60) -> None:
        self.wait_until(self.is_booked, seconds, "every record is booked")
        self.wait_until(self.is_stored, seconds, "every result is stored")

    # -- looking

    def rows(self, table: str) -> list[Row]:
        with psycopg2.connect(self.database_url) as connection:
            cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
            cursor.execute(f"SELECT * FROM {table}")
            return [dict(row) for row in cursor.fetchall()]

    def newest_results(self) -> list[Row]:
        newest: dict[tuple[str, str], Row] = {}
        for message in log.read(self.kafka, COMPLETED.name):
            row = json.loads(message.value())
            key = row["portfolio_id"], row["transaction_id"]
            if key not in newest or row["as_of"] > newest[key]["as_of"]:
                newest[key] = row
        return list(newest.values())

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
        """The answer of whichever worker owns it."""
        for url in self.urls:
            answer = httpx.get(url + path, timeout=10, trust_env=False)
            if answer.status_code != 503:
                found: Row = answer.json()
                return found
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

    def expected(self) -> Books:
        """The books by the independent fold of what lies in the input topics."""

        def records(topic: str) -> list[Record]:
            return [
                Record(m.topic(), m.partition(), m.offset(), m.key(), m.value())
                for m in log.read(self.kafka, topic)
            ]

        return expected(records(RAW_TRANSACTIONS.name), records(PORTFOLIOS.name))

    def differences(self, *, dead_letters_repeat: bool = False) -> list[str]:
        """Everything that anybody can see, against the independent fold. Dead letters repeat in
        their topic, not in PostgreSQL, where the inputs were read a second time."""
        dead = self.dead_letters()
        books = self.expected()
        assert books.results
        return differences(
            books,
            results=self.newest_results(),
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
        statuses = self.statuses()
        assert statuses is not None
        return {name: sum(s["inputs"][name] for s in statuses) for name in statuses[0]["inputs"]}
