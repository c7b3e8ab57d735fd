"""Load and kills together for a long time, and then a comparison of everything.

    python -m bench.soak --minutes 30 --kills 240

Of twelve kills, ten hit a worker, one the broker and one PostgreSQL, at random moments while
transactions flow in; a kill comes when the system has recovered from the one before. At the end
every place that shows anything is compared with the independent fold of what lies in the input
topics. Status 1 where something is lost, double or wrong; unless all was right, the folder with
the logs is kept.
"""

import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from random import Random

import click
import psycopg2

from bench.load import PARTITIONS
from bench.machine import describe
from bench.stage import LOCAL, BenchmarkError
from cli.printing import console, json_option, table
from tests.faults.cast import Cast, running
from tests.oracle.events import Mess, Message, generate
from tests.oracle.murmur2 import partition_of
from tests.system.events import trade
from tests.system.flow import Flow
from tests.system.log import send

# The first three differ, so that even a short run hits each of them.
TARGETS = ("worker", "postgres", "kafka") + ("worker",) * 9
RECOVERY_SECONDS_MAX = 120.0
SETTLED_SECONDS_MAX = 600.0
PAUSE_SECONDS_MAX = 3.0
# Made while it flows, in about a second: the load may stand still for so long between two waves.
WAVE_EVENTS_MAX = 20_000
EVENTS_PER_PORTFOLIO = 200
PORTFOLIOS_MIN = 5
# One of each partition. The load has none of such a name.
PROBED = [
    next(f"probe-{n}" for n in count() if partition_of(f"probe-{n}", PARTITIONS) == partition)
    for partition in range(PARTITIONS)
]


@dataclass(frozen=True, slots=True)
class Soaked:
    """What was done, and what came of it."""

    minutes: float
    events: int
    kills: dict[str, int]
    slowest_recovery_seconds: dict[str, float]  # from the kill until `has_recovered`
    lost: int
    double: int
    wrong: int
    examples: list[str]  # of what is lost, double or wrong
    machine: dict[str, str]

    @property
    def is_right(self) -> bool:
        return not (self.lost or self.double or self.wrong)


