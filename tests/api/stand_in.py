"""Workers as the API sees them, without Faust and RocksDB."""

import json
import threading
import time
import uuid
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from fastapi import FastAPI, Request, Response

from calculator import Ledger, Source
from wire.fields import Malformed
from wire.results import encode_result
from wire.topics import RAW_TRANSACTIONS
from wire.transactions import decode_transaction

PROBLEM = "application/problem+json"


def problem(status: int, kind: str) -> Response:
    content = {"type": f"urn:portfolio:problem:{kind}", "title": kind, "status": status}
    headers = {"Retry-After": "3"} if status == 503 else {}
    return Response(json.dumps(content), status, headers, PROBLEM)


class StandIn:
    """What it is told to answer, and what it was asked."""

    def __init__(self, partitions: int) -> None:
        self.forget(partitions)
        self.app = FastAPI(openapi_url=None)
        self.app.get("/owners")(self._owners)
        self.app.get("/readyz")(self._readyz)
        self.app.get("/{path:path}")(self._answer)

    def forget(self, partitions: int) -> None:
        self.partitions = partitions
        self.owners: dict[int, str] = {}
        self.served: set[int] = set()
        self.answers: dict[str, Response] = {}  # by path; the same for every question
        self.asked: list[str] = []  # paths as they came, without /owners and /readyz

    async def _owners(self) -> dict[str, Any]:
        return {"partitions": self.partitions, "owners": self.owners}

    async def _readyz(self) -> dict[str, Any]:
        return {"status": "ok", "partitions": sorted(self.served)}

    async def _answer(self, request: Request) -> Response:
        raw_path = request.scope["raw_path"].decode()
        self.asked.append(raw_path)
        return self.answers.get(request.url.path) or problem(404, "not-found")


class Books:
    """Books what is published after it was made: the topic and the ledger are real, the worker
    around them is not."""

    def __init__(self, kafka_bootstrap: str, partitions: int) -> None:
        self._ledger = Ledger()
        self._consumer = Consumer(
            {"bootstrap.servers": kafka_bootstrap, "group.id": uuid.uuid4().hex}
        )
        every = [TopicPartition(RAW_TRANSACTIONS.name, p) for p in range(partitions)]
        self._next = {p.partition: self._end(p) for p in every}
        self._consumer.assign([TopicPartition(p.topic, p.partition, self._end(p)) for p in every])
        self._lock = threading.Lock()
        self.url = ""
        self.refusals = 0  # how many questions are answered 503 before the first answer
        self.app = FastAPI(openapi_url=None)
        self.app.get("/owners")(self._owners)
        self.app.get("/applied")(self._applied)
        self.app.get("/portfolios/{portfolio_id}/transactions/{transaction_id}")(self._result)

    def close(self) -> None:
        self._consumer.close()

    def _end(self, partition: TopicPartition) -> int:
        end: int = self._consumer.get_watermark_offsets(partition, timeout=10)[1]
        return end

    def _owners(self) -> dict[str, Any]:
        return {"partitions": len(self._next), "owners": dict.fromkeys(self._next, self.url)}

    def _applied(self, topic: str, partition: int, offset: int, timeout: float) -> Response:
        if topic != RAW_TRANSACTIONS.name:
            return Response('{"applied":true}')
        with self._lock:
            until = time.monotonic() + timeout
            while self._next[partition] <= offset:
                if time.monotonic() > until:
                    return Response('{"applied":false}', 202)
                self._take(self._consumer.poll(0.1))
            self._ledger.settle()
        return Response('{"applied":true}')

    def _take(self, message: Message | None) -> None:
        if message is None:
            return
        source = Source(message.topic() or "", message.partition() or 0, message.offset() or 0)
        event = decode_transaction(message.value())
        assert not isinstance(event, Malformed)
        self._ledger.take(event, source)
        self._next[source.partition] = source.offset + 1

    def _result(self, portfolio_id: str, transaction_id: str) -> Response:
        if self.refusals:
            self.refusals -= 1
            return problem(503, "rebooking")
        entry = self._ledger.journal.entry(portfolio_id, transaction_id)
        if entry is None:
            return problem(404, "not-found")
        return Response(encode_result(entry)[:-1] + b',"through":{}}')
