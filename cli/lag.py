"""How far books and tables are behind: records that the workers, and the store, have still to do."""

import time
from collections.abc import Iterable

import psycopg2
from confluent_kafka import IsolationLevel

from cli import addresses, groups
from cli.failures import patiently, told_plainly
from cli.groups import Place
from cli.servers import Connections, ServerError, connections
from cli.settings import Settings
from cli.workers import Workers, ask_workers
from streams.ends import ends_at
from streams.topics import Admin
from wire.topics import APP_ID, INPUTS, REFERENCE, RESULTS

POLL_SECONDS = 0.2
ANSWER_SECONDS_MAX = 10.0
WORKERS_REMEMBER_SECONDS = 0.1  # longer than they repeat an answer for


def wait_until_applied(settings: Settings, seconds: float) -> Workers:
    """Wait until every partition is served and all that came in is booked and stored; return the
    workers, or raise when the time is over, or at once where waiting is of no use."""
    deadline = time.monotonic() + seconds
    found, partitions = connections(settings), settings.partitions
    while True:
        workers = ask_all(settings)
        unserved = workers.unserved(partitions)
        if unserved and workers.refusing:
            raise ServerError(f"{', '.join(workers.refusals())}: set it here to the one of theirs")
        # Books first: what they publish meanwhile is then counted as not stored.
        to_book = behind_the_books(found, workers, partitions)
        to_store = behind_the_store(found, partitions)
        if not (to_book or to_store or unserved):
            return workers
        if time.monotonic() > deadline:
            raise ServerError(
                f"after {seconds:.0f} s {to_book} records are still to be booked and {to_store} to "
                f"be stored, and {len(unserved)} partitions have no worker: see `portfolio status`"
            )
        time.sleep(POLL_SECONDS)


def ask_all(settings: Settings) -> Workers:
    """The workers, so that the sum of what they say is true.

    One that was asked early may since have got records that another one forwarded. Forwarded
    once, they stay: where nothing was left, the second answer of all is the true one.
    """
    urls = addresses.addresses(settings).workers
    workers = ask_workers(urls, settings.cluster_secret)
    if not any(status.lag for status in workers.statuses):
        time.sleep(WORKERS_REMEMBER_SECONDS)
        workers = ask_workers(urls, settings.cluster_secret)
    return workers


@told_plainly()
def behind_the_books(found: Connections, workers: Workers, partitions: int) -> int:
    """Records of the inputs not booked yet, and holdings still being re-booked."""
    lags = [status.lag for status in workers.statuses if status.lag is not None]
    if len(lags) < len(workers.statuses):
        raise ServerError("Kafka: workers cannot learn from it how much waits for them")
    behind = sum(lags)
    unserved = workers.unserved(partitions)
    return behind + (_behind_the_group(Admin(found.kafka), unserved) if unserved else 0)


@told_plainly()
def behind_the_store(found: Connections, partitions: int) -> int:
    """Records of results and reference data not in PostgreSQL yet. A commit is answered before the log shows it,
    so those of transactions that are open are counted too."""
    topics = (*RESULTS, *REFERENCE)
    places = [(topic.name, p) for topic in topics for p in range(topic.partitions(partitions))]
    ends = end_offsets(Admin(found.kafka), places, IsolationLevel.READ_UNCOMMITTED)
    done = dict.fromkeys(ends, 0) | _store_progress(found.database_url)
    return sum(max(0, end - done[place]) for place, end in ends.items())


def end_offsets(
    kafka: Admin, places: Iterable[Place], level: IsolationLevel = IsolationLevel.READ_COMMITTED
) -> dict[Place, int]:
    """Where a reader of committed records ends, or of all that is written."""
    asked = list(places)
    return patiently(kafka, lambda: ends_at(kafka, asked, level, ANSWER_SECONDS_MAX))


def _store_progress(database_url: str) -> dict[Place, int]:
    connection = psycopg2.connect(database_url, connect_timeout=int(ANSWER_SECONDS_MAX))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT topic, partition, next_offset FROM store_progress")
            return {(topic, partition): next_offset for topic, partition, next_offset in cursor}
    finally:
        connection.close()


def _behind_the_group(kafka: Admin, unserved: Iterable[int]) -> int:
    """Partitions that nobody serves now: their last owner told the group how far it was."""
    places = [(topic.name, partition) for topic in INPUTS for partition in unserved]
    done = groups.offsets(kafka, APP_ID, places)
    return sum(max(0, end - done[place]) for place, end in end_offsets(kafka, places).items())