def load(wave_events: int) -> Iterator[Message]:
    """Waves of so many transactions, each of portfolios of its own, without end: however long the
    kills take, the load outlasts them."""
    portfolios = max(PORTFOLIOS_MIN, wave_events // EVENTS_PER_PORTFOLIO)
    for wave in count():
        yield from generate(
            seed=wave,
            events=wave_events,
            portfolios=portfolios,
            mess=Mess(late=0.02),
            first=wave * portfolios,
        )


def are_stored(database_url: str, probe: str) -> bool:
    """Whether the probe of every partition is in PostgreSQL; not while that is away."""
    query = "SELECT count(*) FROM transactions WHERE portfolio_id = ANY(%s) AND transaction_id = %s"
    with (
        suppress(psycopg2.OperationalError),
        closing(psycopg2.connect(database_url)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(query, (PROBED, probe))
        return cursor.fetchone() == (len(PROBED),)
    return False


def has_recovered(cast: Cast, probe: str) -> bool:
    """Whether every partition is served, and what came into each after the kill is stored. Workers
    that have lost the broker or PostgreSQL go on saying that they serve, so that alone says
    little."""
    return cast.is_serving() and are_stored(cast.database_url, probe)


def strike(cast: Cast, name: str, probe: str) -> float:
    """Kill it, and return how many seconds later the system has recovered."""
    killed_at = 0.0

    def is_killed() -> bool:
        nonlocal killed_at
        killed_at = time.monotonic()
        return cast.kill(name) is not None

    # A worker that does not run just now is starting after the kill before.
    cast.wait_until(is_killed, RECOVERY_SECONDS_MAX, f"{name} runs, and is killed")
    send(cast.kafka, [trade(one, probe, "BUY", "2024-01-01", "1", "1") for one in PROBED])
    cast.wait_until(
        lambda: has_recovered(cast, probe), RECOVERY_SECONDS_MAX, f"all goes on without {name}"
    )
    return time.monotonic() - killed_at


def targets(kills: int, rng: Random) -> list[str]:
    """Whom to kill, in this order."""
    chosen = [TARGETS[number % len(TARGETS)] for number in range(kills)]
    rng.shuffle(chosen)
    return chosen


def soak(
    cast: Cast, flow: Flow, minutes: float, kills: int
) -> tuple[Counter[str], dict[str, float]]:
    """How many of each were killed, and the slowest recovery of each."""
    rng = Random(kills)
    began, done, slowest = time.monotonic(), Counter[str](), dict[str, float]()
    flow.start()
    for number, target in enumerate(targets(kills, rng), 1):
        time.sleep(rng.uniform(0, PAUSE_SECONDS_MAX))
        name = rng.choice(cast.workers) if target == "worker" else target
        seconds = strike(cast, name, f"kill {number}")
        slowest[target] = max(slowest.get(target, 0.0), seconds)
        done[target] += 1
        if number % 10 == 0:
            click.echo(f"{number} of {kills} kills, {time.monotonic() - began:.0f} s", err=True)
    time.sleep(max(0.0, began + minutes * 60 - time.monotonic()))
    if not flow.is_alive():
        raise BenchmarkError(
            "the load ended before its time: some kills may have hit an idle system"
        )
    return done, slowest


def sorted_out(found: list[str]) -> Counter[str]:
    """Differences by kind."""
    kinds: Counter[str] = Counter()
    for difference in found:
        if difference.endswith("missing"):
            kinds["lost"] += 1
        elif difference.endswith(("unexpected", "twice")):
            kinds["double"] += 1
        else:
            kinds["wrong"] += 1
    return kinds


def new_folder() -> Path:
    """A DATA_DIR, with the jars that were fetched once for all."""
    folder = LOCAL / f"soak-{os.getpid()}"
    folder.mkdir(parents=True)
    (LOCAL / "cache").mkdir(exist_ok=True)
    (folder / "cache").symlink_to(LOCAL / "cache")
    return folder


def run(minutes: float, kills: int, per_second: float, workers: int) -> Soaked:
    """In a folder that is kept unless all was right."""
    folder = new_folder()
    soaked = None
    try:
        soaked = run_in(folder, minutes, kills, per_second, workers)
    finally:
        if soaked is not None and soaked.is_right:
            shutil.rmtree(folder)
        else:
            click.echo(f"logs and data are kept in {folder}", err=True)
    return soaked


def run_in(folder: Path, minutes: float, kills: int, per_second: float, workers: int) -> Soaked:
    machine = describe()
    wave_events = min(WAVE_EVENTS_MAX, int(minutes * 60 * per_second))
    with running(folder, workers) as cast:
        flow = Flow(cast.kafka, load(wave_events), per_second)
        began = time.monotonic()
        done, slowest = soak(cast, flow, minutes, kills)
        flow.end()
        cast.wait_settled(SETTLED_SECONDS_MAX)
        lasted = time.monotonic() - began
        found = cast.differences() + cast.miscounted()
        inputs = cast.inputs()
    kinds = sorted_out(found)
    return Soaked(
        minutes=round(lasted / 60, 1),
        events=inputs["read"] - inputs["forwarded"],
        kills=dict(done),
        slowest_recovery_seconds={name: round(seconds, 1) for name, seconds in slowest.items()},
        lost=kinds["lost"],
        double=kinds["double"],
        wrong=kinds["wrong"],
        examples=found[:10],
        machine=machine,
    )


def show(soaked: Soaked) -> None:
    for name, value in soaked.machine.items():
        console().print(f"{name}: {value}")
    rows = [
        [name, times, soaked.slowest_recovery_seconds[name]] for name, times in soaked.kills.items()
    ]
    columns = ["process", "killed", "slowest recovery, s"]
    console().print(table(f"{soaked.events:,} events in {soaked.minutes} min", columns, rows))
    console().print(f"lost {soaked.lost}, double {soaked.double}, wrong {soaked.wrong}")
    for example in soaked.examples:
        console().print(example)


@click.command()
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--kills", default=60, show_default=True, type=click.IntRange(0))
@click.option("--per-second", default=300.0, show_default=True, type=click.FloatRange(1))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 8))
@json_option
def main(minutes: float, kills: int, per_second: float, workers: int, as_json: bool) -> None:
    """Load and kills together, for at least so many minutes, and a comparison at the end."""
    soaked = run(minutes, kills, per_second, workers)
    if as_json:
        click.echo(json.dumps(asdict(soaked)))
    else:
        show(soaked)
    sys.exit(0 if soaked.is_right else 1)


if __name__ == "__main__":
    main()
