"""Databases of one test alone, and questions to them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg2
import pytest

from migrations.upgrade import upgrade
from reports.snapshot import Snapshot, snapshot

T = TypeVar("T")
Asks = Callable[[Callable[[Snapshot], T]], T]


@contextmanager
def looking(database_url: str) -> Iterator[Snapshot]:
    connection = psycopg2.connect(database_url, options="-c timezone=UTC")
    try:
        with snapshot(connection) as state:
            yield state
    finally:
        connection.close()


@pytest.fixture
def migrated(database_url: str) -> str:
    """The address of a database with our tables and nothing in them."""
    upgrade(database_url)
    return database_url
