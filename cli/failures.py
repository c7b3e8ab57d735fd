"""Errors of Kafka and PostgreSQL: which pass by themselves, and how people are told the others."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg2
from confluent_kafka import KafkaError, KafkaException

from cli.printing import masked
from cli.servers import ServerError
from migrations.errors import UnknownRevision
from streams.topics import Admin

PATIENCE_SECONDS = 15.0
# What a broker says that has just begun, or of topics that were just created.
PASSING = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
)
T = TypeVar("T")


def patiently(kafka: Admin, ask: Callable[[], T]) -> T:
    """The answer, asked for again while the error is one that passes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in PASSING or time.monotonic() > deadline:
                name = error.args[0].name()
                raise ServerError(f"Kafka: {kafka.why(error)} ({name})") from error
        time.sleep(0.1)


@contextmanager
def told_plainly() -> Iterator[None]:
    """For calls after which a command can do nothing but say why."""
    try:
        yield
    except KafkaException as error:
        raise ServerError(f"Kafka: {error.args[0].str()} ({error.args[0].name()})") from error
    except psycopg2.Error as error:
        raise ServerError(f"PostgreSQL: {masked(str(error).strip())}") from error
    except UnknownRevision as error:
        raise ServerError(str(error)) from error
