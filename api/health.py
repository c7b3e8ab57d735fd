"""Whether the API and the parts behind it are there, which version it is, and its metrics."""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec
from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient
from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from api import openapi
from api.history import PORTFOLIOS, History
from api.keys import EVERYTHING
from api.live import Workers
from api.parameters import Page
from api.problems import Problem
from api.publish import Publisher
from wire.broker import Broker
from wire.topics import INPUTS, REFERENCE, STORE_APP_ID

CHECK_SECONDS_MAX = 3.0
OK = "ok"


class Health:
    """Asks each part behind the API."""

    def __init__(
        self, broker: Broker, publisher: Publisher, history: History, workers: Workers
    ) -> None:
        # It would print a line for every refused connection; the producer tells us of those.
        unheard: dict[str, Any] = {"log_level": 0, "error_cb": lambda _: None}
        self._groups = AdminClient(broker.options | unheard)
        self._publisher = publisher
        self._history = history
        self._workers = workers

    async def parts(self) -> dict[str, str]:
        """`ok`, or what is missing, by part."""
        checks = {
            "kafka": self._kafka(),
            "database": self._database(),
            "workers": self._served(),
            "store": self._store(),
        }
        found = await asyncio.gather(*map(_bounded, checks.values()))
        return dict(zip(checks, found, strict=True))

    async def _kafka(self) -> str:
        try:
            counts = await asyncio.to_thread(self._publisher.partition_counts, CHECK_SECONDS_MAX)
        except KafkaException as error:
            return self._publisher.why(error)
        for topic in (*INPUTS, *REFERENCE):
            wanted = topic.partitions(self._workers.partitions)
            if counts.get(topic.name) != wanted:
                found = counts.get(topic.name, 0)
                return f"{topic.name} has {found} partitions, not {wanted}"
        return OK

    async def _database(self) -> str:
        try:
            await self._history.page(PORTFOLIOS, Page(limit=1, cursor=None), EVERYTHING)
        except Problem as problem:
            return problem.detail
        return OK

    async def _served(self) -> str:
        unserved = await self._workers.unserved()
        return f"no worker serves partition {', '.join(map(str, unserved))}" if unserved else OK

    async def _store(self) -> str:
        self._groups.poll(0)  # what it hears beside must not pile up
        try:
            asked = self._groups.describe_consumer_groups(
                [STORE_APP_ID], request_timeout=CHECK_SECONDS_MAX
            )
            group = await asyncio.wrap_future(asked[STORE_APP_ID])
        except KafkaException:
            return "Kafka does not tell whether one is there"
        if group.state == ConsumerGroupState.STABLE:
            return OK
        return "it is joining" if group.members else "none is there"


async def _bounded(check: Awaitable[str]) -> str:
    try:
        return await asyncio.wait_for(check, CHECK_SECONDS_MAX + 1)
    except TimeoutError:
        return "no answer in time"


def routes(health: Health, registry: CollectorRegistry) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get("/livez", summary="Whether this process is alive")
    async def livez() -> dict[str, str]:
        return {"status": OK}

    @router.get(
        "/readyz",
        summary="Whether everything behind the API is there; 503 says what is not",
        responses=openapi.ready(),
    )
    async def readyz() -> Response:
        parts = await health.parts()
        is_ready = all(state == OK for state in parts.values())
        content = {"status": OK if is_ready else "unavailable", "parts": parts}
        return Response(
            msgspec.json.encode(content),
            HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
            {} if is_ready else {"Retry-After": "1"},
            "application/json",
        )

    @router.get("/version", summary="The version of this program")
    async def get_version() -> dict[str, str]:
        return {"version": version("portfolio-lots")}

    @router.get(
        "/metrics",
        summary="Metrics in the Prometheus text format",
        response_class=PlainTextResponse,
    )
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
