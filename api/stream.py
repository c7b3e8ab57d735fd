"""The value of a portfolio as server-sent events: all of it first, then what changes.

The owner of the portfolio is asked again and again by questions that it holds back until there is
something to tell. Whoever owns it next goes on, and says everything where it cannot tell what is
new.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

import httpx
import msgspec
from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from prometheus_client import CollectorRegistry, Gauge

from api import openapi, report_documents
from api.gate import Allowed, Gate
from api.heads import is_head
from api.keys import Access
from api.live import Question, Workers, path
from api.parameters import PortfolioId
from api.problems import Problem, not_found, unavailable
from wire import workers as said
from wire.partitioner import partition_of

EVENT_SECONDS_MIN = 1.0  # from one event of a stream to the next
# A worker that is frozen is found out behind that.
HELD_SECONDS = 5.0
PAUSE_SECONDS = 0.25  # where a question could not be answered
_EVENT_ID_LENGTH_MAX = 300


class _Event(msgspec.Struct):
    event: str
    id: str
    data: msgspec.Raw


class _Problem(msgspec.Struct):
    type: str
    detail: str = ""


_decode_event = msgspec.json.Decoder(_Event | None).decode
_read_problem = msgspec.json.Decoder(_Problem).decode


class Opened(NamedTuple):
    """A stream that may begin, with what it begins with, where that is known."""

    portfolio_id: str
    after: str
    first: _Event | None
    request: Request


class Streams:
    """All of a process, at most so many at once."""

    def __init__(
        self, workers: Workers, gate: Gate, streams_max: int, registry: CollectorRegistry
    ) -> None:
        self._workers = workers
        self._gate = gate
        self._streams_max = streams_max
        self._count = 0
        self._closing = asyncio.Event()
        self._open = Gauge("portfolio_api_streams", "Streams that are open.", registry=registry)

    def close(self) -> None:
        """End all of them, before the server waits for its connections. In its loop."""
        self._closing.set()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """A problem 503 where there are too many."""
        if self._count >= self._streams_max:
            raise unavailable("busy", f"There are {self._streams_max} streams here already.")
        self._count += 1
        self._open.inc()
        try:
            yield
        finally:
            self._count -= 1
            self._open.dec()

    async def first(self, portfolio_id: str, after: str) -> _Event | None:
        """What a stream begins with. Who was on it before is let in also where nothing can be told
        now, as a browser never comes back after a 503."""
        try:
            return await self._ask(portfolio_id, after, 0)
        except Problem as problem:
            if after and problem.status is HTTPStatus.SERVICE_UNAVAILABLE:
                return None
            raise

    async def events(self, opened: Opened) -> AsyncIterator[_Event]:
        """All there is to tell, until it is closed, the portfolio is gone, or the key no good."""
        loop = asyncio.get_running_loop()
        event, after = opened.first, opened.after
        closing: asyncio.Future[Any] = asyncio.ensure_future(self._closing.wait())
        try:
            while not self._closing.is_set():
                if event is not None:
                    yield event
                    after = event.id
                    await asyncio.wait([closing], timeout=EVENT_SECONDS_MIN)
                if not await self._gate.is_still_good(opened.request):
                    return
                began = loop.time()
                event = await self._next(opened.portfolio_id, after, closing)
                if event is None and loop.time() - began < PAUSE_SECONDS:
                    await asyncio.wait([closing], timeout=PAUSE_SECONDS)
        except _Gone:
            return
        finally:
            closing.cancel()

    async def _next(
        self, portfolio_id: str, after: str, closing: asyncio.Future[Any]
    ) -> _Event | None:
        asking = asyncio.ensure_future(self._ask(portfolio_id, after, HELD_SECONDS))
        either: list[asyncio.Future[Any]] = [asking, closing]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        except Problem as problem:
            if problem.status is HTTPStatus.NOT_FOUND:
                raise _Gone from None
            return None
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError, Problem):
                await asking

    async def _ask(self, portfolio_id: str, after: str, seconds: float) -> _Event | None:
        """What is new for who knows the event `after`, as soon as there is something, or None after
        so many seconds. Raises what is wrong as a Problem."""
        partition = partition_of(portfolio_id, self._workers.partitions)
        question = Question(
            path("portfolios", portfolio_id, "valuation", "next"),
            {"after": after, "timeout": str(seconds)},
            held_seconds=seconds,
        )
        answer = await self._workers.ask(partition, question)
        if answer.status_code in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            with suppress(msgspec.MsgspecError):  # of no healthy worker
                found: _Event | None = _decode_event(answer.content)
                return found
            raise unavailable("owner-away", f"No worker answers for partition {partition} now.")
        raise _problem_of(answer)


class _Gone(Exception):
    """The portfolio is not there any more."""


def _problem_of(answer: httpx.Response) -> Problem:
    """What the worker says is wrong."""
    read = _read_problem(answer.content)
    kept = {name: answer.headers[name] for name in ("Retry-After",) if name in answer.headers}
    kind = read.type.rpartition(":")[2]
    return Problem(HTTPStatus(answer.status_code), kind, read.detail, headers=kept)


def routes(streams: Streams) -> APIRouter:
    router = APIRouter(tags=["live tables"])

    async def opened(
        request: Request,
        access: Allowed,
        portfolio_id: PortfolioId,
        last_event_id: Annotated[
            str, Header(description="`id` of the last event that was seen, to go on behind it.")
        ] = "",
    ) -> AsyncIterator[Opened]:
        """Before the answer begins, so that it can be a problem."""
        after = last_event_id if len(last_event_id) <= _EVENT_ID_LENGTH_MAX else ""
        _require_sees(access, portfolio_id)
        with streams.one_more():
            first = await streams.first(portfolio_id, after)
            yield Opened(portfolio_id, after, first, request)

    @router.get(
        "/portfolios/{portfolio_id}/stream",
        summary="What a portfolio is worth, as it changes",
        description="Server-sent events. `snapshot` is the whole valuation, as `GET` of it answers; "
        "`change` has the positions that changed, without their weights, the ids of those that are "
        "`removed`, and the totals. At most one a second.",
        response_class=EventSourceResponse,
        responses=openapi.events(
            report_documents.LiveValuation, report_documents.ValuationChange, 404, 409, 422, 503
        ),
    )
    async def get_stream(
        opened: Annotated[Opened, Depends(opened)],
    ) -> AsyncIterator[ServerSentEvent]:
        if is_head(opened.request):
            return
        async for event in streams.events(opened):
            text = bytes(event.data).decode()
            yield ServerSentEvent(raw_data=text, event=event.event, id=event.id)

    return router


def _require_sees(access: Access, portfolio_id: str) -> None:
    if not access.sees(portfolio_id):
        raise not_found(said.unknown_portfolio(portfolio_id))
