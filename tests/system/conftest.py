from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.servers import Connections
from migrations.upgrade import upgrade
from tests.system.log import make_topics_anew
from tests.system.system import System
from tests.system.whole import Whole


@pytest.fixture
def system(servers: Connections, database_url: str, tmp_path: Path) -> Iterator[System]:
    """Empty topics and tables, and nothing running yet."""
    make_topics_anew(servers.kafka)
    upgrade(database_url)
    system = System(servers, database_url, tmp_path)
    yield system
    system.stop()
    assert system.may_find_holes or system.holes() == []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Connections], Whole]]:
    """Starts the whole system over these servers; it ends with the test."""
    started: list[Whole] = []

    def start(servers: Connections) -> Whole:
        started.append(Whole(servers, tmp_path))
        return started[-1]

    yield start
    for whole in started:
        whole.stop()
