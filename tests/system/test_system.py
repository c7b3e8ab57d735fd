from pathlib import Path

import pytest

from cli.servers import Connections
from migrations.upgrade import upgrade
from tests.cli.portfolio import Portfolio
from tests.system.log import make_topics_anew
from tests.system.system import System


@pytest.fixture
def set_by_a_developer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARTITIONS", "3")
    monkeypatch.setenv("WORKER_URLS", "nonsense")
    (tmp_path / ".env").write_text("LOG_LEVEL=NONSENSE\nKAFKA_BOOTSTRAP=nonsense\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("set_by_a_developer")
def test_what_a_developer_set_is_no_business_of_the_processes_of_a_test(
    servers: Connections, database_url: str, tmp_path: Path
) -> None:
    make_topics_anew(servers.kafka)
    upgrade(database_url)
    folder = tmp_path / "system"
    folder.mkdir()
    with System(servers, database_url, folder) as system:
        system.worker().start()
        system.wait_until(system.is_serving, 60, "every partition is served")
        statuses = system.statuses()
    assert statuses is not None
    assert statuses[0]["partitions"] == list(range(8))


@pytest.mark.usefixtures("set_by_a_developer")
def test_nor_of_the_commands(tmp_path: Path) -> None:
    said = Portfolio({"DATA_DIR": str(tmp_path)}).json("status", code=1)
    assert "the embedded kafka is not running" in said["away"][0]
