"""Events from Kafka to committed rows of PostgreSQL, by real processes on real servers.

Each run has empty topics and tables. Everything is sent before the first worker starts. Time goes
from the first row that is committed to the last. What came out is compared with an independent
fold, and a wrong result ends the benchmark with status 1.
"""

import json
import time
from collections.abc import Callable, Sequence
from functools import partial

import click
import psycopg2

from bench import floor, plain_faust
from bench.calculator import in_a_process
from bench.load import METHODS, PARTITIONS, Load, Totals, expected, send
from bench.machine import describe
from bench.peer import peers_of, sink_option, threads_option, warm_option
from bench.report import Measured, Run, plural, print_measured
from bench.stage import BenchmarkError, Stage
from bench.system import System, running
from bench.watch import POLL_SECONDS, STALL_SECONDS_MAX, Span, Watch
from cli.lag import behind_the_store
from cli.servers import ServerError
from wire.topics import COMPLETED

# Transaction markers count as well.
_STORED = (
    f"SELECT coalesce(sum(next_offset), 0) FROM store_progress WHERE topic = '{COMPLETED.name}'"
)
# By title, where the events are in their topic already.
MeasurePeer = Callable[[Stage], dict[str, Span]]
_TOTALS = """\
SELECT
    (SELECT count(*) FROM transactions WHERE status = 'BOOKED'),
    (SELECT count(*) FROM lot_disposals),
    (SELECT sum(open_lots) FROM positions),
    (SELECT sum(quantity) FROM positions),
    (SELECT sum(cost) FROM positions),
    (SELECT sum(realized_gain_loss) FROM transactions)
"""


def run_once(
    stage: Stage, load: Load, workers: int, totals: Totals, say: Callable[[str], None]
) -> Run:
    """One run on empty topics and tables, and the limits beside it."""
    say("sending ...")
    stage.begin_anew()
    send(stage.connections.kafka, load)
    say("running ...")
    with running(stage, workers) as system:
        span = watch_of(stage, system, load.events).span(system.kinds())
        seconds_to_positions = _wait_for_positions(stage, system)
    check(stage.connections.database_url, totals)
    say("the limits beside it ...")
    return Run(
        workers=workers,
        span=span,
        seconds_to_positions=seconds_to_positions,
        floors={
            "unindexed": floor.measure(stage, load.events, has_primary_key=False),
            "primary key": floor.measure(stage, load.events, has_primary_key=True),
        },
        alone=in_a_process(load),
    )


def watch_of(stage: Stage, system: System, events: int) -> Watch:
    """On the results of so many transactions."""
    return Watch(
        database_url=stage.connections.database_url,
        table="transactions",
        progress=_STORED,
        events=events,
        require_running=system.require_running,
    )


def _wait_for_positions(stage: Stage, system: System) -> float:
    """Return the seconds it took."""
    began = time.monotonic()
    while behind_the_store(stage.connections, PARTITIONS):
        system.require_running()
        if time.monotonic() > began + STALL_SECONDS_MAX:
            raise BenchmarkError("the store does not come to the end of its topics")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def check(database_url: str, totals: Totals) -> None:
    """Raise BenchmarkError where the tables are not those of the independent fold."""
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(_TOTALS)
        found = Totals(*cursor.fetchall()[0])
    connection.close()
    if found != totals:
        raise BenchmarkError(f"the books are wrong:\nfound    {found}\nexpected {totals}")


def measure(
    load: Load, workers: Sequence[int], runs: int, peers: Sequence[MeasurePeer]
) -> Measured:
    """All runs on one pair of servers; the numbers of workers and the peers take turns, so that a
    busy machine does not meet one of them alone."""
    totals, done, machine = expected(load), [], describe()
    beside: dict[str, list[Span]] = {}
    with Stage() as stage:
        machine["postgresql"] = stage.postgresql_version()
        for number in range(1, runs + 1):

            def say(who: str, what: str, number: int = number) -> None:
                click.echo(f"run {number} of {runs}, {who}: {what}", err=True)

            for count in workers:
                who = plural(count, "worker")
                done.append(run_once(stage, load, count, totals, partial(say, who)))
                say(who, f"{done[-1].span.events_per_second:,.0f} events/s")
            for measure_peer in peers:
                for title, span in measure_peer(stage).items():
                    beside.setdefault(title, []).append(span)
                    say(title, f"{span.events_per_second:,.0f} events/s")
    return Measured(load, machine, done, beside)


@click.command()
@click.option("--events", default=400_000, show_default=True, type=click.IntRange(10_000))
@click.option(
    "--workers", "-w", default=(2,), show_default=True, multiple=True, type=click.IntRange(1, 8),
    help="Number of workers; given twice, both are measured in turns.",
)  # fmt: skip
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@click.option("--method", default="FIFO", show_default=True, type=click.Choice(METHODS))
@click.option(
    "--peer/--no-peer", "has_peer", default=True, show_default=True,
    help="Let a Kafka Streams application book the same events in the same runs.",
)  # fmt: skip
@sink_option
@threads_option
@warm_option
@click.option(
    "--plain-events", default=plain_faust.EVENTS, show_default=True, type=click.IntRange(0),
    help="Events for an ordinary Faust application, which takes long; 0: without it.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(
    events: int,
    workers: tuple[int, ...],
    runs: int,
    method: str,
    has_peer: bool,
    peer_sinks: tuple[str, ...],
    peer_threads: int,
    peer_warm: bool,
    plain_events: int,
    as_json: bool,
) -> None:
    """Measure workers and a store from Kafka to committed rows."""
    load = Load(events=events, method=method)
    try:
        peers: list[MeasurePeer] = []
        if has_peer:
            beside = peers_of(load, peer_sinks, peer_threads, is_warmed=peer_warm)
            peers += [peer.measure for peer in beside]
        if plain_events:
            peers.append(partial(plain_faust.measure, load=Load(events=plain_events)))
        measured = measure(load, workers, runs, peers)
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(measured.as_json()))
    else:
        print_measured(measured)


if __name__ == "__main__":
    main()
