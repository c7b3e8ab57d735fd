"""What has been: lists from PostgreSQL, page by page.

Numbers and instants are the same text as on the topics. A page is found through an index by the
key its cursor names, so the last page costs what the first does.
"""

import asyncio
import base64
import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar, TypeVarTuple

import msgspec
from fastapi import APIRouter, Query, Response
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    RowMapping,
    Select,
    and_,
    func,
    not_,
    or_,
    select,
    tuple_,
)

from api import cursor, database, openapi, stored_documents
from api.gate import Allowed
from api.keys import Access, Scope
from api.parameters import DatedPage, HoldingPage, Page, PortfolioId, TransactionPage
from calculator import plain
from migrations.schema import dead_letters, lot_disposals, portfolios, transactions
from wire.fields import ID, ID_LENGTH_MAX
from wire.inputs import instant
from wire.objects import MESSAGE_BYTES_MAX
from wire.topics import REFERENCE

CONNECTIONS_MAX = 4
STATEMENT_SECONDS_MAX = 10
# A page ends early behind the item that fills it. Rows are fetched a few at a time, so that this
# bounds the memory too.
PAGE_BYTES_MAX = 4 * 1024 * 1024
ROWS_AT_ONCE_MAX = 50
# What is longer than an event may be can be megabytes of anything: PostgreSQL cuts it.
SHOWN_BYTES_MAX = MESSAGE_BYTES_MAX
BINARY = ("key", "value")  # of dead letters

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")
Condition = ColumnElement[bool]
Filters = Mapping[str, Any]  # by the name of the parameter
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A list and its order: newest first (those without a date last), then by ids."""

    name: str
    columns: Sequence[ColumnElement[Any]]  # what an item shows
    source: FromClause
    newest: ColumnElement[Any] | None
    ids: tuple[ColumnElement[Any], ...]
    key: tuple[str, ...]  # the item's fields that `newest` and `ids` stand for
    key_type: type[tuple[Any, ...]]
    has_undated: bool = False
    nulls_last: bool = False  # as the index has `newest`: in another order it is of no use
    filters: Mapping[str, Callable[[Any], Condition]]
    seen_by: Callable[[Access], Iterator[Condition]]

    def parts(
        self, asked: Filters, after: tuple[Any, ...] | None, access: Access
    ) -> Iterator[Select[Any]]:
        """The statements whose rows, one after the other, are the list behind `after`."""
        every = select(*self.columns).select_from(self.source)
        every = every.where(*(self.filters[name](value) for name, value in asked.items()))
        every = every.where(*self.seen_by(access))
        ids = tuple_(*self.ids)
        if self.newest is None:
            yield (every if after is None else every.where(ids > after)).order_by(*self.ids)
            return
        newest_first = self.newest.desc()
        if self.nulls_last:
            newest_first = newest_first.nulls_last()
        dated = every.where(self.newest.is_not(None)).order_by(newest_first, *self.ids)
        undated = every.where(self.newest.is_(None)).order_by(*self.ids)
        if after is None:
            yield dated
        elif after[0] is not None:
            # The first condition is for the index.
            yield dated.where(self.newest <= after[0], or_(self.newest < after[0], ids > after[1:]))
        else:
            undated = undated.where(ids > after[1:])
        if self.has_undated:
            yield undated


def _shown(columns: Iterable[ColumnElement[Any]]) -> Iterator[ColumnElement[Any]]:
    """Of the binary ones the beginning, and the length of the whole."""
    for column in columns:
        if column.name in BINARY:
            yield func.substring(column, 1, SHOWN_BYTES_MAX, type_=column.type).label(column.name)
            yield func.octet_length(column).label(f"{column.name}_bytes")
        else:
            yield column


def _of_portfolios(portfolio_id: ColumnElement[Any]) -> Callable[[Access], Iterator[Condition]]:
    def seen_by(access: Access) -> Iterator[Condition]:
        if access.portfolios is not None:
            yield portfolio_id.in_(sorted(access.portfolios))

    return seen_by


def _letters_seen_by(access: Access) -> Iterator[Condition]:
    """A dead letter is of the portfolio that the key of its record names; what names none may be
    anything, and is not for everybody. One of reference data, whose key may look like the id of a
    portfolio, is of all portfolios, and so for who may see all of them."""
    key = dead_letters.c.key
    is_reference = dead_letters.c.topic.in_([topic.name for topic in REFERENCE])
    if access.portfolios is not None:
        yield key.in_([portfolio_id.encode() for portfolio_id in sorted(access.portfolios)])
        yield not_(is_reference)
    elif not access.has(Scope.ADMIN):
        is_id = func.encode(key, "escape").op("~")(f"^(?:{ID})$")
        yield or_(is_reference, and_(func.octet_length(key) <= ID_LENGTH_MAX, is_id))


PORTFOLIOS = Listing(
    name="portfolios",
    columns=tuple(portfolios.c),
    source=portfolios,
    newest=None,
    ids=(portfolios.c.portfolio_id,),
    key=("portfolio_id",),
    key_type=tuple[Text],
    filters={},
    seen_by=_of_portfolios(portfolios.c.portfolio_id),
)
TRANSACTIONS = Listing(
    name="transactions",
    columns=tuple(transactions.c),
    source=transactions,
    newest=transactions.c.transaction_date,
    ids=(transactions.c.transaction_id,),
    key=("transaction_date", "transaction_id"),
    key_type=tuple[_Instant | None, Text],
    has_undated=True,  # a cancellation has no date
    nulls_last=True,
    filters={
        "portfolio_id": transactions.c.portfolio_id.__eq__,
        "security_id": transactions.c.security_id.__eq__,
        "status": transactions.c.status.__eq__,
        "from_": transactions.c.transaction_date.__ge__,
        "to": transactions.c.transaction_date.__lt__,
    },
    seen_by=_of_portfolios(transactions.c.portfolio_id),
)
# Through their transactions, whose index has the order; see the schema.
DISPOSALS = Listing(
    name="disposals",
    columns=tuple(lot_disposals.c),
    source=transactions.join(
        lot_disposals,
        (lot_disposals.c.portfolio_id == transactions.c.portfolio_id)
        & (lot_disposals.c.transaction_id == transactions.c.transaction_id),
    ),
    newest=transactions.c.transaction_date,
    ids=(transactions.c.transaction_id, lot_disposals.c.lot_id),
    key=("disposed_at", "transaction_id", "lot_id"),
    key_type=tuple[_Instant, Text, Text],
    nulls_last=True,
    filters={
        "portfolio_id": transactions.c.portfolio_id.__eq__,
        "security_id": transactions.c.security_id.__eq__,
        "from_": transactions.c.transaction_date.__ge__,
        "to": transactions.c.transaction_date.__lt__,
    },
    seen_by=_of_portfolios(transactions.c.portfolio_id),
)
DEAD_LETTERS = Listing(
    name="dead letters",
    columns=tuple(_shown(dead_letters.c)),
    source=dead_letters,
    newest=dead_letters.c.received_at,
    ids=(dead_letters.c.topic, dead_letters.c.partition, dead_letters.c.offset),
    key=("received_at", "topic", "partition", "offset"),
    key_type=tuple[_Instant, Text, _Count, _Count],
    filters={
        "from_": dead_letters.c.received_at.__ge__,
        "to": dead_letters.c.received_at.__lt__,
    },
    seen_by=_letters_seen_by,
)


class History:
    """A few connections to PostgreSQL, each used by one thread at a time."""

    def __init__(self, database_url: str) -> None:
        self._engine = database.reader(database_url, CONNECTIONS_MAX, STATEMENT_SECONDS_MAX)
        self._outages = database.Outages()
        self._threads = ThreadPoolExecutor(CONNECTIONS_MAX, thread_name_prefix="history")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    async def page(
        self,
        listing: Listing,
        page: Page,
        access: Access,
        portfolio_id: str | None = None,
    ) -> bytes:
        """{"items", "next"} as JSON; a problem 503 while the database is away.

        What `access` may not see is no item: a list of another's is as empty as one of nothing.
        """
        asked = page.filters() | ({"portfolio_id": portfolio_id} if portfolio_id else {})
        scope = f"{listing.name} {sorted(asked.items())}"
        after = None
        if page.cursor is not None:
            after = cursor.decode(scope, page.cursor, listing.key_type)
        parts = listing.parts(asked, after, access)
        return await self._in_thread(self._read, listing, parts, scope, page.limit)

    async def one(self, listing: Listing, *ids: str) -> bytes | None:
        """The item with these ids as JSON; None: there is none."""
        return await self._in_thread(self._read_one, listing, ids)

    async def _in_thread(self, read: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        reading = asyncio.get_running_loop().run_in_executor(self._threads, read, *arguments)
        with self._outages.refused():
            return await asyncio.wait_for(reading, database.ANSWER_SECONDS_MAX)

    def _read_one(self, listing: Listing, ids: tuple[str, ...]) -> bytes | None:
        found = select(*listing.columns).where(tuple_(*listing.ids) == ids)
        with self._engine.connect() as connection:
            row = connection.execute(found).mappings().one_or_none()
        return None if row is None else msgspec.json.encode(_item(row))

    def _read(
        self, listing: Listing, parts: Iterator[Select[Any]], scope: str, limit: int
    ) -> bytes:
        items: list[bytes] = []
        size = 0
        key: list[object] = []
        following = None
        with self._engine.connect() as connection:
            connection.execution_options(stream_results=True, max_row_buffer=ROWS_AT_ONCE_MAX)
            for row in self._rows(connection, parts, limit):
                if len(items) == limit or size >= PAGE_BYTES_MAX:
                    following = cursor.encode(scope, key)
                    break
                items.append(msgspec.json.encode(_item(row)))
                size += len(items[-1])
                key = [row[name] for name in listing.key]
        return b'{"items":[%b],"next":%b}' % (b",".join(items), msgspec.json.encode(following))

    @staticmethod
    def _rows(
        connection: Connection, parts: Iterator[Select[Any]], limit: int
    ) -> Iterator[RowMapping]:
        """One more than asked for tells whether the list goes on."""
        left = limit + 1
        for part in parts:
            if not left:
                return
            for row in connection.execute(part.limit(left)).mappings():
                left -= 1
                yield row


def _item(row: RowMapping) -> dict[str, object]:
    item: dict[str, object] = {}
    for name, value in row.items():
        match value:
            case Decimal():
                item[name] = plain(value)
            case datetime():
                item[name] = instant(value)
            case bytes() | None if name in BINARY:
                is_whole = value is None or len(value) == row[f"{name}_bytes"]
                item[name], item[f"{name}_encoding"] = _text(value, is_whole=is_whole)
            case _:
                item[name] = value
    return item


def _text(value: bytes | None, *, is_whole: bool) -> tuple[str | None, str | None]:
    if value is None:
        return None, None
    try:
        # Where it was cut, a character may be incomplete.
        return codecs.getincrementaldecoder("utf-8")().decode(value, final=is_whole), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), "base64"


def routes(history: History) -> APIRouter:
    router = APIRouter(tags=["history"])

    @router.get(
        "/portfolios",
        summary="The portfolio records in force",
        responses=openapi.answers(stored_documents.PortfolioList, 422, 503),
    )
    async def list_portfolios(access: Allowed, asked: Annotated[Page, Query()]) -> Response:
        return as_json(await history.page(PORTFOLIOS, asked, access))

    @router.get(
        "/portfolios/{portfolio_id}/transactions",
        summary="What became of the transactions of a portfolio, newest first",
        responses=openapi.answers(stored_documents.TransactionList, 422, 503),
    )
    async def list_transactions(
        access: Allowed, portfolio_id: PortfolioId, asked: Annotated[TransactionPage, Query()]
    ) -> Response:
        return as_json(await history.page(TRANSACTIONS, asked, access, portfolio_id))

    @router.get(
        "/portfolios/{portfolio_id}/disposals",
        summary="The lots that sales and other decreases consumed, newest first",
        responses=openapi.answers(stored_documents.DisposalList, 422, 503),
    )
    async def list_disposals(
        access: Allowed, portfolio_id: PortfolioId, asked: Annotated[HoldingPage, Query()]
    ) -> Response:
        return as_json(await history.page(DISPOSALS, asked, access, portfolio_id))

    @router.get(
        "/dead-letters",
        summary="Events that could not be read, newest first",
        description="`from` and `to` ask for `received_at`. A key or value is text where it is "
        "UTF-8, else base64; `key_encoding` and `value_encoding` say which. Of one longer than "
        f"{SHOWN_BYTES_MAX} bytes, as no event may be, the beginning is shown; `key_bytes` and "
        "`value_bytes` are the length of the whole. A page may end before `limit` where its items "
        "are large. A key that is not `admin` sees those whose key is the id of a portfolio it is "
        "for, and, where it is for all portfolios, those of reference data.",
        responses=openapi.answers(stored_documents.DeadLetterList, 422, 503),
    )
    async def list_dead_letters(access: Allowed, asked: Annotated[DatedPage, Query()]) -> Response:
        return as_json(await history.page(DEAD_LETTERS, asked, access))

    return router


def as_json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
