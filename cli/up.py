"""`portfolio up` and `down`: the whole system on this machine."""

import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from api.settings import needs_keys
from cli import addresses, parts
from cli.addresses import Addresses
from cli.failures import told_plainly
from cli.printing import console, json_option, masked, messages, print_json
from cli.readiness import unready
from cli.servers import Connections, ServerError, embedded, processes, supervise
from cli.servers.embedded import Files
from cli.servers.supervise import Supervisor
from cli.settings import Settings
from migrations.upgrade import upgrade
from streams import logs
from streams.topics import TopicsMismatch, create_topics

READY_SECONDS_MAX = 120.0
# The first start also fetches Kafka's jars.
DETACHED_SECONDS_MAX = 600.0
LINES_OF_A_REFUSAL = 3


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--detach", is_flag=True, help="Return when it is ready; `down` ends it.")
@json_option
@click.pass_obj
def up(settings: Settings, workers: int, detach: bool, as_json: bool) -> None:
    """Servers, workers, store and API, until Ctrl-C or `down`.

    Kafka and PostgreSQL are embedded unless KAFKA_BOOTSTRAP and DATABASE_URL say where they are.
    """
    if detach:
        supervise.detach(
            settings,
            ["up", "--workers", str(workers)],
            lambda: addresses.written(settings) is not None,
            DETACHED_SECONDS_MAX,
        )
        tell(settings, as_json=as_json)
        return
    with system(settings, workers) as supervisor:
        tell(settings, as_json=as_json)
        if not as_json:
            messages().print("Ctrl-C stops everything.")
        supervisor.wait()


@click.command()
@json_option
@click.pass_obj
def down(settings: Settings, as_json: bool) -> None:
    """Stop what `up` started, and the embedded servers; what they store stays."""
    stopped = []
    supervisor = supervise.running(settings)
    if supervisor is not None:
        supervise.stop(supervisor)
        addresses.remove(settings)
        stopped.append("portfolio")
    stopped += embedded.down(settings)
    if as_json:
        print_json({"stopped": stopped})
    else:
        console().print("stopped " + " and ".join(stopped) if stopped else "nothing was running")


@contextmanager
def system(settings: Settings, workers: int) -> Iterator[Supervisor]:
    """Everything, ready to answer; the end of the `with` stops what it started."""
    logs.configure(settings.log_level, settings.log_format)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    say = messages()
    with supervise.claimed(settings), Supervisor(say.print) as supervisor:
        addresses.remove(settings)
        parts.demand_api_port(settings)
        say.print("starting Kafka and PostgreSQL", style="dim")
        found = embedded.up(settings, start=supervisor.start)
        prepare(settings, found)
        say.print(f"starting {workers} workers, the store and the API", style="dim")
        doors = _start(settings, found, supervisor, workers)
        wait_until_ready(settings, supervisor, doors)
        addresses.write(settings, os.getpid(), doors)
        try:
            yield supervisor
        finally:
            addresses.remove(settings)
            say.print("stopping", style="dim")


def prepare(settings: Settings, found: Connections) -> None:
    """Topics and tables, where they are missing."""
    with told_plainly():
        try:
            create_topics(found.kafka, settings.partitions)
        except TopicsMismatch as error:
            raise ServerError(str(error)) from error
        upgrade(found.database_url)


def tell(settings: Settings, *, as_json: bool = False) -> None:
    """Say where everything is."""
    doors = addresses.addresses(settings)
    found = embedded.connections(settings)
    if as_json:
        print_json(
            {
                "kafka": {"bootstrap": found.kafka.bootstrap},
                "database": {"url": found.database_url},
                "api": {"url": doors.api},
                "workers": [{"url": url} for url in doors.workers],
            }
        )
        return
    out = console()
    out.print(f"API         {doors.api}/docs")
    if needs_keys(settings.api_host, settings.api_keys):
        out.print(
            "            asks for a key: `portfolio keys add NAME --scope read --scope write`"
        )
    out.print(f"Kafka       {found.kafka.bootstrap}")
    out.print(f"PostgreSQL  {masked(found.database_url)}")
    out.print(f"workers     {'  '.join(doors.workers)}")
    out.print(f"logs        {Files(settings.data_dir).log('api').parent}")
    beside = Path(sys.executable).with_name("portfolio")
    program = "portfolio" if shutil.which("portfolio") else os.path.relpath(beside)
    out.print(f"Next: `{program} ingest FILE`, `{program} status`, `{program} --help`.")


def _start(
    settings: Settings, found: Connections, supervisor: Supervisor, workers: int
) -> Addresses:
    ports = parts.worker_ports(settings, workers)
    store_port = parts.store_port(settings)
    doors = Addresses(
        addresses.api_url(settings),
        tuple(map(addresses.local_url, ports)),
        addresses.local_url(store_port),
    )
    numbered = list(enumerate(ports, 1))
    behind = [parts.worker(settings, found, number, port) for number, port in numbered]
    # The API ends first: nobody asks workers that are gone.
    supervisor.start_all([*behind, parts.store(settings, found, store_port)])
    supervisor.start(parts.api(settings, found, doors.workers))
    return doors


def wait_until_ready(settings: Settings, supervisor: Supervisor, doors: Addresses) -> None:
    """Every part of the system, or say which does not come."""
    parts_by_url = dict.fromkeys(doors.workers, "the worker") | {doors.api: "the API"}
    if doors.store is not None:
        parts_by_url[doors.store] = "the store"
    deadline = time.monotonic() + READY_SECONDS_MAX
    while True:
        said = {url: why for url in parts_by_url if (why := unready(url)) is not None}
        if not said:
            return
        for command in supervisor.refusing():
            end = processes.tail(command.log, LINES_OF_A_REFUSAL)
            raise ServerError(
                f"{command.name} refuses its settings; {command.log} ends with\n{end}"
            )
        if time.monotonic() > deadline:
            lines = [f"{parts_by_url[url]} {url} {why}" for url, why in said.items()]
            raise ServerError(
                f"not ready after {READY_SECONDS_MAX:.0f} s:\n"
                + "\n".join([*lines, _ends_of_logs(settings, supervisor)])
            )
        time.sleep(0.1)


def _ends_of_logs(settings: Settings, supervisor: Supervisor) -> str:
    """What those said last that ended and had to be started again."""
    files = Files(settings.data_dir)
    failing = [name for name, restarts in supervisor.restarts().items() if restarts]
    return "\n".join(
        f"the end of {files.log(name)}:\n{processes.tail(files.log(name))}" for name in failing
    )
