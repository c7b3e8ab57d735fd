"""A lane without its servers: what booking costs in process, stage by stage.

Eight lanes over RocksDB take the load in batches as they would come from Kafka. What they would
publish is turned into rows as the store does it, and neither Kafka nor PostgreSQL is there.
"""

import cProfile
import pstats
import tempfile
from itertools import chain
from pathlib import Path

import click

from bench.books import totals_of
from bench.calculator import in_a_process
from bench.figures import Figure, Report
from bench.lanes import Lanes, Published, as_in_a_worker, records_of
from bench.load import METHODS, Load, expected
from bench.machine import describe
from bench.stage import BenchmarkError
from cli.printing import json_option
from streams import rows

RECORDS_STORED_AT_ONCE = 8000


Steps = dict[str, float]  # CPU us an event, by stage


def measure(load: Load, profile: cProfile.Profile | None = None) -> Steps:
    """One run; raises BenchmarkError where rows or books are not those of the independent fold."""
    with tempfile.TemporaryDirectory() as folder:
        lanes = Lanes(Path(folder), profile=profile)
        stored = _store_all(lanes, load)
        lanes.clock.rest()
        found, totals = totals_of(lanes), expected(load)
        lanes.close()
    if found != totals or stored != (totals.transactions, totals.disposals):
        raise BenchmarkError(f"the books are wrong:\nfound    {found}\nexpected {totals}")
    return {name: seconds / load.events * 1e6 for name, seconds in lanes.clock.seconds.items()}


def _store_all(lanes: Lanes, load: Load) -> tuple[int, int]:
    """Make rows of all that is published; return how many transactions and disposals there are."""
    results = disposals = 0
    waiting: list[Published] = []
    for records in chain(lanes.take(records_of(load)), [None]):
        waiting += records or []
        if records is None or len(waiting) >= RECORDS_STORED_AT_ONCE:
            with lanes.clock.stage("rows for PostgreSQL"):
                gathered = rows.gather(waiting)
            results += gathered.new_transactions.count(b"\n")
            disposals += gathered.new_disposals.count(b"\n")
            waiting = []
    return results, disposals


@click.command()
@click.option("--events", default=200_000, show_default=True, type=click.IntRange(1))
@click.option("--method", default="FIFO", show_default=True, type=click.Choice(METHODS))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@click.option("--profile", is_flag=True, help="Also print which functions take longest.")
@json_option
def main(events: int, method: str, runs: int, profile: bool, as_json: bool) -> None:
    """Book the load in process and say what each stage costs, beside the calculator alone."""
    as_in_a_worker()
    machine, load = describe(), Load(events=events, method=method)
    profiler = cProfile.Profile() if profile else None
    try:
        found = [measure(load, profiler) for _ in range(runs)]
        alone = [in_a_process(load) for _ in range(runs)]
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    stages = [
        Figure(name=stage, unit="us", runs=[steps[stage] for steps in found]) for stage in found[0]
    ]
    limit = [run.decode_us + run.ledger_us for run in alone]
    stages.append(Figure(name="limit: decode and book in memory", unit="us", runs=limit))
    report = Report(machine, {f"a lane without its servers, {method}, CPU an event": stages})
    report.show(as_json=as_json)
    if profiler is not None:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
