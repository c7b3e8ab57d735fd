"""Our own processes on a stage: workers, a store and an API, in a folder that ends with them."""

import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.load import PARTITIONS
from bench.stage import START_SECONDS_MAX, Programs, Stage
from cli.readiness import unready
from cli.servers import Connections
from cli.servers.ports import is_free

PORTS = range(30_100, 30_200)


@contextmanager
def running(
    stage: Stage, workers: int, *, has_store: bool = True, has_api: bool = False
) -> Iterator["System"]:
    """A store that is ready and an API that answers, then workers that have just begun to start."""
    with stage.programs() as programs:
        system = System(stage, programs)
        if has_store:
            system.start_store()
        if has_api:
            system.start_api(workers)
        for number in range(workers):
            system.start_worker(number)
        yield system


class System:
    """The processes that are measured."""

    def __init__(self, stage: Stage, programs: Programs) -> None:
        self._stage = stage
        self._programs = programs
        self.require_running = programs.require_running
        self._environment = environment(stage.connections, programs.folder)
        self._pids: dict[str, dict[str, int]] = defaultdict(dict)  # by kind and name
        self._free_ports = free_ports()
        self._ports: dict[str, int] = {}

    def kinds(self) -> dict[str, list[int]]:
        """Our processes and the servers, as `bench.machine.Snapshot` takes them."""
        ours = {kind: list(pids.values()) for kind, pids in self._pids.items()}
        return ours | self._stage.servers()

    def start_store(self) -> None:
        self._start("store", "store", "store")
        log = self._programs.log("store")
        self._programs.wait("the store", lambda: "took_over" in log.read_text())

    def start_api(self, workers: int) -> None:
        urls = ",".join(map(self.url_of, range(workers)))
        # Without workers it takes in all the same.
        settings = {"WORKER_URLS": urls} if urls else {}
        self._start("api", "api", "api", "--port", str(self._port("api")), **settings)
        self._programs.wait("the API", lambda: answers(f"{self.api_url}/livez"))

    def wait_until_ready(self) -> None:
        """Until the API says that each part is there and each partition is served."""
        self._programs.wait("the system", lambda: unready(self.api_url) is None)

    def wait_until_served(self) -> None:
        """Until a worker has every partition, whatever else there is."""
        url = f"{self.url_of(0)}/readyz"
        self._programs.wait("the worker", lambda: answers(url))

    def start_worker(self, number: int) -> int:
        """Start it, or start it again in its folder; return its pid."""
        name = _worker(number)
        port, folder = str(self._port(name)), str(self.folder_of(number))
        return self._start("workers", name, "worker", "--http-port", port, "--datadir", folder)

    def stop_worker(self, number: int, *, is_killed: bool = False) -> None:
        """In good order, or at once."""
        del self._pids["workers"][_worker(number)]
        self._programs.end(_worker(number), is_killed=is_killed)

    def folder_of(self, worker: int) -> Path:
        """Where a worker keeps its state."""
        return self._programs.folder / _worker(worker)

    def url_of(self, worker: int) -> str:
        return self._url(_worker(worker))

    @property
    def api_url(self) -> str:
        return self._url("api")

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._port(name)}"

    def _port(self, name: str) -> int:
        """The same at every start."""
        if name not in self._ports:
            self._ports[name] = next(self._free_ports)
        return self._ports[name]

    def _start(self, kind: str, name: str, *arguments: str, **settings: str) -> int:
        argv = [sys.executable, "-m", "cli.main", *arguments]
        pid = self._programs.start(name, argv, self._environment | settings)
        self._pids[kind][name] = pid
        return pid


def free_ports() -> Iterator[int]:
    """In any order: another benchmark may be about to take the same."""
    return filter(is_free, random.sample(PORTS, len(PORTS)))


def environment(connections: Connections, folder: Path) -> dict[str, str]:
    """What a process of the system is told."""
    return {
        "DATA_DIR": str(folder),
        "KAFKA_BOOTSTRAP": connections.kafka.bootstrap,
        "DATABASE_URL": connections.database_url,
        "PARTITIONS": str(PARTITIONS),
        "LOG_FORMAT": "json",
    }


def _worker(number: int) -> str:
    return f"worker-{number}"


def answers(url: str) -> bool:
    """Whether somebody answers there, and well."""
    try:
        return httpx.get(url, timeout=START_SECONDS_MAX, trust_env=False).is_success
    except httpx.HTTPError:
        return False
