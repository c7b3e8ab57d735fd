"""The limit that this system is built around: an ordinary Faust application on the same load.

It is slow, so it gets fewer events.
"""

import json
import sys
from dataclasses import asdict

import click
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from bench import peer_table
from bench.load import PARTITIONS, Load, expected, send
from bench.report import print_spans
from bench.stage import BenchmarkError, Stage
from bench.watch import Span, Watch
from cli.servers import ServerError
from streams.topics import Admin

EVENTS = 20_000
TABLE, TOPIC = "plain_transactions", "plain-completed"
TITLE = "ordinary Faust"


def measure(stage: Stage, load: Load) -> dict[str, Span]:
    """By title: send the load to empty topics and let one process book it."""
    stage.begin_anew()
    send(stage.connections.kafka, load)
    admin = Admin(stage.connections.kafka)
    for future in admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values():
        future.result()
    url = stage.connections.database_url
    peer_table.create(url, TABLE)
    with stage.programs() as programs:
        environment = {
            "KAFKA_BOOTSTRAP": stage.connections.kafka.bootstrap,
            "DATABASE_URL": url,
            "DATA_DIR": str(programs.folder / "faust"),
            "PARTITIONS": str(PARTITIONS),
        }
        faust = [sys.executable, "-m", "faust", "-A", "bench.plain_app", "worker"]
        pid = programs.start("faust", [*faust, "--loglevel", "warn"], environment)
        watch = Watch(
            database_url=url,
            table=TABLE,
            progress=f"SELECT count(*) FROM {TABLE}",
            events=load.events,
            require_running=programs.require_running,
        )
        span = watch.span({"faust": [pid], **stage.servers()})
    peer_table.check(url, TABLE, expected(load))
    return {TITLE: span}


@click.command()
@click.option("--events", default=EVENTS, show_default=True, type=click.IntRange(1000))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(events: int, as_json: bool) -> None:
    """Measure an ordinary Faust application from Kafka to committed rows."""
    try:
        with Stage() as stage:
            (span,) = measure(stage, Load(events=events)).values()
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(asdict(span)))
    else:
        print_spans(TITLE, [span])


if __name__ == "__main__":
    main()
