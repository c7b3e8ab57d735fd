"""Questions about live tables, passed on to the worker that owns the partition.

A worker that does not own a partition says so, so an outdated map costs a second try and never
gives a wrong answer.
"""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Annotated, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import msgspec
from fastapi import APIRouter, Query, Response

from api import documents, openapi, problems, report_documents
from api.gate import Allowed
from api.keys import Access
from api.parameters import OnDay, PortfolioId, SecurityId, TransactionId
from api.problems import unavailable
from api.reports import Reports
from reports.positions import positions_on
from wire import workers as said
from wire.partitioner import partition_of

CONNECT_SECONDS_MAX = 1.0
ANSWER_SECONDS_MAX = 2.0
OWNERS_SECONDS_MAX = 0.8
ASK_SECONDS_MAX = 3.0  # both tries, and the look for another owner between them
SILENT_SECONDS = 1.0
CONNECTIONS_MAX = 100
SEEN_MAX = 32
ANSWERS = frozenset({200, 202})
REFUSALS = frozenset({404, 409, 503})
KEPT = ("content-type", "retry-after")
# Of a worker that is away or has just gone. Where the other side closes a connection at the wrong
# moment, uvloop raises RuntimeError as it is closed or written to, and anyio, which looks for the
# name of the socket that is gone, AttributeError.
_AWAY = (httpx.TransportError, RuntimeError, AttributeError)
NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class Question(NamedTuple):
    """What a worker is asked; a body is posted."""

    path: str
    parameters: Mapping[str, str] = NO_PARAMETERS
    body: bytes | None = None
    is_patient: bool = False  # asked for somebody who waits for the books
    held_seconds: float = 0  # for so long the worker may hold the question of a stream back


class _Owners(msgspec.Struct):
    partitions: int
    owners: dict[int, str]


class _Ready(msgspec.Struct):
    partitions: list[int]


class _Kind(msgspec.Struct):
    type: str = ""


_read_owners = msgspec.json.Decoder(_Owners).decode
_read_ready = msgspec.json.Decoder(_Ready).decode
_read_kind = msgspec.json.Decoder(_Kind).decode


def path(*parts: str) -> str:
    """The parts as a path, whatever characters they have; ids may even be `..`."""
    quoted = (quote(part, safe="") if part.strip(".") else "%2E" * len(part) for part in parts)
    return "/" + "/".join(quoted)


