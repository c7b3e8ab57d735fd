"""Reference data over HTTP: lists go into Kafka, what is in force comes from PostgreSQL.

It belongs to no portfolio: every key that reads may read it, and one that is for some portfolios
alone may not write it.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Table

from api import examples, openapi, reference_documents
from api.body import LIST_BYTES_MAX, read_body
from api.documents import AcceptedList, Document
from api.gate import Allowed
from api.history import Condition, History, Listing, Text, as_json
from api.ingest import Door, accepted_list, read_events
from api.keys import Access
from api.parameters import (
    BusinessDatePage,
    FxRatePage,
    InstrumentPage,
    MarketPricePage,
    SecurityId,
)
from api.problems import forbidden, not_found
from api.publish import RECORDS_PER_TURN, Publisher, Record
from calculator import Source
from migrations.schema import business_dates, fx_rates, instruments, market_prices
from wire import reference
from wire.reference import (
    OF_BUSINESS_DATES,
    OF_FX_RATES,
    OF_INSTRUMENTS,
    OF_MARKET_PRICES,
    Kind,
)

ONLY_PARTITION = 0


def _for_all(_: Access) -> Iterator[Condition]:
    yield from ()


def _of_days(table: Table, kind: Kind[Any], key_type: type[tuple[Any, ...]]) -> Listing:
    """Newest first, then by the rest of the identity, by which it can be asked for too."""
    *others, day = kind.identity
    among: dict[str, Callable[[Any], Condition]] = {
        "from_": table.c[day].__ge__,
        "to": table.c[day].__lt__,
    }
    return Listing(
        name=kind.name,
        columns=tuple(table.c),
        source=table,
        newest=table.c[day],
        ids=tuple(table.c[name] for name in others),
        key=(day, *others),
        key_type=key_type,
        filters=among | {name: table.c[name].__eq__ for name in others},
        seen_by=_for_all,
    )


INSTRUMENTS = Listing(
    name=OF_INSTRUMENTS.name,
    columns=tuple(instruments.c),
    source=instruments,
    newest=None,
    ids=(instruments.c.security_id,),
    key=("security_id",),
    key_type=tuple[Text],
    filters={name: instruments.c[name].__eq__ for name in InstrumentPage.filter_names()},
    seen_by=_for_all,
)
MARKET_PRICES = _of_days(market_prices, OF_MARKET_PRICES, tuple[date, Text])
FX_RATES = _of_days(fx_rates, OF_FX_RATES, tuple[date, Text, Text])
BUSINESS_DATES = _of_days(business_dates, OF_BUSINESS_DATES, tuple[date, Text])


async def take_in(
    publisher: Publisher, kind: Kind[reference.Record], access: Access, request: Request
) -> Response:
    """All records of the list in the body, or a problem and none of them."""
    if access.portfolios is not None:
        raise forbidden("Reference data is of all portfolios: this takes a key that is for all.")
    body = await read_body(request, LIST_BYTES_MAX)
    records: list[Record] = []
    for content, value in await read_events(body, Door(kind.name, kind.name, kind.decode)):
        if len(records) % RECORDS_PER_TURN == 0:
            await asyncio.sleep(0)
        key = kind.key_of(content).encode()
        records.append(Record(kind.name, ONLY_PARTITION, key, value))
    offsets = await publisher.publish(records)
    return accepted_list([Source(kind.name, ONLY_PARTITION, offset) for offset in offsets])


def ingest_routes(publisher: Publisher) -> APIRouter:
    router = APIRouter(tags=["ingest"])

    def post(
        path: str, kind: Kind[Any], what: str, model: type[Document], shown: dict[str, Any]
    ) -> None:
        @router.post(
            path,
            name=f"post_{kind.name}",
            status_code=HTTPStatus.ACCEPTED,
            summary=f"Take a list of {what} in: all of them, or none if one is malformed",
            description="Of one identity the highest version is in force, whichever comes first. "
            "Another content under a version that is known is a dead letter.",
            responses=openapi.accepted(AcceptedList),
            openapi_extra=openapi.body(model, shown),
        )
        async def post_list(access: Allowed, request: Request) -> Response:
            return await take_in(publisher, kind, access, request)

    given = reference_documents
    post("/ingest/instruments", OF_INSTRUMENTS, "instruments", given.InstrumentEvents,
         examples.INSTRUMENTS)  # fmt: skip
    post("/ingest/market-prices", OF_MARKET_PRICES, "prices", given.MarketPriceEvents,
         examples.MARKET_PRICES)  # fmt: skip
    post("/ingest/fx-rates", OF_FX_RATES, "exchange rates", given.FxRateEvents,
         examples.FX_RATES)  # fmt: skip
    post("/ingest/business-dates", OF_BUSINESS_DATES, "business dates", given.BusinessDateEvents,
         examples.BUSINESS_DATES)  # fmt: skip
    return router


def history_routes(history: History) -> APIRouter:
    router = APIRouter(tags=["history"])

    @router.get(
        "/instruments",
        summary="What securities are",
        responses=openapi.answers(reference_documents.InstrumentList, 422, 503),
    )
    async def list_instruments(
        access: Allowed, asked: Annotated[InstrumentPage, Query()]
    ) -> Response:
        return as_json(await history.page(INSTRUMENTS, asked, access))

    @router.get(
        "/instruments/{security_id}",
        summary="What a security is",
        responses=openapi.answers(reference_documents.StoredInstrument, 404, 422, 503),
    )
    async def get_instrument(security_id: SecurityId) -> Response:
        found = await history.one(INSTRUMENTS, security_id)
        if found is None:
            raise not_found(f"no instrument {security_id} is known")
        return as_json(found)

    _add_days(router, history)
    return router


def _add_days(router: APIRouter, history: History) -> None:
    """What is of a day."""

    @router.get(
        "/market-prices",
        summary="What securities cost, newest first",
        responses=openapi.answers(reference_documents.MarketPriceList, 422, 503),
    )
    async def list_market_prices(
        access: Allowed, asked: Annotated[MarketPricePage, Query()]
    ) -> Response:
        return as_json(await history.page(MARKET_PRICES, asked, access))

    @router.get(
        "/fx-rates",
        summary="What currencies cost, newest first",
        responses=openapi.answers(reference_documents.FxRateList, 422, 503),
    )
    async def list_fx_rates(access: Allowed, asked: Annotated[FxRatePage, Query()]) -> Response:
        return as_json(await history.page(FX_RATES, asked, access))

    @router.get(
        "/business-dates",
        summary="The days that calendars speak of, newest first",
        responses=openapi.answers(reference_documents.BusinessDateList, 422, 503),
    )
    async def list_business_dates(
        access: Allowed, asked: Annotated[BusinessDatePage, Query()]
    ) -> Response:
        return as_json(await history.page(BUSINESS_DATES, asked, access))
