"""What the live tables say, as rows, asked of the workers that own the partitions."""

import time
from datetime import datetime
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from cli.servers import ServerError
from cli.verify.published import Position
from cli.verify.report import Row
from cli.workers import Workers

ANSWER_SECONDS_MAX = 10.0
RETRY_SECONDS = 0.2
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


Answer = TypeVar("Answer", _Positions, _Lots)


class LiveTables:
    """Keeps a connection to each worker: there is a question for every holding."""

    def __init__(self, workers: Workers) -> None:
        self._owners = workers.owners
        self._connections: dict[str, HTTPConnection] = {}

    def close(self) -> None:
        for connection in self._connections.values():
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

    def _ask(self, partition: int, path: str, what: type[Answer]) -> Answer | None:
        url = self._owners[partition]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                status, content = self._get(url, path)
            except (OSError, HTTPException) as error:
                # A connection that rested while something else was compared is closed by now.
                self._connections.pop(url).close()
                if time.monotonic() > deadline:
                    raise ServerError(f"the worker {url} does not answer: {error}") from error
                continue
            if status == 200:
                return msgspec.json.decode(content, type=what)
            if status == 404:
                return None
            if status != 503 or time.monotonic() > deadline:
                raise ServerError(f"{url}{path} answered {status}: {content.decode()}")
            time.sleep(RETRY_SECONDS)

    def _get(self, url: str, path: str) -> tuple[int, bytes]:
        connection = self._connections.get(url)
        if connection is None:
            host = urlsplit(url).netloc
            connection = self._connections[url] = HTTPConnection(host, timeout=ANSWER_SECONDS_MAX)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def _path(portfolio_id: str) -> str:
    return f"/portfolios/{_quoted(portfolio_id)}/positions"


def _quoted(part: str) -> str:
    return quote(part, safe="")
