"""How fast events come in: a file by `portfolio ingest`, and lists by POST to one API process.

Nothing books them. Each way ends when Kafka has acknowledged everything, and the topic is asked
whether it has. Beside them, the limits: a bare producer of the same bytes, the check alone, and
a bare HTTP server that sends the events on unexamined.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import click
import msgspec
import uvloop

from bench.figures import Figure, Report, of_usage
from bench.load import PARTITIONS, Load, send_records, transactions
from bench.machine import Snapshot, Usage, describe
from bench.posting import Door, require
from bench.stage import BenchmarkError, Stage
from bench.system import answers, environment, free_ports, running
from cli.printing import json_option
from cli.servers import ServerError
from streams.ends import Ends
from wire.topics import RAW_TRANSACTIONS, Topic
from wire.transactions import Identified, identify_transaction

FILE_PER_SECOND_MIN, POST_PER_SECOND_MIN = 50_000.0, 20_000.0  # aimed at
EVENTS_A_REQUEST = 1000
CONNECTIONS = 4
Event = tuple[str, bytes]  # portfolio_id, value


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast something took events in; processor time is for one event."""

    per_second: float
    usage: Usage


@dataclass(frozen=True, slots=True)
class Run:
    """All ways once."""

    file: Pace
    posted: Pace
    posted_bare: Pace
    bare: Pace
    checked: float  # events/s


def run_once(stage: Stage, events: Sequence[Event], posted: int, file: Path) -> Run:
    stage.begin_anew()
    with stage.topic("bare") as topic:
        bare = measure_bare(stage, topic, events)
    values = [value for _, value in events[:posted]]
    return Run(
        file=measure_file(stage, file, len(events)),
        posted=measure_post(stage, values),
        posted_bare=measure_bare_post(stage, values),
        bare=bare,
        checked=checked_per_second([value for _, value in events]),
    )


def write_csv(path: Path, events: Iterable[Event]) -> None:
    """As `portfolio ingest` reads them. No text of the load needs a quote."""
    with path.open("w") as file:
        for number, (_, value) in enumerate(events):
            fields = msgspec.json.decode(value)
            if number == 0:
                file.write(",".join(fields) + "\n")
            file.write(",".join(map(str, fields.values())) + "\n")


def measure_file(stage: Stage, file: Path, events: int) -> Pace:
    """From the start of the command to its end, its start included."""

    def send() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "ingest", "--json", str(file)],
            env=environment(stage.connections, stage.folder),
            cwd=stage.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BenchmarkError(f"ingest failed: {done.stderr}")

    def used() -> float:
        children = getrusage(RUSAGE_CHILDREN)  # that have ended
        return children.ru_utime + children.ru_stime

    return measure(stage, RAW_TRANSACTIONS, events, send, {}, {"ingest": used})


def measure_bare(stage: Stage, topic: Topic, events: Sequence[Event]) -> Pace:
    """A bare producer of the same events."""

    def send() -> None:
        send_records(stage.connections.kafka, topic, events)

    return measure(stage, topic, len(events), send, {}, {"producer": time.process_time})


def measure_post(stage: Stage, values: Sequence[bytes]) -> Pace:
    with running(stage, 0, has_store=False, has_api=True) as system:
        return measure_posts(stage, system.api_url, values, {"api": system.kinds()["api"]})


def measure_bare_post(stage: Stage, values: Sequence[bytes]) -> Pace:
    """The same to `bench.bare_door`."""
    port = str(next(free_ports()))
    url = f"http://127.0.0.1:{port}"
    uvicorn = [sys.executable, "-m", "uvicorn", "--factory", "bench.bare_door:create_door"]
    quietly = ["--log-level", "warning", "--no-access-log", "--lifespan", "off"]
    with stage.programs() as programs:
        pid = programs.start(
            "bare", [*uvicorn, "--port", port, *quietly],
            environment(stage.connections, programs.folder),
        )  # fmt: skip
        programs.wait("the bare server", lambda: answers(url))
        return measure_posts(stage, url, values, {"server": [pid]})


def measure_posts(
    stage: Stage, url: str, values: Sequence[bytes], kinds: Mapping[str, list[int]]
) -> Pace:
    """From the first request to the last answer."""

    def send() -> None:
        uvloop.run(post(url, values))

    client = {"client": time.process_time}
    return measure(stage, RAW_TRANSACTIONS, len(values), send, kinds, client)


