from pathlib import Path

import pytest

from cli import addresses
from cli.addresses import Addresses
from cli.servers import launch, supervise
from cli.servers.embedded import Files
from cli.settings import Settings
from tests.conftest import settings_of

FOUND = Addresses("http://127.0.0.1:1", ("http://127.0.0.1:2",), "http://127.0.0.1:3")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


def be_the_supervisor(settings: Settings) -> int:
    pid_file = Files(settings.data_dir).pid(supervise.NAME)
    pid_file.parent.mkdir()
    launch.write_pid_file(pid_file, None)
    process = supervise.running(settings)
    assert process is not None
    return process.pid


def test_what_a_running_supervisor_wrote_is_where_to_ask(settings: Settings) -> None:
    addresses.write(settings, be_the_supervisor(settings), FOUND)
    assert addresses.addresses(settings) == FOUND


def test_what_an_earlier_supervisor_wrote_is_not_believed(settings: Settings) -> None:
    addresses.write(settings, be_the_supervisor(settings) + 1, FOUND)
    assert addresses.written(settings) is None


def test_without_a_supervisor_the_settings_say_where_to_ask(settings: Settings) -> None:
    addresses.write(settings, 1, FOUND)
    assert addresses.written(settings) is None
    assert addresses.addresses(settings) == Addresses(
        "http://127.0.0.1:8000", ("http://127.0.0.1:6066",)
    )


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("example.org", "http://example.org:8000"),
    ],
)
def test_an_api_that_listens_everywhere_is_asked_on_this_machine(
    tmp_path: Path, host: str, url: str
) -> None:
    settings = Settings.from_environment(
        {"API_HOST": host, "DATA_DIR": str(tmp_path)}, dotenv=tmp_path / ".env"
    )
    assert addresses.api_url(settings) == url
