"""What portfolios were and earned, by date: questions that the package `reports` answers.

A few connections to PostgreSQL, each used by one thread at a time, as for history.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from fastapi import Response

from analytics.bad_input import BadInput
from api import database
from api.keys import Access
from api.problems import conflict, not_found, unavailable
from reports.limits import Limits
from reports.questions import SeveralBaseCurrencies, TooManyDays
from reports.snapshot import Snapshot, snapshot
from wire import workers as said
from wire.spelled import as_json

CONNECTIONS_MAX = 2
STATEMENT_SECONDS_MAX = 10

Report = Callable[[Snapshot], object | None]


@contextmanager
def _late() -> Iterator[None]:
    """A problem 503 where the answer took too long, which is no fault of PostgreSQL."""
    try:
        yield
    except TimeoutError:
        raise unavailable("answer-late", "Too much was asked at once, here or before.") from None


class Reports:
    """Answers as JSON; a problem 503 while PostgreSQL is away."""

    def __init__(self, database_url: str, limits: Limits) -> None:
        self.limits = limits
        self._engine = database.reader(database_url, CONNECTIONS_MAX, STATEMENT_SECONDS_MAX)
        self._outages = database.Outages()
        self._threads = ThreadPoolExecutor(CONNECTIONS_MAX, thread_name_prefix="reports")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    async def answer(
        self, access: Access, portfolio_id: str, report: Report, security_id: str | None = None
    ) -> Response:
        """What the report says of a portfolio or holding; a problem 404 where it says None, and of
        what the key may not see, without a look at it."""
        content = None
        if access.sees(portfolio_id):
            reading = asyncio.get_running_loop().run_in_executor(self._threads, self._read, report)
            with self._outages.refused(), _late():
                content = await asyncio.wait_for(reading, database.ANSWER_SECONDS_MAX)
        if content is None:
            if security_id is None:
                raise not_found(said.unknown_portfolio(portfolio_id))
            raise not_found(said.unknown_holding(portfolio_id, security_id))
        return Response(content, media_type="application/json")

    def _read(self, report: Report) -> bytes | None:
        connection = self._engine.raw_connection()
        try:
            with snapshot(connection) as state:
                found = report(state)
        except SeveralBaseCurrencies:
            detail = "Its holdings are kept in several base currencies: send a portfolio record."
            raise conflict("several-base-currencies", detail) from None
        except TooManyDays as error:
            raise conflict("too-many-days", f"{error}: ask for explicit days.") from None
        except BadInput as error:
            # The request is good, the figures are not: a return of next to nothing, say.
            raise conflict("figures-out-of-range", str(error)) from None
        finally:
            connection.close()  # back into the pool
        return None if found is None else as_json(found)
