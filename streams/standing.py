"""The store's HTTP: whether it keeps up, and its metrics."""

from collections.abc import Callable, Mapping

from confluent_kafka import KafkaException
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from faust.types.tuples import TP
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams import metrics
from streams.doors import bare_api
from streams.ends import Ends
from wire.broker import Broker

OK = "ok"


def create_api(
    broker: Broker,
    standing: Callable[[], str],
    progress: Callable[[], Mapping[TP, int]],
    cluster_secret: str | None,
) -> FastAPI:
    """`standing` says OK or what the store waits for, `progress` how far each partition is."""
    api = bare_api("Store", cluster_secret)
    committed = Ends(broker)

    @api.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": OK}

    @api.get("/readyz")
    async def readyz() -> Response:
        state = standing()
        return JSONResponse({"status": state}, 200 if state == OK else 503)

    @api.get("/metrics")
    def prometheus() -> Response:
        done = progress()
        try:
            ends = committed.of(done.keys())
        except KafkaException:
            metrics.STORE_LAG.set(float("nan"))  # unknown, which no number says
        else:
            metrics.STORE_LAG.set(sum(max(0, end - done[tp]) for tp, end in ends.items()))
        return Response(generate_latest(metrics.STORE_REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return api
