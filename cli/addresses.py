"""Where the parts of a running system are: what `up` wrote down, else what the settings say."""

import json
from dataclasses import dataclass
from pathlib import Path

from cli.servers import supervise
from cli.servers.ports import LOOPBACK
from cli.settings import Settings

WORKER_PORT = 6066  # of a worker that is started by hand and told nothing else
_ANY_HOST = {"0.0.0.0": LOOPBACK, "::": "::1"}  # listened on, but nothing to connect to


@dataclass(frozen=True, slots=True)
class Addresses:
    """The HTTP doors of the system."""

    api: str
    workers: tuple[str, ...]
    store: str | None = None  # only one that `up` started is known


def file(settings: Settings) -> Path:
    return settings.data_dir / "up.json"


def write(settings: Settings, pid: int, found: Addresses) -> None:
    """Say where everything is, all of it or nothing; pid is the supervisor's."""
    content = {
        "pid": pid,
        "api": {"url": found.api},
        "workers": [{"url": url} for url in found.workers],
        "store": {"url": found.store},
    }
    draft = file(settings).with_suffix(".new")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(file(settings))


def remove(settings: Settings) -> None:
    file(settings).unlink(missing_ok=True)


def written(settings: Settings) -> Addresses | None:
    """What the supervisor that runs now wrote; None before everything is ready, and without one."""
    supervisor = supervise.running(settings)
    if supervisor is None:
        return None
    try:
        content = json.loads(file(settings).read_text())
    except FileNotFoundError:
        return None
    if content["pid"] != supervisor.pid:
        return None
    workers = tuple(worker["url"] for worker in content["workers"])
    return Addresses(content["api"]["url"], workers, content["store"]["url"])


def addresses(settings: Settings) -> Addresses:
    """Where to ask."""
    found = written(settings)
    if found is not None:
        return found
    workers = settings.worker_urls or (local_url(WORKER_PORT),)
    return Addresses(api_url(settings), workers)


def api_url(settings: Settings) -> str:
    host = _ANY_HOST.get(settings.api_host, settings.api_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api_port}"


def local_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
