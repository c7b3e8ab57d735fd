"""`portfolio run`: the whole system with the sample in it, and what came out."""

import importlib.resources
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from cli import addresses, keys, story, up
from cli.asking import Api
from cli.ingest import ingest_file
from cli.lag import wait_until_applied
from cli.printing import console, json_option, messages, print_json
from cli.servers import broker
from cli.servers.supervise import Supervisor
from cli.settings import Settings
from cli.verify import command as verify

WORKERS = 2
APPLIED_SECONDS_MAX = 120.0
FILES = (
    "portfolios.jsonl",
    "transactions.csv",
    "instruments.csv",
    "market_prices.csv",
    "fx_rates.csv",
)
DIFFERENCES_SHOWN_MAX = 20


@click.command()
@click.option("--exit", "exits", is_flag=True, help="Stop everything after printing.")
@json_option
@click.pass_context
def run(context: click.Context, exits: bool, as_json: bool) -> None:
    """Everything of `up`, the sample ingested and booked, and a look at what came out.

    Serves until Ctrl-C. Where `up` runs already its system is used, and goes on. The exit code is
    1 where the calculator alone comes to other books.
    """
    settings: Settings = context.obj
    with _system(settings) as supervisor:
        _ingest(settings)
        with keys.lent(settings) as with_key, closing(Api(with_key)) as api:
            told = story.tell(api)
        began = time.monotonic()
        report = verify.verified(settings, DIFFERENCES_SHOWN_MAX, APPLIED_SECONDS_MAX)
        seconds = time.monotonic() - began
        if as_json:
            print_json({**told, "verified": verify.described(report, seconds)})
        else:
            console().print(story.shown(told))
            verify.show(report, seconds)
            console().print(story.further(told))
        if supervisor is not None and not exits:
            up.tell(settings)
            messages().print("Ctrl-C stops everything.")
            supervisor.wait()
    context.exit(0 if report.is_good else 1)


@contextmanager
def _system(settings: Settings) -> Iterator[Supervisor | None]:
    """The system, started where none runs; None where one does."""
    if addresses.written(settings) is not None:
        yield None
        return
    with up.system(settings, WORKERS) as supervisor:
        yield supervisor


def _ingest(settings: Settings) -> None:
    """Send the sample and wait until all of it is booked and stored."""
    kafka = broker(settings)
    say = messages()
    with importlib.resources.as_file(importlib.resources.files("samples")) as folder:
        for name in FILES:
            summary = ingest_file(Path(folder) / name, kafka)
            say.print(f"sent {summary.sent} records of {name}", style="dim")
    wait_until_applied(settings, APPLIED_SECONDS_MAX)
