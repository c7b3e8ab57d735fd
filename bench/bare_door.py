"""The floor of POST: an ASGI application that sends the events of a request to Kafka unexamined.

It finds where each event ends and what portfolio it is of, for its key, and answers when Kafka has
acknowledged all. Its producer and collector are set as those of the API. Run as a process of its
own by `bench.ingest`.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from api.server import spare_collector
from wire.topics import RAW_TRANSACTIONS

PRODUCER = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 2,
    "partitioner": "murmur2_random",
    "log_level": 3,
}


class _Keyed(msgspec.Struct):
    portfolio_id: str


class _Request(msgspec.Struct):
    transactions: list[msgspec.Raw]


_request = msgspec.json.Decoder(_Request)
_keyed = msgspec.json.Decoder(_Keyed)


class _Delivery:
    """The records of one request on their way."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._loop = asyncio.get_running_loop()
        self.done = self._loop.create_future()

    def on_delivery(self, error: KafkaError | None, _: Message) -> None:
        """From the producer's thread, for each record; one that fails is never done."""
        if error is None:
            self._left -= 1
        if self._left == 0:
            self._loop.call_soon_threadsafe(self.done.set_result, None)


class BareDoor:
    """Answers POST when all is delivered, and anything else at once."""

    def __init__(self, bootstrap: str) -> None:
        spare_collector()
        self._producer = Producer({"bootstrap.servers": bootstrap, **PRODUCER})
        threading.Thread(target=self._poll, daemon=True).start()

    def _poll(self) -> None:
        while True:
            self._producer.poll(1)

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        body = await _body(receive)
        if scope["method"] == "POST":
            await self._produce(_request.decode(body).transactions)
        head = {"type": "http.response.start", "status": 202}
        await send({**head, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    async def _produce(self, values: list[msgspec.Raw]) -> None:
        delivery = _Delivery(len(values))
        for value in values:
            self._producer.produce(
                RAW_TRANSACTIONS.name, bytes(value), _keyed.decode(value).portfolio_id,
                on_delivery=delivery.on_delivery,
            )  # fmt: skip
        await delivery.done


async def _body(receive: Callable[[], Awaitable[dict[str, Any]]]) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def create_door() -> BareDoor:
    """As uvicorn's factory."""
    return BareDoor(os.environ["KAFKA_BOOTSTRAP"])