async def post(url: str, values: Sequence[bytes]) -> None:
    """All of them, over some connections, each with the next request as soon as it is answered."""
    door = Door(url, CONNECTIONS)
    starts = iter(range(0, len(values), EVENTS_A_REQUEST))

    async def post_some() -> None:
        for start in starts:
            body = b'{"transactions":[%b]}' % b",".join(values[start : start + EVENTS_A_REQUEST])
            require(await door.post("/ingest/transactions", body), 202)

    await asyncio.gather(*(post_some() for _ in range(CONNECTIONS)))
    await door.close()


def measure(
    stage: Stage,
    topic: Topic,
    events: int,
    send: Callable[[], None],
    kinds: Mapping[str, list[int]],
    also: Mapping[str, Callable[[], float]],
) -> Pace:
    """Time what sends these events, and look whether they are there."""

    def snapshot() -> Snapshot:
        servers = {"broker": stage.servers()["broker"]}
        return Snapshot.take({**kinds, **servers}, {name: used() for name, used in also.items()})

    before, begin = records_in(stage, topic), snapshot()
    send()
    usage = Usage.between(begin, snapshot(), events)
    found = records_in(stage, topic) - before
    if found != events:
        raise BenchmarkError(f"{found} of {events} events are in {topic.name}")
    return Pace(events / usage.seconds, usage)


def records_in(stage: Stage, topic: Topic) -> int:
    places = [(topic.name, partition) for partition in range(PARTITIONS)]
    return sum(Ends(stage.connections.kafka).patiently(places).values())


def checked_per_second(values: Sequence[bytes]) -> float:
    """By one processor, whoever else works meanwhile."""
    begin = time.process_time()
    for value in values:
        assert isinstance(identify_transaction(value), Identified)
    return len(values) / (time.process_time() - begin)


def figures(runs: Sequence[Run]) -> dict[str, list[Figure]]:
    files, posts = [run.file for run in runs], [run.posted for run in runs]
    bare_posts = [run.posted_bare for run in runs]
    return {
        "portfolio ingest FILE.csv": [
            rate("acknowledged", [pace.per_second for pace in files], FILE_PER_SECOND_MIN),
            rate("a core of its own would do", [alone(pace, "ingest") for pace in files]),
            rate("limit: bare producer", [run.bare.per_second for run in runs]),
            rate("limit: checking alone, one core", [run.checked for run in runs]),
            *of_usage([pace.usage for pace in files]),
        ],
        f"POST of {EVENTS_A_REQUEST:,} a request": [
            rate("acknowledged", [pace.per_second for pace in posts], POST_PER_SECOND_MIN),
            rate("a core of its own would do", [alone(pace, "api") for pace in posts]),
            rate("limit: bare HTTP and producer", [pace.per_second for pace in bare_posts]),
            *of_usage([pace.usage for pace in posts]),
        ],
        "bare HTTP and producer": of_usage([pace.usage for pace in bare_posts]),
        "the bare producer": of_usage([run.bare.usage for run in runs]),
    }


def alone(pace: Pace, kind: str) -> float:
    """Events a second that the processor time of this kind allows, whoever else works meanwhile."""
    return 1e6 / pace.usage.cpu_us[kind]


def rate(name: str, runs: Sequence[float], at_least: float | None = None) -> Figure:
    return Figure(name=name, unit="events/s", runs=runs, at_least=at_least)


@contextmanager
def csv_file(stage: Stage, events: Iterable[Event]) -> Iterator[Path]:
    path = stage.folder / "events.csv"
    write_csv(path, events)
    yield path
    path.unlink()


@click.command()
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(1000))
@click.option(
    "--posted", default=400_000, show_default=True, type=click.IntRange(1000),
    help="How many of them are posted.",
)  # fmt: skip
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@json_option
def main(events: int, posted: int, runs: int, as_json: bool) -> None:
    """Measure a file and POST, from outside to acknowledged by Kafka."""
    machine, load = describe(), list(transactions(Load(events=events)))
    done: list[Run] = []
    try:
        with Stage() as stage, csv_file(stage, load) as file:
            for run in range(1, runs + 1):
                click.echo(f"run {run} of {runs}", err=True)
                done.append(run_once(stage, load, posted, file))
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    Report(machine, figures(done)).show(as_json=as_json)


if __name__ == "__main__":
    main()
