"""The HTTP application: its parts, put together and taken apart in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry

from api import (
    health,
    history,
    ingest,
    live,
    openapi,
    performance,
    problems,
    reference,
    stream,
    valuation,
)
from api.gate import Gate
from api.heads import Heads
from api.health import Health
from api.history import History
from api.ingest import Entrance
from api.keyring import Keyring
from api.live import Workers
from api.measure import Measure
from api.parameters import known_and_given_once
from api.publish import Publisher
from api.remainders import Remainders
from api.reports import Reports
from api.settings import ApiSettings
from api.stream import Streams
from api.waits import Waits

DESCRIPTION = """\
Tax lots from a stream of transactions. *Ingest* puts events into Kafka; *live tables* are answered
by the worker that books the portfolio; *history* comes from PostgreSQL, moments later, and so does
reference data: what instruments are, prices, exchange rates and business dates, and *reports*: what portfolios were worth and earned.
Errors are `application/problem+json` (RFC 9457). Where the API listens beyond its own machine it asks
for a key, `portfolio keys add` makes one: `read` for live tables, history and reports, `write` for ingest,
`admin` for both and the rest. A portfolio that a key is not for looks like one that is not there.
"""


def create_app(settings: ApiSettings) -> FastAPI:
    """The application. It starts while Kafka, PostgreSQL or the workers are away."""
    registry = CollectorRegistry()
    publisher = Publisher(settings.kafka, registry)
    workers = Workers(settings.worker_urls, settings.partitions, settings.cluster_secret)
    waits = Waits(workers)
    past = History(settings.database_url)
    reporting = Reports(settings.database_url, settings.limits)
    keyring = Keyring(settings.database_url)
    gate = Gate(settings, keyring)
    streams = Streams(workers, gate, settings.streams_max, registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        publisher.start()
        yield
        await asyncio.to_thread(publisher.close)
        waits.close()
        await workers.close()
        past.close()
        reporting.close()
        keyring.close()

    app = FastAPI(
        title="Portfolio lots",
        description=DESCRIPTION,
        version=version("portfolio-lots"),
        lifespan=lifespan,
        dependencies=[Depends(gate), Depends(known_and_given_once)],
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.streams = streams  # for `api.server`
    app.add_middleware(Measure, registry=registry)
    app.add_middleware(Remainders)
    app.add_middleware(Heads)
    problems.install(app)
    app.include_router(ingest.routes(Entrance(publisher, workers, waits)))
    app.include_router(live.routes(workers, reporting))
    app.include_router(history.routes(past))
    app.include_router(valuation.routes(workers, reporting))
    app.include_router(stream.routes(streams))
    app.include_router(performance.routes(reporting))
    app.include_router(reference.ingest_routes(publisher))
    app.include_router(reference.history_routes(past))
    app.include_router(health.routes(Health(settings.kafka, publisher, past, workers), registry))
    openapi.install(app, needs_keys=settings.needs_keys)
    return app
