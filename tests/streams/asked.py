"""A worker as its HTTP sees it, around one lane, and questions to it."""

import asyncio
from collections.abc import Mapping
from datetime import date
from types import SimpleNamespace
from typing import Any

import httpx

from calculator import FxRate, Rates
from reports.limits import Limits
from streams import live
from streams.global_table import GlobalTable
from streams.known_rates import KnownRates
from streams.market import KnownMarket
from streams.tables import Table
from streams.watches import Watches
from tests.oracle.murmur2 import partition_of
from tests.streams.lanes import (
    PARTITIONS,
    Logs,
    MemoryLog,
    lane_over,
    work_off,
)
from tests.streams.reference import log
from tests.streams.test_reference_lives import Message
from tests.wire.events import BUY, CANCEL, PORTFOLIO, text_of
from wire.broker import Broker
from wire.reference import OF_FX_RATES
from wire.topics import PORTFOLIOS, RAW_TRANSACTIONS

P = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 0)
ELSEWHERE = next(f"P{n}" for n in range(99) if partition_of(f"P{n}", PARTITIONS) == 1)
THROUGH = {
    "partition", "raw_transactions", "raw_transactions_forwarded", "portfolios", "fx_rates",
    "instruments",
}  # fmt: skip


class Worker:
    """What the worker's HTTP knows of its app, around one lane."""

    def __init__(self, table: Table, cluster_secret: str | None = None) -> None:
        self.logs = Logs()
        self.table = table
        self.known = KnownRates(Rates())
        self.settings = SimpleNamespace(
            partitions=PARTITIONS, kafka=Broker(bootstrap="127.0.0.1:1"), url="http://here",
            cluster_secret=cluster_secret,
        )  # fmt: skip
        self.today = date(2024, 3, 1)
        self.watches = Watches()
        self.rates_table = GlobalTable(self.settings.kafka, OF_FX_RATES, self._keep_rate)
        self.rates_table.on_move(lambda: self.known.move(self.rates_table.through))
        self.market = KnownMarket(
            self.settings.kafka, self.known, self.rates_table, Limits(), lambda: self.today,
            self.watches.of_security,
        )  # fmt: skip
        self.market.instruments_table.on_move(
            lambda: self.market.cash.move(self.market.instruments_table.through)
        )
        self.lane = lane_over(
            table, MemoryLog(self.logs, 0), known=self.known, cash=self.market.cash
        )
        self.lane.on_booked = self.watches.of_changes
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

    def portfolio(
        self, method: str, version: int = 1, portfolio_id: str = P, cash: str | None = None
    ) -> None:
        event = {"portfolio_id": portfolio_id, "cost_basis_method": method, "version": version}
        event |= {"cash_management": cash}
        self.logs.append(PORTFOLIOS, 0, b"", text_of(PORTFOLIO | event))

    def _keep_rate(self, offset: int, rate: FxRate) -> None:
        self.known.keep(offset, rate)
        self.watches.of_rate((rate.from_currency, rate.to_currency))

    def rate(self, rate: str, day: str, version: int = 1, pair: str = "CHF/USD") -> None:
        """Of the second per one of the first."""
        from_currency, to_currency = pair.split("/")
        event: dict[str, object] = {
            "from_currency": from_currency, "to_currency": to_currency, "rate_date": day,
            "rate": rate, "version": version,
        }  # fmt: skip
        send(self.rates_table, event)

    def price(
        self, price: str, day: str = "2024-03-01", security_id: str = "S", currency: str = "USD",
        version: int = 1,
    ) -> None:  # fmt: skip
        event: dict[str, object] = {
            "security_id": security_id, "price_date": day, "price": price, "currency": currency,
            "version": version,
        }  # fmt: skip
        send(self.market.prices_table, event)

    def instrument(self, security_id: str = "S", **fields: object) -> None:
        event: dict[str, object] = {"security_id": security_id, "instrument_currency": "USD"}
        send(self.market.instruments_table, event | fields)

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


def send(table: GlobalTable[Any], event: dict[str, object]) -> None:
    """Let the table take it as the next record of its topic."""
    table.take([*map(Message, log([event], table.kind, start=table.through))])


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