class Workers:
    """The workers there are, and which of them owns each partition."""

    def __init__(
        self, first_urls: tuple[str, ...], partitions: int, cluster_secret: str | None
    ) -> None:
        self.partitions = partitions
        self._first_urls = first_urls
        self._owners: dict[int, str] = {}
        self._seen: list[str] = []  # addresses in maps, newest first
        self._refreshes = 0
        self._refreshing = asyncio.Lock()
        # By url: workers that did not even say who owns what, and when they are asked that again.
        self._silent: dict[str, float] = {}
        # Those who wait for the books take no connection from those who read them, and neither
        # can keep the map from being asked for. Streams are counted by themselves.
        self._readers, self._patient, self._map = (
            _client(cluster_secret, CONNECTIONS_MAX) for _ in range(3)
        )
        self._streams = _client(cluster_secret, None)

    async def close(self) -> None:
        for client in (self._readers, self._patient, self._map, self._streams):
            await client.aclose()

    async def ask(self, partition: int, question: Question) -> httpx.Response:
        """The owner's answer; a problem 503 where it gives none in time."""
        answer = None
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_SECONDS_MAX + question.held_seconds):
                answer = await self._ask_owner(partition, question)
        if answer is None:
            raise unavailable("owner-away", f"No worker answers for partition {partition} now.")
        return answer

    async def _ask_owner(self, partition: int, question: Question) -> httpx.Response | None:
        refreshes, failed = self._refreshes, None
        for _ in range(2):
            owner = self._owners.get(partition)
            if owner is None or owner == failed or owner in self._silent:
                await self._refresh(refreshes, partition, owner)
                owner = self._owners.get(partition)
            if owner is None or owner in self._silent:
                return None
            refreshes = self._refreshes
            answer = await self._ask(owner, question)
            if answer is not None:
                return answer
            failed = owner
        return None

    async def _ask(self, owner: str, question: Question) -> httpx.Response | None:
        """None where this worker gives no answer, and another may."""
        client = self._patient if question.is_patient else self._readers
        if question.held_seconds:
            client = self._streams
        try:
            answer = await client.request(
                "GET" if question.body is None else "POST",
                owner + question.path,
                params=question.parameters or None,
                content=question.body,
                timeout=_timeout(question.held_seconds),
            )
        except httpx.PoolTimeout:
            # Says nothing of the owner, and another try would only join the queue again.
            raise unavailable("busy", "Too many questions wait for workers.") from None
        except _AWAY:
            return None
        return None if _is_from_elsewhere(answer) else answer

    async def unserved(self) -> list[int]:
        """The partitions that no worker can answer for now."""
        await self._refresh(self._refreshes, None, None)
        served = await asyncio.gather(*map(self._served_by, dict.fromkeys(self._owners.values())))
        return sorted(set(range(self.partitions)).difference(*served))

    async def _served_by(self, url: str) -> list[int]:
        try:
            answer = await self._map.get(url + "/readyz", timeout=OWNERS_SECONDS_MAX)
            return _read_ready(answer.content).partitions if answer.status_code == 200 else []
        except (*_AWAY, msgspec.MsgspecError):
            return []

    async def _refresh(self, known: int, partition: int | None, failed: str | None) -> None:
        """Learn the owners anew, unless someone did since `known`.

        The first map wins that names another owner of the partition than the one that failed.
        """
        async with self._refreshing:
            if self._refreshes != known:
                return
            urls = dict.fromkeys([*await self._first(), *self._seen])
            # Who is not asked any more could never be heard again.
            self._silent = {url: at for url, at in self._silent.items() if url in urls}
            asked = [
                asyncio.ensure_future(self._ask_owners(url))
                for url in urls
                if self._silent.get(url, 0) <= time.monotonic()
            ]
            try:
                await self._take_map(asked, partition, failed)
            finally:
                for task in asked:
                    task.cancel()
            self._refreshes += 1

    async def _take_map(
        self,
        asked: Sequence[asyncio.Future[dict[int, str] | None]],
        partition: int | None,
        failed: str | None,
    ) -> None:
        for answered in asyncio.as_completed(asked):
            found = await answered
            if found is None:
                continue
            self._owners = found
            # Bounded: where workers come and go, most of the old ones never come back.
            self._seen = [*dict.fromkeys([*found.values(), *self._seen])][:SEEN_MAX]
            if partition is None or found.get(partition) not in (None, failed):
                return

    async def _ask_owners(self, url: str) -> dict[int, str] | None:
        try:
            answer = await self._map.get(url + "/owners", timeout=OWNERS_SECONDS_MAX)
            self._silent.pop(url, None)
            found = _read_owners(answer.content) if answer.status_code == 200 else None
        except httpx.TimeoutException:
            # A frozen worker would take all the time of every request. It counts as away until it
            # answers this question again, which is asked for all requests together.
            self._silent[url] = time.monotonic() + SILENT_SECONDS
            return None
        except (*_AWAY, msgspec.MsgspecError):
            self._silent.pop(url, None)
            return None
        if found is None or found.partitions != self.partitions:
            return None
        return {partition: owner.rstrip("/") for partition, owner in found.owners.items()}

    async def _first(self) -> list[str]:
        """WORKER_URLS with every name replaced by all of its addresses."""
        found = await asyncio.gather(*map(_addresses, self._first_urls))
        return [url for urls in found for url in urls]


def _timeout(held_seconds: float = 0) -> httpx.Timeout:
    return httpx.Timeout(ANSWER_SECONDS_MAX + held_seconds, connect=CONNECT_SECONDS_MAX)


def _client(cluster_secret: str | None, connections_max: int | None) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=connections_max, max_keepalive_connections=20)
    # No proxy from the environment: workers are neighbours.
    secret = {} if cluster_secret is None else {said.SECRET_HEADER: cluster_secret}
    return httpx.AsyncClient(timeout=_timeout(), limits=limits, headers=secret, trust_env=False)


