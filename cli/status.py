"""`portfolio status`: what runs, who owns which partitions, and how far everything is."""

from typing import Any

import click

from cli import addresses, lag
from cli.printing import console, json_option, masked, print_json, table
from cli.readiness import unready
from cli.servers import Connections, ServerError, connections, processes
from cli.servers.embedded import Files
from cli.settings import Settings
from cli.workers import COUNTS, Workers


@click.command()
@json_option
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Servers, workers and what they own, lag, and what became of the inputs.

    Exit code 1 where a part is away that should be there. lag.book counts records of the inputs
    that are not booked, lag.store results and reference data that are not in PostgreSQL; where both are 0,
    every answer shows everything that came in.
    """
    found = collect(context.obj)
    if as_json:
        print_json(found)
    else:
        _show(found)
    context.exit(1 if found["away"] else 0)


def collect(settings: Settings) -> dict[str, Any]:
    """Everything that `status --json` says."""
    away: list[str] = []
    found: dict[str, Any] = {
        "kafka": {"bootstrap": settings.kafka and settings.kafka.bootstrap},
        "database": {"url": settings.database_url},
        "api": _api(settings, away),
        "store": _store(settings, away),
        "workers": [],
        "lag": {"book": None, "store": None},
        "inputs": dict.fromkeys(COUNTS),
        "away": away,
    }
    try:
        servers = connections(settings)
    except ServerError as error:
        away.append(str(error))
        return found
    found["kafka"]["bootstrap"] = servers.kafka.bootstrap
    found["database"]["url"] = servers.database_url
    _add_books(settings, servers, found)
    return found


def _add_books(settings: Settings, servers: Connections, found: dict[str, Any]) -> None:
    workers = lag.ask_all(settings)
    found["workers"] = [
        {
            "pid": one.pid,
            "url": one.url,
            "partitions": one.partitions,
            "lag": one.lag,
            "unsettled": one.unsettled,
        }
        for one in workers.statuses
    ]
    # Where nobody says anything nothing is known, which is not the same as nothing.
    if workers.statuses:
        found["inputs"] = workers.inputs()
    found["away"] += _silent(settings, workers) + _unserved(workers, settings.partitions)
    try:
        found["lag"]["book"] = lag.behind_the_books(servers, workers, settings.partitions)
        found["lag"]["store"] = lag.behind_the_store(servers, settings.partitions)
    except ServerError as error:
        found["away"].append(str(error))


def _silent(settings: Settings, workers: Workers) -> list[str]:
    """Workers that `up` started and that do not answer, though others may serve for them."""
    started = addresses.written(settings)
    heard = {one.url for one in workers.statuses}
    silent = [url for url in started.workers if url not in heard] if started is not None else []
    return workers.refusals() + [
        f"the worker {url} does not answer" for url in silent if url not in workers.refusing
    ]


def _unserved(workers: Workers, partitions: int) -> list[str]:
    unserved = workers.unserved(partitions)
    if not unserved:
        return []
    return ["no worker serves partition " + ", ".join(map(str, unserved))]


def _api(settings: Settings, away: list[str]) -> dict[str, Any]:
    url = addresses.addresses(settings).api
    said = unready(url)
    # Without `up` nobody promised an API: workers and a store may run alone.
    if said is not None and addresses.written(settings) is not None:
        away.append(f"the API {said}")
    return {"url": url, "is_ready": said is None, "pid": _pid(settings, "api")}


def _store(settings: Settings, away: list[str]) -> dict[str, Any]:
    """Of a store that `up` did not start neither the place nor the state is known."""
    url = addresses.addresses(settings).store
    said = None if url is None else unready(url)
    if said is not None:
        away.append(f"the store {said}")
    is_ready = None if url is None else said is None
    return {"url": url, "is_ready": is_ready, "pid": _pid(settings, "store")}


def _pid(settings: Settings, name: str) -> int | None:
    """Of a process that `up` keeps running."""
    process = processes.find(Files(settings.data_dir).pid(name))
    return None if process is None else process.pid


def _show(found: dict[str, Any]) -> None:
    out = console()
    database = found["database"]["url"]
    out.print(f"Kafka       {found['kafka']['bootstrap'] or 'away'}")
    out.print(f"PostgreSQL  {masked(database) if database else 'away'}")
    for name, part in (("API  ", found["api"]), ("store", found["store"])):
        if part["url"] is not None:
            out.print(f"{name}       {part['url']}{'' if part['is_ready'] else '  not ready'}")
    columns = ["pid", "url", "partitions", "lag", "re-booking"]
    rows = [
        (w["pid"], w["url"], " ".join(map(str, w["partitions"])), _known(w["lag"]), w["unsettled"])
        for w in found["workers"]
    ]
    out.print(table("workers", columns, rows))
    behind = found["lag"]
    out.print(f"lag         {_known(behind['book'])} to book, {_known(behind['store'])} to store")
    counts = [f"{_known(count)} {name}" for name, count in found["inputs"].items()]
    out.print("inputs      " + ", ".join(counts))
    for line in found["away"]:
        out.print(f"away: {line}", style="red")


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)
