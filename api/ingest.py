"""Takes events in: checks them with the decoder of all doors, and hands their bytes to Kafka."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Generic, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request, Response

from api import documents, examples, openapi, outcomes
from api.body import LIST_BYTES_MAX, list_elements, read_body
from api.gate import Allowed
from api.keys import Access, Scope
from api.live import Workers
from api.outcomes import Outcome, Posted
from api.parameters import Waiting
from api.problems import ERRORS_SHOWN_MAX, ProblemError, RequestRule, forbidden, invalid, pointer
from api.publish import RECORDS_PER_TURN, Publisher, Record
from api.waits import Waits
from calculator import Portfolio, Source
from wire.fields import Malformed
from wire.objects import MESSAGE_BYTES_MAX
from wire.partitioner import partition_of
from wire.portfolios import decode_portfolio
from wire.topics import PORTFOLIOS, RAW_TRANSACTIONS
from wire.transactions import Identified, identify_transaction

BYTES_PER_TURN = 64 * 1024  # decoded before other requests get their turn

T = TypeVar("T")
# Of a portfolio.
Event = TypeVar("Event", Identified, Portfolio)


@dataclass(frozen=True, slots=True)
class Door(Generic[T]):
    """Where one kind of event goes in, and what it has to pass."""

    name: str  # of the list
    topic: str
    read: Callable[[bytes], T | Malformed]


TRANSACTIONS = Door("transactions", RAW_TRANSACTIONS.name, identify_transaction)
PORTFOLIO_RECORDS = Door("portfolios", PORTFOLIOS.name, decode_portfolio)


def errors_of(malformed: Malformed, *steps: str | int) -> Iterator[ProblemError]:
    """Its errors, with pointers into the body that has the event at `steps`."""
    for error in malformed.errors:
        field = (error.field,) if error.field else ()
        yield ProblemError(pointer(*steps, *field), error.rule, error.message)


def read_event(value: bytes, door: Door[T]) -> T:
    """The event; a problem 422 if it is malformed."""
    event = door.read(value)
    if isinstance(event, Malformed):
        raise invalid(errors_of(event), event.rules_broken)
    return event


async def read_events(body: bytes, door: Door[T]) -> list[tuple[T, bytes]]:
    """All events of a list with their bytes; a problem 422 if any of them is malformed."""
    events: list[tuple[T, bytes]] = []
    errors: list[ProblemError] = []
    broken = 0
    in_turn = 0
    for index, value in enumerate(list_elements(body, door.name)):
        in_turn += len(value)
        if in_turn >= BYTES_PER_TURN:
            await asyncio.sleep(0)
            in_turn = 0
        event = door.read(value)
        if isinstance(event, Malformed):
            broken += event.rules_broken
            # A list of junk breaks a million rules; nobody is shown more than a few.
            if len(errors) < ERRORS_SHOWN_MAX:
                errors += errors_of(event, door.name, index)
        else:
            events.append((event, value))
    if errors:
        raise invalid(errors, broken)
    return events


def demand_allowed(access: Access, at: Iterable[tuple[str, str]]) -> None:
    """`at`: each portfolio_id with the pointer to it; a problem 403 if one is not of the key."""
    errors = [
        ProblemError(
            where,
            RequestRule.PORTFOLIO_MUST_BE_OF_THE_KEY,
            f"the key is not for {portfolio_id}",
        )
        for where, portfolio_id in at
        if not access.sees(portfolio_id)
    ]
    if errors:
        detail = "The key is not for every portfolio here; nothing was taken in."
        raise forbidden(detail, errors[:ERRORS_SHOWN_MAX])


def _in_list(door: Door[Event], events: list[tuple[Event, bytes]]) -> Iterator[tuple[str, str]]:
    for index, (event, _) in enumerate(events):
        yield pointer(door.name, index, "portfolio_id"), event.portfolio_id


def _demand_results(access: Access, waiting: Waiting) -> None:
    """Who sends what is known already is shown what the books have: that is reading."""
    if waiting.wait and not access.has(Scope.READ):
        raise forbidden("wait=applied shows results: this takes a key with the scope read as well.")


class Entrance:
    """Publishes events, and waits for what comes out of them where that is asked for."""

    def __init__(self, publisher: Publisher, workers: Workers, waits: Waits) -> None:
        self._publisher = publisher
        self._workers = workers
        self._waits = waits

    async def publish(self, door: Door[Event], events: list[tuple[Event, bytes]]) -> list[Source]:
        """The records that the events are in now, in their order."""
        records: list[Record] = []
        for event, value in events:
            if len(records) % RECORDS_PER_TURN == 0:
                await asyncio.sleep(0)
            partition = partition_of(event.portfolio_id, self._workers.partitions)
            records.append(Record(door.topic, partition, event.portfolio_id.encode(), value))
        offsets = await self._publisher.publish(records)
        return [
            Source(record.topic, record.partition, offset)
            for record, offset in zip(records, offsets, strict=True)
        ]

    async def _outcomes(self, posted: list[Posted], deadline: float) -> list[Outcome] | None:
        return await outcomes.wait(self._workers, self._waits, posted, deadline)

    async def transaction(self, access: Access, body: bytes, waiting: Waiting) -> Response:
        deadline = _deadline(waiting)
        event = read_event(body, TRANSACTIONS)
        demand_allowed(access, [(pointer("portfolio_id"), event.portfolio_id)])
        [source] = await self.publish(TRANSACTIONS, [(event, body)])
        if waiting.wait:
            found = await self._outcomes([Posted(event, body, source)], deadline)
            if found is not None:
                return _json(HTTPStatus.OK, found[0])
        accepted = {
            "message": "accepted",
            "portfolio_id": event.portfolio_id,
            "transaction_id": event.transaction_id,
            "topic": source.topic,
            "partition": source.partition,
            "offset": source.offset,
        }
        return _json(HTTPStatus.ACCEPTED, accepted)

    async def events(
        self, door: Door[Event], access: Access, body: bytes, waiting: Waiting
    ) -> Response:
        deadline = _deadline(waiting)
        events = await read_events(body, door)
        demand_allowed(access, _in_list(door, events))
        sources = await self.publish(door, events)
        if waiting.wait:
            posted = [Posted(*event, at) for event, at in zip(events, sources, strict=True)]
            found = await self._outcomes(posted, deadline)
            if found is not None:
                return _json(HTTPStatus.OK, {"outcomes": found})
        return accepted_list(sources)


def _deadline(waiting: Waiting) -> float:
    return asyncio.get_running_loop().time() + waiting.timeout


def accepted_list(sources: list[Source]) -> Response:
    """The answer once these records are safe in Kafka."""
    # The last of a partition is the highest.
    next_offsets = {str(source.partition): source.offset + 1 for source in sources}
    accepted = {
        "message": "accepted",
        "count": len(sources),
        "topic": sources[0].topic,
        "next_offsets": next_offsets,
    }
    return _json(HTTPStatus.ACCEPTED, accepted)


def _json(status: HTTPStatus, content: object) -> Response:
    return Response(msgspec.json.encode(content), status.value, media_type="application/json")


def routes(entrance: Entrance) -> APIRouter:
    router = APIRouter(tags=["ingest"])

    @router.post(
        "/ingest/transaction",
        status_code=HTTPStatus.ACCEPTED,
        summary="Take one transaction in",
        responses=openapi.taken_in(documents.Accepted, documents.Outcome),
        openapi_extra=openapi.body(documents.TransactionEvent, examples.ONE_TRANSACTION),
    )
    async def post_transaction(
        access: Allowed, request: Request, waiting: Annotated[Waiting, Query()]
    ) -> Response:
        _demand_results(access, waiting)
        return await entrance.transaction(
            access, await read_body(request, MESSAGE_BYTES_MAX), waiting
        )

    @router.post(
        "/ingest/transactions",
        status_code=HTTPStatus.ACCEPTED,
        summary="Take a list of transactions in: all of them, or none if one is malformed",
        responses=openapi.taken_in(documents.AcceptedList, documents.Outcomes),
        openapi_extra=openapi.body(documents.TransactionEvents, examples.TRANSACTIONS),
    )
    async def post_transactions(
        access: Allowed, request: Request, waiting: Annotated[Waiting, Query()]
    ) -> Response:
        _demand_results(access, waiting)
        body = await read_body(request, LIST_BYTES_MAX)
        return await entrance.events(TRANSACTIONS, access, body, waiting)

    @router.post(
        "/ingest/portfolios",
        status_code=HTTPStatus.ACCEPTED,
        summary="Take a list of portfolio records in: all of them, or none if one is malformed",
        description="With `wait=applied` the result is the record that is in force; holdings may "
        "still be re-booked under it, and are 503 meanwhile.",
        responses=openapi.taken_in(documents.AcceptedList, documents.PortfolioOutcomes),
        openapi_extra=openapi.body(documents.PortfolioEvents, examples.PORTFOLIOS),
    )
    async def post_portfolios(
        access: Allowed, request: Request, waiting: Annotated[Waiting, Query()]
    ) -> Response:
        _demand_results(access, waiting)
        body = await read_body(request, LIST_BYTES_MAX)
        return await entrance.events(PORTFOLIO_RECORDS, access, body, waiting)

    return router
