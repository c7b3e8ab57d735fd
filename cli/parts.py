"""The processes that make the system, as commands to be kept running: workers, store, API."""

import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cli.servers import Connections, ports
from cli.servers.embedded import Files
from cli.servers.errors import ServerError
from cli.servers.processes import Command
from cli.settings import Settings
from streams.settings import NO_CURRENCY

PROGRAM = (sys.executable, "-P", "-m", "cli.main")


def worker_ports(settings: Settings, workers: int) -> list[int]:
    """A free port for each worker, the same ones at every start as long as nobody takes them."""
    files = Files(settings.data_dir)
    return [ports.free(files.ports, f"worker-{number}") for number in range(1, workers + 1)]


def store_port(settings: Settings) -> int:
    return ports.free(Files(settings.data_dir).ports, "store")


def demand_api_port(settings: Settings) -> None:
    """The port of the API must be free, and be ours to take."""
    try:
        ports.try_to_listen(settings.api_port, settings.api_host)
    except OSError as error:
        raise ServerError(_refusal(settings, error)) from error


def _refusal(settings: Settings, error: OSError) -> str:
    host, port = settings.api_host, settings.api_port
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is taken by another program: set API_PORT"
        case errno.EACCES | errno.EPERM:
            return f"this account may not listen on port {port} of {host}: set API_PORT"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine: set API_HOST"
        case _:  # also what cannot be resolved, which has numbers of its own
            return f"the API cannot listen at {host}: {error.strerror}: set API_HOST"


def worker(settings: Settings, found: Connections, number: int, port: int) -> Command:
    """The worker of that number, with a state folder of its own."""
    folder = workers_dir(settings) / str(number)
    arguments = ["worker", "--http-port", str(port), "--datadir", str(folder)]
    return _command(settings, found, f"worker-{number}", arguments)


def store(settings: Settings, found: Connections, port: int) -> Command:
    return _command(settings, found, "store", ["store", "--http-port", str(port)])


def api(settings: Settings, found: Connections, worker_urls: tuple[str, ...]) -> Command:
    told = replace(settings, worker_urls=worker_urls)
    return _command(told, found, "api", ["api"])


def workers_dir(settings: Settings) -> Path:
    """Where the workers that `up` starts keep their state."""
    return settings.data_dir / "workers"


def store_dir(settings: Settings) -> Path:
    return settings.data_dir / "store"


def _command(settings: Settings, found: Connections, name: str, arguments: list[str]) -> Command:
    files = Files(settings.data_dir)
    return Command(
        name=name,
        argv=[*PROGRAM, *arguments],
        log=files.log(name),
        pid_file=files.pid(name),
        environment={**os.environ, **environment(settings, found)},
    )


def environment(settings: Settings, found: Connections) -> Mapping[str, str]:
    """These settings as the variables that a process reads them from.

    Here and nowhere else are secrets handed on: everybody may see the arguments of a process.
    """
    return {
        "DATA_DIR": str(settings.data_dir),
        **found.kafka.variables,
        "DATABASE_URL": found.database_url,
        "PARTITIONS": str(settings.partitions),
        "API_HOST": settings.api_host,
        "API_PORT": str(settings.api_port),
        "API_KEYS": settings.api_keys,
        "RATE_LIMIT": str(settings.rate_limit),
        "STREAMS_MAX": str(settings.streams_max),
        "CLUSTER_SECRET": settings.cluster_secret or "",
        "WORKER_URLS": ",".join(settings.worker_urls),
        "DEFAULT_COST_BASIS_METHOD": settings.default_cost_basis_method.value,
        "PRICE_MAX_AGE_DAYS": str(settings.price_max_age_days),
        "FX_MAX_AGE_DAYS": str(settings.fx_max_age_days),
        "FX_CROSS_CURRENCY": settings.fx_cross_currency or NO_CURRENCY,
        "LOG_LEVEL": settings.log_level,
        "LOG_FORMAT": settings.log_format or "",
    }
