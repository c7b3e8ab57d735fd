"""`portfolio reset`: topics, tables and state, all empty again."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from cli import groups, parts
from cli.failures import told_plainly
from cli.printing import console, json_option, print_json
from cli.servers import Connections, ServerError, embedded, supervise
from cli.servers.processes import start_bound
from cli.settings import Settings
from cli.up import prepare
from migrations.upgrade import empty
from streams import logs
from streams.topics import Admin
from wire.topics import ALL, APP_ID, STORE_APP_ID

ANSWER_SECONDS_MAX = 30.0
# Longer than the group waits for a worker that was killed.
GROUP_SECONDS_MAX = 15.0
GROUPS = (APP_ID, STORE_APP_ID)


@click.command()
@click.option("--yes", is_flag=True, help="Do it: nothing can be had back.")
@json_option
@click.pass_obj
def reset(settings: Settings, yes: bool, as_json: bool) -> None:
    """Delete all events and everything made of them; refused while workers run.

    API keys stay.
    """
    if not yes:
        raise click.UsageError("this deletes every event and all that was made of them: say --yes")
    logs.configure("WARNING", settings.log_format)
    with supervise.claimed(settings), _servers(settings) as found:
        kafka = Admin(found.kafka)
        with told_plainly():
            _wait_until_nobody_works(kafka)
            # First: what is left of a reset that broke off here, the topics fill again.
            empty(found.database_url)
            _delete_topics(kafka)
            groups.delete(kafka, GROUPS)
        for folder in (parts.workers_dir(settings), parts.store_dir(settings)):
            shutil.rmtree(folder, ignore_errors=True)
        prepare(settings, found)
    if as_json:
        print_json({"topics": [topic.name for topic in ALL], "partitions": settings.partitions})
    else:
        console().print("topics, tables and state are empty")


@contextmanager
def _servers(settings: Settings) -> Iterator[Connections]:
    """The servers; embedded ones that rested rest again afterwards."""
    were_up = embedded.running(settings)
    try:
        yield embedded.up(settings, start=start_bound)
    finally:
        if not were_up:
            embedded.down(settings)


def _wait_until_nobody_works(kafka: Admin) -> None:
    deadline = time.monotonic() + GROUP_SECONDS_MAX
    while busy := groups.with_members(kafka, GROUPS):
        if time.monotonic() > deadline:
            raise ServerError(f"somebody works in {' and '.join(busy)}: end that first")
        time.sleep(0.2)


def _delete_topics(kafka: Admin) -> None:
    there = kafka.list_topics(timeout=ANSWER_SECONDS_MAX).topics
    ours = [topic.name for topic in ALL if topic.name in there]
    if ours:
        for future in kafka.delete_topics(ours, operation_timeout=ANSWER_SECONDS_MAX).values():
            future.result()
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while not kafka.list_topics(timeout=ANSWER_SECONDS_MAX).topics.keys().isdisjoint(ours):
        if time.monotonic() > deadline:
            raise ServerError("Kafka does not finish deleting the topics: try again")
        time.sleep(0.1)