async def _addresses(url: str) -> list[str]:
    parts = urlsplit(url)
    assert parts.hostname, "WORKER_URLS are checked where they are read"
    loop = asyncio.get_running_loop()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(OWNERS_SECONDS_MAX):
            infos = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError:  # also where it takes too long
        return []
    hosts = dict.fromkeys(str(info[4][0]) for info in infos)
    bracketed = (f"[{host}]" if ":" in host else host for host in hosts)
    return [urlunsplit(parts._replace(netloc=f"{host}:{port}")) for host in bracketed]


def _is_from_elsewhere(answer: httpx.Response) -> bool:
    """Whether it is from a worker that does not own the partition, or from no healthy worker."""
    if answer.status_code in ANSWERS:
        return False
    if answer.status_code not in REFUSALS:
        return True
    if answer.headers.get("content-type") != problems.MEDIA_TYPE:
        return True
    try:
        return _read_kind(answer.content).type.endswith("not-owner")
    except msgspec.MsgspecError:
        return True


async def answer_of_owner(
    workers: Workers, access: Access, unknown: str, portfolio_id: str, *parts: str
) -> Response:
    """The owner's; of what the key may not see, what a worker says of the unknown."""
    if not access.sees(portfolio_id):
        refusal = said.problem(404, said.NOT_FOUND, unknown)
        return Response(refusal, 404, media_type=said.PROBLEM)
    partition = partition_of(portfolio_id, workers.partitions)
    answer = await workers.ask(partition, Question(path("portfolios", portfolio_id, *parts)))
    kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
    return Response(answer.content, answer.status_code, kept)


def routes(workers: Workers, reports: Reports) -> APIRouter:
    router = APIRouter(tags=["live tables"])

    _add_positions(router, workers, reports)

    @router.get(
        "/portfolios/{portfolio_id}/positions/{security_id}",
        summary="One position",
        responses=openapi.answers(documents.Position, 404, 422, 503),
    )
    async def get_position(
        access: Allowed, portfolio_id: PortfolioId, security_id: SecurityId
    ) -> Response:
        unknown = said.unknown_holding(portfolio_id, security_id)
        return await answer_of_owner(
            workers, access, unknown, portfolio_id, "positions", security_id
        )

    @router.get(
        "/portfolios/{portfolio_id}/positions/{security_id}/lots",
        summary="The open lots of a position, in the order in which they are relieved",
        responses=openapi.answers(documents.Lots, 404, 422, 503),
    )
    async def get_lots(
        access: Allowed, portfolio_id: PortfolioId, security_id: SecurityId
    ) -> Response:
        unknown = said.unknown_holding(portfolio_id, security_id)
        parts = portfolio_id, "positions", security_id, "lots"
        return await answer_of_owner(workers, access, unknown, *parts)

    @router.get(
        "/portfolios/{portfolio_id}/transactions/{transaction_id}",
        summary="What became of a transaction, with the lots it consumed",
        responses=openapi.answers(documents.Result, 404, 422, 503),
    )
    async def get_transaction(
        access: Allowed, portfolio_id: PortfolioId, transaction_id: TransactionId
    ) -> Response:
        unknown = said.unknown_transaction(transaction_id)
        parts = portfolio_id, "transactions", transaction_id
        return await answer_of_owner(workers, access, unknown, *parts)

    return router


def _add_positions(router: APIRouter, workers: Workers, reports: Reports) -> None:
    """All of a portfolio, now or on a day."""

    @router.get(
        "/portfolios/{portfolio_id}/positions",
        summary="The positions of a portfolio",
        description="As they are in the live tables; with `on` as they were at the end of that "
        "day, from PostgreSQL.",
        responses=openapi.answers(documents.Positions, 404, 422, 503)
        | {200: openapi.either(documents.Positions, report_documents.PositionsOn)},
    )
    async def get_positions(
        access: Allowed, portfolio_id: PortfolioId, asked: Annotated[OnDay, Query()]
    ) -> Response:
        if (day := asked.on) is not None:
            return await reports.answer(
                access, portfolio_id, lambda state: positions_on(state, portfolio_id, day)
            )
        unknown = said.unknown_portfolio(portfolio_id)
        return await answer_of_owner(workers, access, unknown, portfolio_id, "positions")
