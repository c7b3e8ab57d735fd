from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.tables import Table, Tables
from tests.streams.asked import Worker


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    """The empty state of partition 0."""
    table = Tables(tmp_path).open(0)
    yield table
    table.close()


@pytest.fixture
def worker(table: Table) -> Worker:
    """A worker that owns partition 0, where nothing was booked yet."""
    return Worker(table)
