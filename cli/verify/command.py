"""`portfolio verify`: whether all that the system says is what the calculator says."""

import time
from collections.abc import Sequence

import click

from calculator import Rates
from cli.failures import told_plainly
from cli.lag import wait_until_applied
from cli.printing import console, json_option, print_json
from cli.servers import connections
from cli.settings import Settings
from cli.verify.check import LIVE_TRANSACTIONS, check
from cli.verify.report import Report


@click.command()
@click.option(
    "--limit", type=click.IntRange(0), default=50, show_default=True, help="Differences to print."
)
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds to wait until everything that came in is booked and stored.",
)
@json_option
@click.pass_context
def verify(context: click.Context, limit: int, wait_seconds: float, as_json: bool) -> None:
    """Book every input again with the calculator alone; compare PostgreSQL, topics, live tables.

    Nothing may come in meanwhile. Exit code 1 where anything differs.
    """
    began = time.monotonic()
    report = verified(context.obj, limit, wait_seconds)
    seconds = time.monotonic() - began
    if as_json:
        print_json(described(report, seconds))
    else:
        show(report, seconds)
    context.exit(0 if report.is_good else 1)


def verified(settings: Settings, limit: int, wait_seconds: float) -> Report:
    """Wait until the system has done its work, then compare."""
    found = connections(settings)
    workers = wait_until_applied(settings, wait_seconds)
    with told_plainly():
        return check(
            found,
            workers,
            settings.partitions,
            settings.default_cost_basis_method,
            Rates(settings.fx_cross_currency, settings.fx_max_age_days),
            limit,
        )


def described(report: Report, seconds: float) -> dict[str, object]:
    """What `verify --json` says."""
    return {
        "good": report.is_good,
        "events": report.events,
        "compared": report.compared,
        "differences": report.differing.total(),
        "differing": report.differing,
        "first": [
            {
                "place": one.place,
                "key": one.key,
                "column": one.column,
                "expected": one.expected,
                "found": one.found,
            }
            for one in report.differences
        ],
        "not_asked": report.not_asked,
        "moved": report.has_moved,
        "seconds": round(seconds, 3),
    }


def show(report: Report, seconds: float) -> None:
    """The same for people."""
    out = console()
    for difference in report.differences:
        out.print(str(difference))
    total = report.differing.total()
    compared = f"{report.compared.total()} rows of {report.events} events in {seconds:.1f} s"
    if report.not_asked:
        asked = report.compared[LIVE_TRANSACTIONS]
        out.print(f"of {asked + report.not_asked} transactions {asked}, evenly, were asked live")
    if report.is_good:
        out.print(f"verified {compared}: all is as the calculator says")
        return
    out.print(f"{total} differences in {compared}: {_by_place(report.differing.most_common())}")
    if report.has_moved:
        out.print("More came in meanwhile: verify again when nothing does.")


def _by_place(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{count} in {place}" for place, count in counts)
