"""A worker as its HTTP sees it, around one lane, and questions to it."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import httpx

from calculator import Rates
from streams import live
from streams.known_rates import KnownRates
from streams.tables import Table
from tests.oracle.murmur2 import partition_of
from tests.streams.lanes import (
    PARTITIONS,
    Logs,
    MemoryLog,
    know,
    lane_over,
    work_off,
)
from tests.wire.events import BUY, CANCEL, PORTFOLIO, text_of
from wire.broker import Broker
from wire.topics import FX_RATES, PORTFOLIOS, RAW_TRANSACTIONS

P = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 0)
ELSEWHERE = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 1)
THROUGH = {"partition", "raw_transactions", "raw_transactions_forwarded", "portfolios", "fx_rates"}


class Worker:
    """What the worker's HTTP knows of its app, around one lane."""

    def __init__(self, table: Table, cluster_secret: str | None = None) -> None:
        self.logs = Logs()
        self.table = table
        self.known = KnownRates(Rates())
        self.lane = lane_over(table, MemoryLog(self.logs, 0), known=self.known)
        self.settings = SimpleNamespace(
            partitions=PARTITIONS, kafka=Broker(bootstrap="127.0.0.1:1"), url="http://here",
            cluster_secret=cluster_secret,
        )  # fmt: skip
        self.pumps = {0: SimpleNamespace(lane=self.lane)}
        self.served = frozenset({0})
        self.may_answer = self.has_joined = True
        app: Any = self
        self._door = httpx.ASGITransport(live.create_api(app))

    def owners(self) -> dict[int, str]:
        return {0: "http://here"}

    def trade(self, transaction_id: str, security_id: str = "S", **fields: object) -> None:
        event = {"portfolio_id": P, "transaction_id": transaction_id, "security_id": security_id}
        self.logs.append(RAW_TRANSACTIONS, 0, b"", text_of(BUY | event | fields))

    def cancel(self, transaction_id: str) -> None:
        event = CANCEL | {"portfolio_id": P, "transaction_id": transaction_id}
        self.logs.append(RAW_TRANSACTIONS, 0, b"", text_of(event))

    def portfolio(self, method: str, version: int = 1, portfolio_id: str = P) -> None:
        event = {"portfolio_id": portfolio_id, "cost_basis_method": method, "version": version}
        self.logs.append(PORTFOLIOS, 0, b"", text_of(PORTFOLIO | event))

    def rate(self, rate: str, day: str, version: int = 1) -> None:
        """Dollars per franc."""
        event: dict[str, object] = {
            "from_currency": "CHF", "to_currency": "USD", "rate_date": day, "rate": rate,
            "version": version,
        }  # fmt: skip
        self.logs.append(FX_RATES, 0, b"", text_of(event))
        know(self.logs, self.known)

    def book(self) -> None:
        work_off(self.logs, self.lane)

    def book_once(self) -> None:
        """A batch that does not come to the end of what it re-books."""
        offset = self.lane.progress.next_offsets[0]
        found = self.logs.fetch(RAW_TRANSACTIONS, 0, offset, 99)
        portfolios = self.logs.fetch(PORTFOLIOS, 0, self.lane.progress.next_offsets[2], 99)
        self.lane.handle([b for b in (found, portfolios) if b is not None])
        assert self.lane.has_work

    def get(self, path: str, **headers: str) -> httpx.Response:
        return asyncio.run(self.ask("GET", path, headers=headers))

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._door, base_url="http://here") as client:
            return await client.request(method, path, content=body, headers=headers)

    def results(self, *transaction_ids: str, partition: int = 0) -> httpx.Response:
        """The answer about many transactions of the portfolio."""
        identities = [(P, transaction_id) for transaction_id in transaction_ids]
        return self.post(text_of({"partition": partition, "identities": identities}))

    def post(self, body: bytes, path: str = "/results") -> httpx.Response:
        return asyncio.run(self.ask("POST", path, body))

    def position(self, security_id: str = "S") -> httpx.Response:
        return self.get(f"/portfolios/{P}/positions/{security_id}")


def paths(security_id: str = "S", transaction_id: str = "T0") -> list[str]:
    return [
        f"/portfolios/{P}/positions",
        f"/portfolios/{P}/positions/{security_id}",
        f"/portfolios/{P}/positions/{security_id}/lots",
        f"/portfolios/{P}/transactions/{transaction_id}",
    ]


def assert_refused(answer: httpx.Response, status: int, problem: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["type"].endswith(f":{problem}")
    assert (said["status"], said["errors"]) == (status, [])
    assert said["detail"]
    assert ("Retry-After" in answer.headers) == (status == 503)
