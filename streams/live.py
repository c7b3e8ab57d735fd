"""The worker's HTTP: answers from the live tables of the partitions it owns, and about itself.

Each answer is read from one snapshot, so it shows the books after exactly the records `through`
names (of exchange rates: after those at least). Whoever is not sure to own a partition, or has a
holding that is being re-booked, answers 503 and never an older, partial or default value.
"""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypeVar

import msgspec
from confluent_kafka import KafkaException
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams import answers, metrics, valuations
from streams.answers import Refusal
from streams.app import WorkerApp
from streams.doors import bare_api, open_door
from streams.following import Following
from streams.lag import InputLag
from streams.ownership import kept, lane_of
from wire.partitioner import partition_of
from wire.topics import INPUTS

_POLL_SECONDS = 0.005
_HELD_SECONDS_MAX = 60.0
_READERS_MAX = 2
_IDENTITIES_MAX = 1000
_QUESTION_BYTES_MAX = 1024 * 1024  # so many of the longest identities are a third of it
_RESULTS_PER_TURN = 100  # read before other questions get their turn
_INDEX = {topic.name: index for index, topic in enumerate(INPUTS)}


_FEW = msgspec.Meta(max_length=_IDENTITIES_MAX)


class _Results(msgspec.Struct):
    partition: int
    identities: Annotated[list[tuple[str, str]], _FEW]


class _Portfolios(msgspec.Struct):
    partition: int
    identities: Annotated[list[str], _FEW]


_Asked = TypeVar("_Asked", _Results, _Portfolios)


def start(app: WorkerApp) -> None:
    """Answer from now on, at first with 503."""
    open_door(create_api(app), app.settings.http_host, app.settings.http_port)


def create_api(app: WorkerApp) -> FastAPI:
    api = bare_api("Worker", app.settings.cluster_secret)
    _add_answers(api, app)
    _add_following(api, app)
    _add_applied(api, app)
    _add_many(api, app)
    _add_self(api, app)

    @api.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> Response:
        return refusal.response()

    return api


def _answer(app: WorkerApp, portfolio_id: str, read: Any, *ids: str) -> Response:
    """What `read` finds in a snapshot, if the partition was ours before and after."""
    partition = partition_of(portfolio_id, app.settings.partitions)
    with kept(app, partition) as lane:
        body = read(lane.table.snapshot(), partition, portfolio_id, *ids)
    return Response(body, media_type="application/json")


def _valuation(app: WorkerApp, portfolio_id: str) -> Response:
    with kept(app, partition_of(portfolio_id, app.settings.partitions)) as lane:
        body = valuations.now(lane, portfolio_id, app.market)
    return Response(body, media_type="application/json")


def _add_answers(api: FastAPI, app: WorkerApp) -> None:
    # A long answer delays neither what is said about ourselves nor, much, the booking.
    readers = ThreadPoolExecutor(_READERS_MAX, thread_name_prefix="answers")

    async def answer(portfolio_id: str, read: Any, *ids: str) -> Response:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(readers, _answer, app, portfolio_id, read, *ids)

    @api.get("/portfolios/{portfolio_id}/positions")
    async def positions(portfolio_id: str) -> Response:
        return await answer(portfolio_id, answers.positions)

    @api.get("/portfolios/{portfolio_id}/valuation")
    async def valuation(portfolio_id: str) -> Response:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(readers, _valuation, app, portfolio_id)

    @api.get("/portfolios/{portfolio_id}/positions/{security_id}")
    async def position(portfolio_id: str, security_id: str) -> Response:
        return await answer(portfolio_id, answers.position, security_id)

    @api.get("/portfolios/{portfolio_id}/positions/{security_id}/lots")
    async def lots(portfolio_id: str, security_id: str) -> Response:
        return await answer(portfolio_id, answers.lots, security_id)

    @api.get("/portfolios/{portfolio_id}/transactions/{transaction_id}")
    async def transaction(portfolio_id: str, transaction_id: str) -> Response:
        return await answer(portfolio_id, answers.transaction, transaction_id)


