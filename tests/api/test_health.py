import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from confluent_kafka import KafkaError
from fastapi import Response
from prometheus_client import CollectorRegistry

from api.main import create_app
from api.publish import Publisher, Record
from api.settings import ApiSettings
from cli.servers import Connections
from tests.api.conftest import closed_port
from tests.api.serving import client_of, served
from tests.api.stand_in import StandIn, store_member
from tests.api.test_ingest import buy, problem_of
from wire.broker import Broker


def test_alive_and_versioned_whatever_is_behind(api: httpx.Client) -> None:
    assert api.get("/livez").json() == {"status": "ok"}
    assert set(api.get("/version").json()) == {"version"}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def test_ready_when_kafka_database_a_worker_for_each_partition_and_a_store_are_there(
    settings: ApiSettings, migrated: str
) -> None:
    store = store_member(settings.kafka)
    worker = StandIn(settings.partitions)
    with served(worker.app) as url:
        worker.owners = dict.fromkeys(range(settings.partitions), url)
        worker.served = set(range(settings.partitions))
        whole = replace(settings, database_url=migrated, worker_urls=(url,))
        with client_of(create_app(whole)) as api:
            response = api.get("/readyz")
            assert response.status_code == 200
            parts = {"kafka": "ok", "database": "ok", "workers": "ok", "store": "ok"}
            assert response.json() == {"status": "ok", "parts": parts}
            worker.served -= {2, 5}
            response = api.get("/readyz")
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert response.json() == {
                "status": "unavailable",
                "parts": parts | {"workers": "no worker serves partition 2, 5"},
            }
            worker.served |= {2, 5}
            store.close()
            response = api.get("/readyz")
            assert response.status_code == 503
            assert response.json()["parts"] == parts | {"store": "none is there"}


def test_everything_away_is_said_part_by_part_and_answered_503(settings: ApiSettings) -> None:
    alone = replace(
        settings,
        kafka=Broker(bootstrap=f"127.0.0.1:{closed_port()}"),
        database_url=f"postgresql://nobody@127.0.0.1:{closed_port()}/none",
    )
    with client_of(create_app(alone)) as api, ThreadPoolExecutor() as threads:
        started = time.monotonic()
        ingesting = threads.submit(api.post, "/ingest/transaction", json=buy())
        response = api.get("/readyz")
        assert response.status_code == 503
        parts = response.json()["parts"]
        assert set(parts) == {"kafka", "database", "workers", "store"}
        assert "ok" not in parts.values()
        history = api.get("/portfolios")
        assert problem_of(history, 503)["type"].endswith("database-away")
        assert history.headers["retry-after"] == "1"
        ingest = ingesting.result()
        assert time.monotonic() - started < 10
        assert problem_of(ingest, 503)["type"].endswith("not-delivered")
        assert ingest.headers["retry-after"] == "1"


def test_topics_of_another_partitioning_are_not_ready(
    settings: ApiSettings,
) -> None:
    with client_of(create_app(replace(settings, partitions=settings.partitions + 1))) as api:
        kafka = api.get("/readyz").json()["parts"]["kafka"]
    assert kafka == (
        f"raw_transactions has {settings.partitions} partitions, not {settings.partitions + 1}"
    )


def test_a_producer_that_failed_for_good_is_replaced(servers: Connections, partitions: int) -> None:
    record = Record("raw_transactions", partitions - 1, b"F", b"{}")

    async def published_around_a_failure() -> list[int]:
        publisher = Publisher(servers.kafka, CollectorRegistry())
        publisher.start()
        before = await publisher.publish([record])
        failed = publisher._producer
        publisher._on_error(KafkaError(KafkaError._FATAL, "out of order", fatal=True))
        await asyncio.to_thread(wait_for, lambda: publisher._producer is not failed)
        after = await publisher.publish([record])
        await asyncio.to_thread(publisher.close)
        return before + after

    first, second = asyncio.run(published_around_a_failure())
    assert second == first + 1


def test_metrics_count_requests_by_route_and_published_records(api: httpx.Client) -> None:
    api.post("/ingest/transaction", json=buy())
    api.get("/portfolios/P1/positions")
    api.get("/no/such/route")
    text = api.get("/metrics").text
    assert 'portfolio_api_published_records_total{topic="raw_transactions"}' in text
    assert (
        'requests_total{method="GET",route="/portfolios/{portfolio_id}/positions",status="503"}'
        in text
    )
    assert 'requests_total{method="any",route="none",status="404"}' in text
    assert 'portfolio_api_request_seconds_bucket{le="0.005",method="POST"' in text


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/no/such/route", 404, "not-found"),
        ("GET", "/portfolios/", 404, "not-found"),
        ("GET", "/portfolios/a%2Fb/positions", 404, "not-found"),
        ("DELETE", "/portfolios/P1/positions", 405, "method-not-allowed"),
        ("GET", "/ingest/transaction", 405, "method-not-allowed"),
        ("OPTIONS", "/livez", 405, "method-not-allowed"),
    ],
)
def test_routing_errors_are_problems_too(
    api: httpx.Client, method: str, path: str, status: int, kind: str
) -> None:
    response = api.request(method, path)
    assert problem_of(response, status)["type"] == f"urn:portfolio:problem:{kind}"
    assert (status == 405) == ("allow" in response.headers)


def test_head_is_answered_as_get_without_the_body(api: httpx.Client) -> None:
    response = api.head("/livez")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(api.get("/livez").content))
    assert api.head("/readyz").status_code == 503
    refused = api.head("/ingest/transaction")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_our_own_failure_is_a_problem_that_says_nothing_of_the_inside(
    settings: ApiSettings,
) -> None:
    app = create_app(settings)

    @app.get("/fails")
    async def fails() -> Response:
        raise RuntimeError("secret")

    with client_of(app) as api:
        response = api.get("/fails")
    assert problem_of(response, 500)["type"].endswith("internal-error")
    assert "secret" not in response.text
