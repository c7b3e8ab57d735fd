"""Errors of Kafka and PostgreSQL, as the one kind of error that commands tell people."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from confluent_kafka import KafkaException

from cli.servers import ServerError


@contextmanager
def told_plainly() -> Iterator[None]:
    """For calls after which a command can do nothing but say why."""
    try:
        yield
    except KafkaException as error:
        raise ServerError(f"Kafka: {error.args[0].str()} ({error.args[0].name()})") from error
    except psycopg2.Error as error:
        raise ServerError(f"PostgreSQL: {str(error).strip()}") from error
