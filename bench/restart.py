"""How soon a worker is back: on its disk, on an empty one, and when much came while it was away.

One worker and a store, with many transactions booked. The worker is stopped, events arrive, it is
started again, and a reader of the results topic says when the first of them is booked; time goes
from the start of the process. In the end all books are compared with the independent fold.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click

from bench.comeback import Books, CatchUp, Start
from bench.figures import Figure, Report, of_usage
from bench.machine import describe
from bench.results import read_all
from bench.stage import ROOT, BenchmarkError, Stage
from bench.system import running
from cli.printing import json_option
from cli.servers import ServerError

FIRST_SECONDS_MAX = 5.0  # aimed at
REBUILT_PER_SECOND_MIN = 50_000.0
BOOKED_WHILE_ONE_ARRIVES_MIN = 2.0
IMPORTS = "import cli.main, cli.serve, streams.worker"


@dataclass(frozen=True, slots=True)
class Run:
    """Each way to come back, once, and the limits."""

    stopped: Start
    killed: Start
    rebuilt: Start
    rebuilt_transactions: int
    read_seconds: float
    import_seconds: float
    worked_off: CatchUp
    catch_up: CatchUp


def run_once(stage: Stage, books: Books, per_second: int, stop_seconds: float) -> Run:
    stopped, killed = books.restart(), books.restart(is_killed=True)
    books.wait_until_booked()
    transactions = books.sent
    return Run(
        stopped=stopped,
        killed=killed,
        rebuilt=books.restart(has_disk=False),
        rebuilt_transactions=transactions,
        read_seconds=read_all(stage.connections.kafka),
        import_seconds=seconds_to_import(),
        worked_off=books.work_off(per_second, stop_seconds),
        catch_up=books.catch_up(per_second, stop_seconds),
    )


def seconds_to_import() -> float:
    """A bare process that imports what a worker does."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, check=True)
    return time.perf_counter() - began


def figures(runs: Sequence[Run], per_second: int) -> dict[str, list[Figure]]:
    rebuilt = [run.rebuilt for run in runs]
    sizes = [run.rebuilt_transactions for run in runs]
    return {
        "on its disk, stopped before": _of_starts([run.stopped for run in runs]),
        "on its disk, killed before": _of_starts([run.killed for run in runs]),
        "limit: Python and imports alone": [
            Figure(name="whole process", unit="s", runs=[run.import_seconds for run in runs])
        ],
        "on an empty disk": [
            Figure(
                name="rebuilt until the first event is booked", unit="transactions/s",
                runs=[n / start.first_seconds for n, start in zip(sizes, rebuilt, strict=True)],
                at_least=REBUILT_PER_SECOND_MIN,
            ),
            Figure(
                name="CPU: worker", unit="us a transaction",
                runs=[start.cpu_seconds / n * 1e6 for n, start in zip(sizes, rebuilt, strict=True)],
            ),
            Figure(
                name="limit: bare reading of changelog and results", unit="transactions/s",
                runs=[n / run.read_seconds for n, run in zip(sizes, runs, strict=True)],
            ),
            Figure(name="transactions", unit="", runs=sizes),
        ],
        f"catching up, while {per_second:,} events/s arrive": _of_catch_ups(runs, per_second),
    }  # fmt: skip


def _of_starts(starts: Sequence[Start]) -> list[Figure]:
    return [
        Figure(
            name="first event booked", unit="s", runs=[start.first_seconds for start in starts],
            at_most=FIRST_SECONDS_MAX,
        ),
        Figure(
            name="in each partition", unit="s", runs=[start.all_seconds for start in starts]
        ),
        Figure(name="CPU: worker", unit="s", runs=[start.cpu_seconds for start in starts]),
    ]  # fmt: skip


def _of_catch_ups(runs: Sequence[Run], per_second: int) -> list[Figure]:
    catch_ups = [run.catch_up for run in runs]
    return [
        Figure(
            name="booked", unit="events/s", runs=[one.per_second for one in catch_ups],
            at_least=per_second * BOOKED_WHILE_ONE_ARRIVES_MIN,
        ),
        Figure(
            name="limit: as long a backlog in large batches, and nothing arrives", unit="events/s",
            runs=[run.worked_off.per_second for run in runs],
        ),
        Figure(name="until it has caught up", unit="s", runs=[one.seconds for one in catch_ups]),
        *of_usage([one.usage for one in catch_ups]),
    ]  # fmt: skip


@click.command()
@click.option(
    "--events", default=1_000_000, show_default=True, type=click.IntRange(1000),
    help="Transactions booked before.",
)  # fmt: skip
@click.option(
    "--per-second", default=5000, show_default=True, type=click.IntRange(100), help="Arrivals."
)
@click.option("--stop-seconds", default=60.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@json_option
def main(events: int, per_second: int, stop_seconds: float, runs: int, as_json: bool) -> None:
    """Measure how soon a worker is back."""
    machine, done = describe(), list[Run]()
    try:
        with Stage() as stage:
            stage.begin_anew()
            with running(stage, 0) as system:
                books = Books(stage, system)
                click.echo(f"booking {events:,} events", err=True)
                books.send(events)
                books.start()
                for run in range(1, runs + 1):
                    click.echo(f"run {run} of {runs}", err=True)
                    done.append(run_once(stage, books, per_second, stop_seconds))
                books.check()
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    Report(machine, figures(done, per_second)).show(as_json=as_json)


if __name__ == "__main__":
    main()
