from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.servers import Connections
from migrations.upgrade import upgrade
from tests.system.log import make_topics_anew
from tests.system.system import System


@pytest.fixture
def system(servers: Connections, database_url: str, tmp_path: Path) -> Iterator[System]:
    """Empty topics and tables, and nothing running yet."""
    make_topics_anew(servers.kafka)
    upgrade(database_url)
    system = System(servers, database_url, tmp_path)
    yield system
    system.stop()