def _add_following(api: FastAPI, app: WorkerApp) -> None:
    following = Following(app)

    @api.get("/portfolios/{portfolio_id}/valuation/next")
    async def next_event(
        portfolio_id: str,
        timeout: Annotated[float, Query(ge=0, le=_HELD_SECONDS_MAX)],
        after: str = "",
    ) -> Response:
        """200 with what has changed since the event of that id, as soon as something has, or with
        all where that cannot be told; 202 with null after `timeout` seconds."""
        event = await following.next(portfolio_id, after, timeout)
        body, status = (b"null", 202) if event is None else (event.encode(), 200)
        return Response(body, status, media_type="application/json")


def _add_applied(api: FastAPI, app: WorkerApp) -> None:
    @api.get("/applied")
    async def applied(
        topic: str,
        partition: int,
        offset: int,
        timeout: Annotated[float, Query(ge=0, le=_HELD_SECONDS_MAX)],
    ) -> Response:
        """200 once the record at `offset` is in the books, 202 after `timeout` seconds; either
        says how far the books are."""
        index, until = _INDEX[topic], time.monotonic() + timeout
        while (found := lane_of(app, partition).progress.next_offsets[index]) <= offset:
            if time.monotonic() > until:
                return JSONResponse({"applied": False, "next_offset": found}, 202)
            await asyncio.sleep(_POLL_SECONDS)
        return JSONResponse({"applied": True, "next_offset": found})


async def _read(request: Request, kind: type[_Asked]) -> _Asked:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _QUESTION_BYTES_MAX:
            raise Refusal(413, "too-large", f"more than {_QUESTION_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refusal(422, "invalid", str(error)) from None


def _add_many(api: FastAPI, app: WorkerApp) -> None:
    """Many of one partition, in the order they are asked for, from one snapshot; null for what
    cannot be given now."""

    async def answer(asked: _Asked, read: Any) -> Response:
        with kept(app, asked.partition) as lane:
            found: list[bytes] = []
            for result in read(lane.table.snapshot(), asked.partition, asked.identities):
                found.append(result)
                if len(found) % _RESULTS_PER_TURN == 0:
                    await asyncio.sleep(0)
        return Response(b'{"results":[%b]}' % b",".join(found), media_type="application/json")

    @api.post("/results")
    async def results(request: Request) -> Response:
        return await answer(await _read(request, _Results), answers.results)

    @api.post("/portfolios")
    async def portfolios(request: Request) -> Response:
        return await answer(await _read(request, _Portfolios), answers.portfolios)


def _known(lag: InputLag) -> int | None:
    """None while the broker does not tell."""
    try:
        return lag.records()
    except KafkaException:
        return None


def _add_self(api: FastAPI, app: WorkerApp) -> None:
    lag = InputLag(app)

    @api.get("/owners")
    async def owners() -> dict[str, Any]:
        return {"partitions": app.settings.partitions, "owners": app.owners()}

    @api.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @api.get("/readyz")
    async def readyz() -> Response:
        is_ready = app.may_answer and app.has_joined
        state = {"status": "ok" if is_ready else "joining", "partitions": sorted(app.served)}
        return JSONResponse(state, 200 if is_ready else 503)

    @api.get("/status")
    def status() -> dict[str, Any]:
        lanes = [pump.lane for pump in list(app.pumps.values())]
        progress = [lane.progress for lane in lanes]
        names = ("read", "booked", "duplicate", "superseded", "forwarded", "dead")
        return {
            "pid": os.getpid(),
            "url": app.settings.url,
            "partitions": sorted(app.served),
            "inputs": {name: sum(getattr(p, name) for p in progress) for name in names},
            "lag": _known(lag),
            "unsettled": sum(lane.unsettled for lane in lanes),
        }

    @api.get("/metrics")
    def prometheus() -> Response:
        known = _known(lag)
        metrics.LAG.set(float("nan") if known is None else known)  # unknown is no number
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)
