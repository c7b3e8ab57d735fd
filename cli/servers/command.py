"""`portfolio servers`: the embedded Kafka and PostgreSQL alone."""

import json
from typing import Any

import click

from cli.printing import masked
from cli.servers import embedded
from cli.servers.embedded import Connections
from cli.settings import Settings


@click.group()
def servers() -> None:
    """Kafka and PostgreSQL, embedded: they live from `up` until `down`."""


@servers.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def up(settings: Settings, as_json: bool) -> None:
    """Start them, unless they run; return when both answer."""
    found = embedded.up(settings)
    if as_json:
        click.echo(json.dumps(_described(settings, found)))
        return
    click.echo(f"Kafka       {found.kafka.bootstrap}")
    click.echo(f"PostgreSQL  {masked(found.database_url)}")


@servers.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def down(settings: Settings, as_json: bool) -> None:
    """Stop them; what they store stays."""
    stopped = embedded.down(settings)
    if as_json:
        click.echo(json.dumps({"stopped": stopped}))
    else:
        click.echo("stopped " + " and ".join(stopped) if stopped else "nothing was running")


def _described(settings: Settings, found: Connections) -> dict[str, Any]:
    """What `status` says too, and the process behind each embedded server."""
    pids = {name: process.pid for name, process in embedded.running(settings).items()}
    return {
        "kafka": {"bootstrap": found.kafka.bootstrap, "pid": pids.get("kafka")},
        "database": {"url": found.database_url, "pid": pids.get("postgres")},
    }
