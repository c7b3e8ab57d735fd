"""Load and kills together for a long time, and then a comparison of everything.

    python -m bench.soak --minutes 30 --kills 240

Of twelve kills, ten hit a worker, one the broker and one PostgreSQL, at random moments while
transactions flow in; a kill comes when the system has recovered from the one before. At the end
every place that shows anything is compared with the independent fold of what lies in the input
topics. Status 1 where something is lost, double or wrong.
"""

import json
import os
import shutil
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from random import Random

import click

from bench.machine import describe
from bench.stage import LOCAL
from cli.printing import console, json_option, table
from tests.faults.cast import Cast, running
from tests.oracle.events import Mess, generate
from tests.system.flow import Flow

TARGETS = ("worker",) * 10 + ("kafka", "postgres")
RECOVERY_SECONDS_MAX = 120.0
SETTLED_SECONDS_MAX = 600.0
PAUSE_SECONDS_MAX = 3.0


@dataclass(frozen=True, slots=True)
class Soaked:
    """What was done, and what came of it."""

    minutes: float
    events: int
    kills: dict[str, int]
    slowest_recovery_seconds: dict[str, float]  # until every partition is served again
    lost: int
    double: int
    wrong: int
    examples: list[str]  # of what is lost, double or wrong
    machine: dict[str, str]


def strike(cast: Cast, target: str, rng: Random) -> float:
    """Kill it, wait until every partition is served again; return how many seconds that took."""
    name = rng.choice(cast.workers) if target == "worker" else target
    # A worker that does not run just now is starting after the kill before.
    cast.wait_until(lambda: cast.pid(name) is not None, RECOVERY_SECONDS_MAX, f"{name} runs")
    cast.kill(name)
    began = time.monotonic()
    cast.wait_until(cast.is_serving, RECOVERY_SECONDS_MAX, "every partition is served")
    return time.monotonic() - began


def soak(
    cast: Cast, flow: Flow, minutes: float, kills: int
) -> tuple[Counter[str], dict[str, float]]:
    """How many of each were killed, and the slowest recovery of each."""
    rng = Random(kills)
    targets = [TARGETS[number % len(TARGETS)] for number in range(kills)]
    rng.shuffle(targets)
    began, done, slowest = time.monotonic(), Counter[str](), dict[str, float]()
    flow.start()
    for number, target in enumerate(targets, 1):
        time.sleep(rng.uniform(0, PAUSE_SECONDS_MAX))
        slowest[target] = max(slowest.get(target, 0.0), strike(cast, target, rng))
        done[target] += 1
        if number % 10 == 0:
            click.echo(f"{number} of {kills} kills, {time.monotonic() - began:.0f} s", err=True)
    time.sleep(max(0.0, began + minutes * 60 - time.monotonic()))
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


def run(minutes: float, kills: int, per_second: float, workers: int) -> Soaked:
    machine = describe()
    size = int(minutes * 60 * per_second)
    portfolios = min(400, max(5, size // 50))
    messages = generate(seed=1, events=size, portfolios=portfolios, mess=Mess(late=0.02))
    folder = LOCAL / f"soak-{os.getpid()}"
    folder.mkdir(parents=True)
    (LOCAL / "cache").mkdir(exist_ok=True)
    (folder / "cache").symlink_to(LOCAL / "cache")
    try:
        with running(folder, workers) as cast:
            flow = Flow(cast.kafka, messages, per_second)
            began = time.monotonic()
            done, slowest = soak(cast, flow, minutes, kills)
            flow.end()
            cast.wait_settled(SETTLED_SECONDS_MAX)
            lasted = time.monotonic() - began
            found = cast.differences() + cast.miscounted()
            events = cast.inputs()["read"] - cast.inputs()["forwarded"]
    finally:
        shutil.rmtree(folder)
    kinds = sorted_out(found)
    return Soaked(
        minutes=round(lasted / 60, 1),
        events=events,
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
    sys.exit(1 if soaked.lost or soaked.double or soaked.wrong else 0)


if __name__ == "__main__":
    main()
