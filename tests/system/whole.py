"""A worker, a store and the API, started together."""

import json
from collections.abc import Mapping
from pathlib import Path

import httpx

from cli.servers import Connections
from tests.system.sight import Row
from tests.system.system import System, free_port

ANSWER_SECONDS_MAX = 20


class Whole(System):
    """Runs from the start, whether its parts get ready or not."""

    def __init__(
        self, servers: Connections, folder: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(servers, servers.database_url, folder)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.parts = [self.worker(), self.store, self.api(port)]
        for part in self.parts:
            part.settings = dict(settings or {})
            part.start()

    def readiness(self) -> tuple[int, str]:
        """What /readyz of the API answers; 0 while nobody listens."""
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=ANSWER_SECONDS_MAX, trust_env=False)
        except httpx.HTTPError as error:
            return 0, repr(error)
        return answer.status_code, answer.text

    def wait_until_ready(self) -> None:
        self.wait_until(lambda: self.readiness()[0] == 200, 60, "the API is ready")

    def apply(self, event: Row) -> str:
        """What becomes of an event that comes in over HTTP."""
        answer = httpx.post(
            f"{self.url}/ingest/transaction?wait=applied",
            content=json.dumps(event),
            timeout=ANSWER_SECONDS_MAX,
            trust_env=False,
        )
        outcome: str = answer.json()["outcome"]
        return outcome

    def logs(self) -> list[str]:
        """What each part said: the worker, the store, the API."""
        return [part.log_path.read_text() for part in self.parts]
