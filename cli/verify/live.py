"""What the live tables say, as rows, asked of the workers that own the partitions."""

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from cli.servers import ServerError
from cli.verify.inputs import Identity
from cli.verify.published import Position, Result
from cli.verify.report import Row
from cli.workers import Workers

ANSWER_SECONDS_MAX = 10.0
RETRY_SECONDS = 0.2
ASKED_AT_ONCE = 4  # enough to keep the workers of one machine busy
PATIENCE_SECONDS = 20.0  # with a holding that is being re-booked, or a partition that moves


class _Named(Position):
    """A position, and of what."""

    security_id: str


class _Positions(msgspec.Struct):
    positions: list[_Named]


class _Lot(msgspec.Struct):
    """The columns of rows.LOT."""

    lot_id: str
    acquired_at: datetime
    quantity: Decimal
    cost: Decimal
    cost_local: Decimal


class _Lots(msgspec.Struct):
    lots: list[_Lot]


Answer = TypeVar("Answer", _Positions, _Lots, Result)


class _Open(threading.local):
    """The connections of one thread, by worker."""

    def __init__(self) -> None:
        self.by_url: dict[str, HTTPConnection] = {}


class LiveTables:
    """Keeps connections to each worker: there is a question for every holding."""

    def __init__(self, workers: Workers) -> None:
        self._owners = workers.owners
        self._headers = workers.headers
        self._open = _Open()
        self._opened: list[HTTPConnection] = []  # by all threads
        self._pool = ThreadPoolExecutor(ASKED_AT_ONCE)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        for connection in self._opened:
            connection.close()

    def positions(self, partition: int, portfolio_id: str) -> dict[str, Row]:
        """By security_id, the columns of rows.POSITION and as_of; empty for unknown portfolios."""
        answer = self._ask(partition, _path(portfolio_id), _Positions)
        if answer is None:
            return {}
        rows = map(msgspec.structs.astuple, answer.positions)
        return {security_id: tuple(row) for *row, security_id in rows}

    def lots(self, partition: int, portfolio_id: str, security_id: str) -> tuple[Row, ...]:
        """In order of relief, the columns of rows.LOT; empty where the holding is unknown."""
        answer = self._ask(partition, f"{_path(portfolio_id)}/{_quoted(security_id)}/lots", _Lots)
        return () if answer is None else tuple(map(msgspec.structs.astuple, answer.lots))

    def transactions(self, partition: int, identities: Iterable[Identity]) -> dict[Identity, Row]:
        """The columns of a result, then its disposals; without those that are unknown."""

        def ask(identity: Identity) -> tuple[Identity, Result | None]:
            portfolio_id, transaction_id = map(_quoted, identity)
            path = f"/portfolios/{portfolio_id}/transactions/{transaction_id}"
            return identity, self._ask(partition, path, Result)

        found: dict[Identity, Row] = {}
        for identity, answer in self._pool.map(ask, identities):
            if answer is not None:
                row, disposals = answer.row()
                found[identity] = (*row, disposals)
        return found

    def _ask(self, partition: int, path: str, what: type[Answer]) -> Answer | None:
        url = self._owners[partition]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            has_rested = url in self._open.by_url
            try:
                status, content = self._get(url, path)
            except (OSError, HTTPException) as error:
                self._open.by_url.pop(url).close()
                if time.monotonic() > deadline:
                    raise ServerError(f"the worker {url} does not answer: {error}") from error
                # A connection that rested while something else was compared is closed by now.
                if not has_rested:
                    time.sleep(RETRY_SECONDS)
                continue
            if status == 200:
                return msgspec.json.decode(content, type=what)
            if status == 404:
                return None
            if status != 503 or time.monotonic() > deadline:
                raise ServerError(f"{url}{path} answered {status}: {content.decode()}")
            time.sleep(RETRY_SECONDS)

    def _get(self, url: str, path: str) -> tuple[int, bytes]:
        connection = self._open.by_url.get(url)
        if connection is None:
            connection = HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS_MAX)
            self._open.by_url[url] = connection
            self._opened.append(connection)
        connection.request("GET", path, headers=self._headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def _path(portfolio_id: str) -> str:
    return f"/portfolios/{_quoted(portfolio_id)}/positions"


def _quoted(part: str) -> str:
    return quote(part, safe="")
