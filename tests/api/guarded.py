"""An API that asks for keys, in front of a worker that is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from api.keys import Key
from api.main import create_app
from api.settings import ApiSettings
from tests.api.conftest import PARTITIONS
from tests.api.holders import bearing
from tests.api.serving import client_of, served
from tests.api.stand_in import StandIn


@dataclass(frozen=True)
class Api:
    """An API that asks for keys, and its database."""

    client: httpx.Client
    database_url: str
    worker: StandIn

    def get(self, path: str, key: Key, **parameters: str) -> httpx.Response:
        return self.client.get(path, params=parameters, headers=bearing(key))

    def post(self, path: str, key: Key, body: object, **parameters: str) -> httpx.Response:
        return self.client.post(path, json=body, params=parameters, headers=bearing(key))


@contextmanager
def guarded(settings: ApiSettings, database_url: str, **changes: Any) -> Iterator[Api]:  # noqa: ANN401
    worker = StandIn(PARTITIONS)
    with served(worker.app) as url:
        worker.owners = dict.fromkeys(range(PARTITIONS), url)
        told = replace(
            settings,
            partitions=PARTITIONS,
            database_url=database_url,
            worker_urls=(url,),
            **({"api_keys": "required"} | changes),
        )
        with client_of(create_app(told)) as client:
            yield Api(client, database_url, worker)
