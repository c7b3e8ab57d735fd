"""The same job in Java on Kafka Streams, on the same events, measured in the same way.

The peer books FIFO, whatever the method: that changes no trade. `kstreams/` has its sources.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import click
import psycopg2
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from bench import peer_table
from bench.kstreams.build import built
from bench.load import PARTITIONS, Load, Totals, expected, send
from bench.machine import describe
from bench.report import print_spans
from bench.stage import LOCAL, BenchmarkError, Stage
from bench.watch import Span, Watch
from cli.servers import Connections, ServerError, kafka
from streams.topics import Admin

HEAP = ("-Xms2g", "-Xmx2g", "-XX:+UseParallelGC")
THREADS = 2
# What they are called in the figures. The first is what people commonly run.
SINKS = {"upsert": "upserting sink", "copy": "sink like ours"}


@dataclass(frozen=True, slots=True)
class Peer:
    """The Java application with one of its sinks, and what its books must come to."""

    class_path: str
    totals: Totals
    sink: str
    threads: int
    is_warmed: bool

    @property
    def titles(self) -> dict[str, str]:
        """By application id: one JVM books all events under the first and, when it is warm, under
        the second."""
        title = f"Kafka Streams, {SINKS[self.sink]}"
        cold = {f"peer_{self.sink}": f"{title}, cold JVM"}
        warm = {f"peer_{self.sink}_warm": f"{title}, warm JVM"}
        return cold | warm if self.is_warmed else cold

    def measure(self, stage: Stage) -> dict[str, Span]:
        """By title; all events are in the topic of raw transactions already."""
        # Whoever was measured before leaves no tables behind that PostgreSQL would vacuum now.
        stage.empty_database()
        names = list(self.titles)
        connections, events, spans = stage.connections, self.totals.transactions, {}
        _prepare(connections, names, has_times=self.sink == "upsert")
        with stage.programs() as programs:
            pid = programs.start("peer", *self._command(connections, programs.folder, names))
            kinds = {"peer": [pid], **stage.servers()}
            for name, title in self.titles.items():
                watch = Watch(
                    database_url=connections.database_url,
                    table=f"{name}_transactions",
                    progress=f"SELECT coalesce(sum(rows), 0) FROM {name}_progress",
                    events=events,
                    require_running=programs.require_running,
                )
                spans[title] = watch.span(kinds)
        for name in names:
            peer_table.check(connections.database_url, f"{name}_transactions", self.totals)
        return spans

    def _command(
        self, connections: Connections, folder: Path, names: Sequence[str]
    ) -> tuple[list[str], dict[str, str]]:
        """Arguments and environment."""
        java = [
            str(kafka.find_java()),
            *HEAP,
            "-XX:-UsePerfData",
            f"-Djava.io.tmpdir={folder}",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "--enable-native-access=ALL-UNNAMED",
        ]
        return [*java, "-cp", self.class_path, "peer.App", *names], kafka.LOCALE | {
            "KAFKA_BOOTSTRAP": connections.kafka.bootstrap,
            "JDBC_URL": _jdbc(connections.database_url),
            "EVENTS": str(self.totals.transactions),
            "SINK": self.sink,
            "THREADS": str(self.threads),
            "STATE_DIR": str(folder / "state"),
        }


def peers_of(load: Load, sinks: Iterable[str], threads: int, *, is_warmed: bool) -> list[Peer]:
    """One for each sink. What is missing of the class path is fetched and compiled first."""
    class_path, totals = built(LOCAL / "cache"), expected(replace(load, method="FIFO"))
    return [Peer(class_path, totals, sink, threads, is_warmed) for sink in dict.fromkeys(sinks)]


def _jdbc(database_url: str) -> str:
    url = urlsplit(database_url)
    return (
        f"jdbc:postgresql://{url.hostname}:{url.port}{url.path}"
        f"?user={url.username}&password={url.password}"
    )


def _prepare(connections: Connections, names: Sequence[str], *, has_times: bool) -> None:
    """A topic of results, a table of them, and a table of how far it goes, for each name."""
    admin = Admin(connections.kafka)
    topics = [NewTopic(f"{name}-completed", PARTITIONS, 1) for name in names]
    for future in admin.create_topics(topics).values():
        future.result()
    connection = psycopg2.connect(connections.database_url)
    for name in names:
        peer_table.create(connections.database_url, f"{name}_transactions", has_times=has_times)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TABLE {name}_progress (partition integer PRIMARY KEY,"
                " next_offset bigint NOT NULL, rows integer NOT NULL)"
            )
    connection.close()


def measure(
    load: Load, peers: Sequence[Peer], runs: int, say: Callable[[str], None]
) -> dict[str, list[Span]]:
    """All runs on one pair of servers; the peers take turns."""
    spans: dict[str, list[Span]] = {}
    with Stage() as stage:
        for number in range(1, runs + 1):
            say(f"run {number} of {runs}: sending ...")
            stage.begin_anew()
            send(stage.connections.kafka, load)
            say(f"run {number} of {runs}: running ...")
            for peer in peers:
                for title, span in peer.measure(stage).items():
                    spans.setdefault(title, []).append(span)
                    say(f"{title}: {span.events_per_second:,.0f} events/s")
    return spans


sink_option = click.option(
    "--peer-sink", "peer_sinks", default=tuple(SINKS), show_default=True, multiple=True,
    type=click.Choice(tuple(SINKS)), help="Sink of the peer; given twice, both are measured.",
)  # fmt: skip
threads_option = click.option(
    "--peer-threads", default=THREADS, show_default=True, type=click.IntRange(1, PARTITIONS),
    help="Stream threads of the peer.",
)  # fmt: skip
warm_option = click.option(
    "--peer-warm", is_flag=True, help="Let the peer's JVM book all once more, now that it is warm."
)


@click.command()
@click.option("--events", default=400_000, show_default=True, type=click.IntRange(10_000))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@sink_option
@threads_option
@warm_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(
    events: int,
    runs: int,
    peer_sinks: tuple[str, ...],
    peer_threads: int,
    peer_warm: bool,
    as_json: bool,
) -> None:
    """Measure the Kafka Streams peer alone, from Kafka to committed rows."""
    load, machine = Load(events=events), describe()
    try:
        peers = peers_of(load, peer_sinks, peer_threads, is_warmed=peer_warm)
        found = measure(load, peers, runs, lambda what: click.echo(what, err=True))
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        spans = {title: [asdict(span) for span in some] for title, some in found.items()}
        click.echo(json.dumps({"machine": machine, "peers": spans}))
        return
    for name, value in machine.items():
        click.echo(f"{name}: {value}")
    for title, some in found.items():
        print_spans(title, some)


if __name__ == "__main__":
    main()
