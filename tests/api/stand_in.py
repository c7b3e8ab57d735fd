"""Workers as the API sees them, without Faust and RocksDB."""

import asyncio
import json
import threading
import time
import uuid
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from fastapi import FastAPI, Request, Response

from calculator import Ledger, Portfolio, Source, Taken
from wire.broker import Broker
from wire.fields import Malformed
from wire.portfolios import decode_portfolio
from wire.results import encode_portfolio, encode_result
from wire.topics import PORTFOLIOS, RAW_TRANSACTIONS, STORE_APP_ID
from wire.transactions import decode_transaction
from wire.workers import SECRET_HEADER

PROBLEM = "application/problem+json"


def problem(status: int, kind: str) -> Response:
    content = {"type": f"urn:portfolio:problem:{kind}", "title": kind, "status": status}
    headers = {"Retry-After": "3"} if status == 503 else {}
    return Response(json.dumps(content), status, headers, PROBLEM)


def store_member(kafka: Broker) -> Consumer:
    """Somebody who is in the group of the store, until it is closed."""
    member = Consumer({**kafka.options, "group.id": STORE_APP_ID})
    member.subscribe([RAW_TRANSACTIONS.name])
    deadline = time.monotonic() + 20
    while not member.assignment():
        assert time.monotonic() < deadline, "the group does not let it in"
        member.poll(0.1)
    return member


class StandIn:
    """What it is told to answer, and what it was asked."""

    def __init__(self, partitions: int) -> None:
        self.forget(partitions)
        self.app = FastAPI(openapi_url=None)
        self.app.get("/owners")(self._owners)
        self.app.get("/readyz")(self._readyz)
        self.app.get("/applied")(self._applied)
        self.app.get("/{path:path}")(self._answer)

    def forget(self, partitions: int) -> None:
        self.partitions = partitions
        self.owners: dict[int, str] = {}
        self.served: set[int] = set()
        self.answers: dict[str, Response] = {}  # by path; the same for every question
        self.asked: list[str] = []  # paths as they came, without /owners and /readyz
        self.frozen: set[str] = set()  # paths that are not answered
        self.secrets: set[str | None] = set()  # that questions came with
        self.held = self.held_max = 0  # questions of /applied held back at the same time

    async def _thaw(self, path: str) -> None:
        while path in self.frozen:  # noqa: ASYNC110 - another thread says when it ends
            await asyncio.sleep(0.01)

    async def _applied(self, request: Request, offset: int) -> Response:
        self.held += 1
        self.held_max = max(self.held_max, self.held)
        await asyncio.sleep(float(request.query_params["timeout"]))
        self.held -= 1
        return Response(f'{{"applied":false,"next_offset":{offset}}}', 202)

    async def _owners(self, request: Request) -> dict[str, Any]:
        self.secrets.add(request.headers.get(SECRET_HEADER))
        await self._thaw("/owners")
        return {"partitions": self.partitions, "owners": self.owners}

    async def _readyz(self) -> dict[str, Any]:
        return {"status": "ok", "partitions": sorted(self.served)}

    async def _answer(self, request: Request) -> Response:
        raw_path = request.scope["raw_path"].decode()
        self.secrets.add(request.headers.get(SECRET_HEADER))
        self.asked.append(raw_path)
        await self._thaw(request.url.path)
        return self.answers.get(request.url.path) or problem(404, "not-found")


class Books:
    """Books what is published after it was made: the topic and the ledger are real, the worker
    around them is not."""

    def __init__(self, kafka: Broker, partitions: int) -> None:
        self._ledger = Ledger()
        self._consumer = Consumer({**kafka.options, "group.id": uuid.uuid4().hex})
        self._partitions = range(partitions)
        every = [
            TopicPartition(topic.name, p)
            for topic in (RAW_TRANSACTIONS, PORTFOLIOS)
            for p in self._partitions
        ]
        self._next = {(p.topic, p.partition): self._end(p) for p in every}
        self._consumer.assign([TopicPartition(*p, offset) for p, offset in self._next.items()])
        self._in_force: dict[str, tuple[Portfolio, Source]] = {}
        self._lock = threading.Lock()
        self.url = ""
        self.refusals = 0  # how many questions of results are answered 503 or without them
        self.questions = 0  # about results
        self.app = FastAPI(openapi_url=None)
        self.app.get("/owners")(self._owners)
        self.app.get("/applied")(self._applied)
        self.app.post("/results")(self._results)
        self.app.post("/portfolios")(self._portfolios)

    def close(self) -> None:
        self._consumer.close()

    def _end(self, partition: TopicPartition) -> int:
        deadline = time.monotonic() + 10
        while True:
            try:
                end: int = self._consumer.get_watermark_offsets(partition, timeout=10)[1]
            except KafkaException:  # a new partition is led a moment after it is listed
                assert time.monotonic() < deadline, "nobody leads the partition"
                time.sleep(0.05)
            else:
                return end

    def _owners(self) -> dict[str, Any]:
        owners = dict.fromkeys(self._partitions, self.url)
        return {"partitions": len(owners), "owners": owners}

    def _applied(self, topic: str, partition: int, offset: int, timeout: float) -> Response:
        with self._lock:
            until = time.monotonic() + timeout
            while self._next[topic, partition] <= offset:
                if time.monotonic() > until:
                    return Response(f'{{"applied":false,"next_offset":{offset}}}', 202)
                self._take(self._consumer.poll(0.1))
            self._ledger.settle()
        return Response(f'{{"applied":true,"next_offset":{self._next[topic, partition]}}}')

    def _take(self, message: Message | None) -> None:
        if message is None:
            return
        source = Source(message.topic() or "", message.partition() or 0, message.offset() or 0)
        if source.topic == PORTFOLIOS.name:
            portfolio = decode_portfolio(message.value())
            assert not isinstance(portfolio, Malformed)
            if self._ledger.take_portfolio(portfolio) is Taken.JOURNALLED:
                self._in_force[portfolio.portfolio_id] = portfolio, source
        else:
            event = decode_transaction(message.value())
            assert not isinstance(event, Malformed)
            self._ledger.take(event, source)
        self._next[source.topic, source.partition] = source.offset + 1

    async def _results(self, request: Request) -> Response:
        self.questions += 1
        identities = (await request.json())["identities"]
        if self.refusals:
            self.refusals -= 1
            if self.refusals % 2:
                return problem(503, "rebalancing")
            return Response(json.dumps({"results": [None] * len(identities)}))
        with self._lock:
            results = ",".join(map(self._result, identities))
        return Response(f'{{"results":[{results}]}}')

    async def _portfolios(self, request: Request) -> Response:
        with self._lock:
            known = [self._in_force.get(one) for one in (await request.json())["identities"]]
        results = ["null" if one is None else _in_force(*one) for one in known]
        return Response(f'{{"results":[{",".join(results)}]}}')

    def _result(self, identity: list[str]) -> str:
        entry = self._ledger.journal.entry(*identity)
        return "null" if entry is None else encode_result(entry)[:-1].decode() + ',"through":{}}'


def _in_force(portfolio: Portfolio, source: Source) -> str:
    return encode_portfolio(portfolio, 1, source)[:-1].decode() + ',"through":{}}'
