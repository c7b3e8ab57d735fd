"""Events from Kafka to committed rows of PostgreSQL, by real processes on real servers.

Each run has empty topics and tables. Everything is sent before the first worker starts. Time goes
from the first row that is committed to the last. What came out is compared with an independent
fold, and a wrong result ends the benchmark with status 1.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import click
import psycopg2

from bench import floor
from bench.calculator import Alone
from bench.load import METHODS, PARTITIONS, Load, Totals, expected, send
from bench.machine import Snapshot, Usage, describe
from bench.report import Measured, Run, print_measured
from bench.stage import ROOT, BenchmarkError, Stage, System
from cli.lag import behind_the_store
from cli.servers import ServerError
from wire.topics import COMPLETED

POLL_SECONDS = 0.05
STALL_SECONDS_MAX = 60.0
_STORED = (
    f"SELECT coalesce(sum(next_offset), 0) FROM store_progress WHERE topic = '{COMPLETED.name}'"
)
_TOTALS = """\
SELECT
    (SELECT count(*) FROM transactions WHERE status = 'BOOKED'),
    (SELECT count(*) FROM lot_disposals),
    (SELECT sum(open_lots) FROM positions),
    (SELECT sum(quantity) FROM positions),
    (SELECT sum(cost) FROM positions),
    (SELECT sum(realized_gain_loss) FROM transactions)
"""


class Watch:
    """Looks at how many results are stored, without asking much."""

    def __init__(self, database_url: str, system: System, events: int) -> None:
        self._connection = psycopg2.connect(database_url)
        self._connection.autocommit = True
        self._system = system
        self._events = events

    def close(self) -> None:
        self._connection.close()

    def _ask(self, question: str) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(question)
            ((answer,),) = cursor.fetchall()
            return int(answer)

    def stored(self) -> int:
        """Rows, and transaction markers as long as some are missing; counting takes long."""
        reached = self._ask(_STORED)
        return reached if reached < self._events else self.rows()

    def rows(self) -> int:
        return self._ask("SELECT count(*) FROM transactions")

    def wait_for(self, events: int) -> int:
        """Wait until at least so many are stored; return how many are."""
        last, moved_at = -1, time.monotonic()
        while (now := self.stored()) < events:
            if now != last:
                last, moved_at = now, time.monotonic()
            self._system.require_running()
            if time.monotonic() - moved_at > STALL_SECONDS_MAX:
                raise BenchmarkError(f"nothing happens after {now} of {self._events} results")
            time.sleep(POLL_SECONDS)
        return now


def run_once(
    stage: Stage, load: Load, workers: int, totals: Totals, say: Callable[[str], None]
) -> Run:
    """One run on empty topics and tables, and the limits beside it."""
    say("sending ...")
    stage.begin_anew()
    send(stage.connections.kafka, load)
    say("running ...")
    with stage.system(workers) as system:
        started = time.perf_counter()
        watch = Watch(stage.connections.database_url, system, load.events)
        kinds = {
            "workers": [process.pid for process in system.workers.values()],
            "store": [process.pid for process in system.store.values()],
            "broker": [stage.pid("kafka")],
            "postgres": [stage.pid("postgres")],
        }
        watch.wait_for(1)
        begin, before = Snapshot.take(kinds), watch.rows()
        half_rows, half_at = watch.wait_for(load.events // 2), time.perf_counter()
        watch.wait_for(load.events)
        end = Snapshot.take(kinds)
        watch.close()
        _wait_for_positions(stage, system)
        settled_at = time.perf_counter()
    check(stage.connections.database_url, totals)
    measured = load.events - before
    if measured <= 0:
        raise BenchmarkError("all was stored at once: take more events")
    say("the limits beside it ...")
    return Run(
        workers=workers,
        events_per_second=measured / (end.at - begin.at),
        second_half=(load.events - half_rows) / (end.at - half_at),
        usage=Usage.between(begin, end, measured),
        seconds_to_first_row=begin.at - started,
        seconds_to_positions=settled_at - end.at,
        floors={
            "unindexed": floor.measure(stage, load.events, has_primary_key=False),
            "primary key": floor.measure(stage, load.events, has_primary_key=True),
        },
        alone=_alone(load),
    )


def _wait_for_positions(stage: Stage, system: System) -> None:
    deadline = time.monotonic() + STALL_SECONDS_MAX
    while behind_the_store(stage.connections, PARTITIONS):
        system.require_running()
        if time.monotonic() > deadline:
            raise BenchmarkError("the store does not come to the end of its topics")
        time.sleep(POLL_SECONDS)


def check(database_url: str, totals: Totals) -> None:
    """Raise BenchmarkError where the tables are not those of the independent fold."""
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(_TOTALS)
        found = Totals(*cursor.fetchall()[0])
    connection.close()
    if found != totals:
        raise BenchmarkError(f"the books are wrong:\nfound    {found}\nexpected {totals}")


def _alone(load: Load) -> Alone:
    """In a process of its own, which gives its memory back."""
    arguments = ["--events", str(load.events), "--method", load.method, "--json"]
    printed = subprocess.run(
        [sys.executable, "-m", "bench.calculator", *arguments],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if printed.returncode:
        raise BenchmarkError(printed.stderr.decode())
    return Alone(**json.loads(printed.stdout))


def measure(load: Load, workers: Sequence[int], runs: int) -> Measured:
    """All runs on one pair of servers; the numbers of workers take turns, so that a busy
    machine does not meet one of them alone."""
    totals, done = expected(load), []
    machine = describe()
    with Stage() as stage:
        machine["postgresql"] = stage.postgresql_version()
        for number in range(1, runs + 1):
            for count in workers:
                title = f"run {number} of {runs}, {count} worker{'s' if count > 1 else ''}: "

                def say(what: str, title: str = title) -> None:
                    click.echo(title + what, err=True)

                done.append(run_once(stage, load, count, totals, say))
                say(f"{done[-1].events_per_second:,.0f} events/s")
    return Measured(load, machine, done)


@click.command()
@click.option("--events", default=400_000, show_default=True, type=click.IntRange(10_000))
@click.option(
    "--workers", "-w", default=(2,), show_default=True, multiple=True, type=click.IntRange(1, 8),
    help="Number of workers; given twice, both are measured in turns.",
)  # fmt: skip
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@click.option("--method", default="FIFO", show_default=True, type=click.Choice(METHODS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(events: int, workers: tuple[int, ...], runs: int, method: str, as_json: bool) -> None:
    """Measure workers and a store from Kafka to committed rows."""
    try:
        measured = measure(Load(events=events, method=method), workers, runs)
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(measured.as_json()))
    else:
        print_measured(measured)


if __name__ == "__main__":
    main()
