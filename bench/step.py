"""A lane without its servers: what booking costs in process, stage by stage.

Eight lanes over RocksDB take the load in batches as they would come from Kafka. What they would
publish is turned into rows as the store does it, and neither Kafka nor PostgreSQL is there.
"""

import cProfile
import json
import pstats
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from bench.lanes import Clock, Lanes, Published, as_in_a_worker, records_of
from bench.load import METHODS, Load, expected
from streams import rows

RECORDS_STORED_AT_ONCE = 8000


@dataclass(frozen=True, slots=True)
class Steps:
    """Processor time is for one event."""

    cpu_us: dict[str, float]
    is_right: bool


def measure(load: Load, folder: Path, profile: cProfile.Profile | None) -> Steps:
    lanes = Lanes(folder, profile=profile)
    results = disposals = 0
    waiting: list[Published] = []
    for records in lanes.take(records_of(load)):
        waiting += records
        if len(waiting) >= RECORDS_STORED_AT_ONCE:
            counts = _store(waiting, lanes.clock)
            results, disposals = results + counts[0], disposals + counts[1]
            waiting = []
    counts = _store(waiting, lanes.clock)
    results, disposals = results + counts[0], disposals + counts[1]
    lanes.clock.rest()
    totals = expected(load)
    return Steps(
        {name: seconds / load.events * 1e6 for name, seconds in lanes.clock.seconds.items()},
        (results, disposals) == (totals.transactions, totals.disposals),
    )


def _store(records: list[Published], clock: Clock) -> tuple[int, int]:
    """Make the rows; return how many transactions and disposals there are."""
    with clock.stage("rows for PostgreSQL"):
        gathered = rows.gather(records)
    return gathered.new_transactions.count(b"\n"), gathered.new_disposals.count(b"\n")


@click.command()
@click.option("--events", default=200_000, show_default=True, type=click.IntRange(1))
@click.option("--method", default="FIFO", show_default=True, type=click.Choice(METHODS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--profile", is_flag=True, help="Also print which functions take longest.")
def main(events: int, method: str, as_json: bool, profile: bool) -> None:
    """Book the load in process and say what each stage costs."""
    as_in_a_worker()
    profiler = cProfile.Profile() if profile else None
    with tempfile.TemporaryDirectory() as folder:
        steps = measure(Load(events=events, method=method), Path(folder), profiler)
    if as_json:
        click.echo(json.dumps(steps.cpu_us))
    else:
        click.echo(f"a lane without its servers, {method}, CPU us an event")
        for name, microseconds in steps.cpu_us.items():
            click.echo(f"  {name:24}{microseconds:6.1f}")
    if profiler is not None:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
    if not steps.is_right:
        raise click.ClickException("the results are not those of the independent fold")


if __name__ == "__main__":
    main()
