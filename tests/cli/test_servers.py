"""The embedded servers, real ones, started and killed as users and machines do."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from cli.servers import (
    Connections,
    ServerError,
    connections,
    down,
    jars,
    kafka,
    postgres,
    processes,
    running,
    up,
)
from cli.servers.supervise import Supervisor
from cli.settings import Settings
from tests.cli.portfolio import until
from tests.conftest import settings_of
from wire.broker import Broker

ROOT = Path(__file__).parents[2]


def portfolio(data_dir: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command as a shell would run it, in a folder without `.env`."""
    names = {"DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=data_dir,
        env=names | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(command: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = command.communicate(timeout=90)
    assert command.returncode == 0, err
    said: dict[str, Any] = json.loads(out)
    return said


def complaint(command: subprocess.Popen[str], status: int) -> str:
    _, err = command.communicate(timeout=90)
    assert command.returncode == status, err
    return err


def topics(bootstrap: str) -> set[str]:
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    return set(client.list_topics(timeout=10).topics)


def all_gone(pids: list[int]) -> bool:
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    _, alive = psutil.wait_procs(found, timeout=10)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


@pytest.fixture
def stopped_after(data_dir: Path) -> Iterator[Settings]:
    settings = settings_of(data_dir)
    yield settings
    down(settings)


def test_the_shared_servers_answer_and_keep_what_they_confirm(database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    with connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"SHOW {setting}")
            assert cursor.fetchone() == ("on",)
    connection.close()


def test_servers_live_from_up_to_down_and_survive_a_kill_of_everything(
    stopped_after: Settings,
) -> None:
    data_dir = stopped_after.data_dir
    # Two at once start one.
    first, second = (portfolio(data_dir, "servers", "up", "--json") for _ in range(2))
    described = printed(first)
    assert printed(second) == described
    assert printed(portfolio(data_dir, "servers", "up", "--json")) == described
    shown, _ = portfolio(data_dir, "servers", "up").communicate(timeout=90)
    assert "portfolio:***@127.0.0.1" in shown

    bootstrap, url = described["kafka"]["bootstrap"], described["database"]["url"]
    found = Connections(Broker(bootstrap=bootstrap), url)
    assert connections(stopped_after) == found
    # Where they run they know themselves; what is remembered is for the next start.
    (data_dir / "run" / "ports.json").unlink()
    assert connections(stopped_after) == found
    assert printed(portfolio(data_dir, "servers", "up", "--json")) == described
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    client.create_topics([NewTopic("kept", 1)])["kept"].result()
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (id int)")
    connection.close()

    pids = [described["kafka"]["pid"], described["database"]["pid"]]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert all_gone(pids)
    with pytest.raises(ServerError, match="servers up"):
        connections(stopped_after)

    # Other ports too: nothing that is stored may depend on them.
    (data_dir / "run" / "ports.json").unlink(missing_ok=True)
    again = printed(portfolio(data_dir, "servers", "up", "--json"))
    assert "kept" in topics(again["kafka"]["bootstrap"])
    with psycopg2.connect(again["database"]["url"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM kept")
        assert cursor.fetchone() == (0,)
    connection.close()

    stopped = printed(portfolio(data_dir, "servers", "down", "--json"))
    assert stopped == {"stopped": ["kafka", "postgres"]}
    assert all_gone([again["kafka"]["pid"], again["database"]["pid"]])
    assert printed(portfolio(data_dir, "servers", "down", "--json")) == {"stopped": []}


def test_bound_servers_end_when_their_parent_is_killed(data_dir: Path) -> None:
    script = (
        "import sys, time\n"
        "from cli.servers import up, processes\n"
        "from cli.settings import Settings\n"
        "up(Settings.from_environment(), start=processes.start_bound)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=data_dir,
        env={"DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    settings = settings_of(data_dir)
    found = running(settings)
    with pytest.raises(ServerError, match=f"belongs to process {parent.pid}"):
        down(settings)
    backends = psutil.Process(found["postgres"].pid).children(recursive=True)
    parent.kill()
    parent.communicate()
    assert all_gone([*(p.pid for p in found.values()), *(p.pid for p in backends)])


def test_a_supervised_server_that_is_killed_comes_back(
    data_dir: Path, servers: Connections
) -> None:
    settings = Settings.from_environment(
        {"DATA_DIR": str(data_dir), "KAFKA_BOOTSTRAP": servers.kafka.bootstrap},
        dotenv=Path(os.devnull),
    )
    with Supervisor(print) as supervisor:
        found = up(settings, start=supervisor.start)
        killed = running(settings)["postgres"]
        os.kill(killed.pid, signal.SIGKILL)
        assert all_gone([killed.pid])
        assert postgres.wait_until_answers(found.database_url, seconds=20) is None
        assert supervisor.restarts() == {"postgres": 1}
        assert down(settings) == ["postgres"]


def test_a_recycled_pid_is_not_killed(data_dir: Path) -> None:
    run = data_dir / "run"
    run.mkdir()
    (run / "servers.lock").touch()
    innocent = subprocess.Popen(["sleep", "60"])
    content = {"pid": innocent.pid, "started": "another-boot/1", "bound_to": None}
    (run / "kafka.pid").write_text(json.dumps(content))
    assert down(settings_of(data_dir)) == []
    assert innocent.poll() is None
    innocent.kill()
    innocent.wait()


def test_a_taken_port_is_named(data_dir: Path) -> None:
    (data_dir / "run").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (data_dir / "run" / "ports.json").write_text(json.dumps({"kafka": port}))
        said = complaint(portfolio(data_dir, "servers", "up"), status=1)
    assert f"port {port}, which kafka used before, is taken" in said


def test_a_data_dir_may_have_any_letters_whatever_the_locale(data_dir: Path) -> None:
    folder = data_dir / "Bücher 帳簿 \U0001f4d2 50%20 = #1\\n"
    folder.mkdir()
    (folder / "cache").symlink_to(data_dir / "cache")
    described = printed(portfolio(folder, "servers", "up", "--json", LC_ALL="C"))
    client = AdminClient({"bootstrap.servers": described["kafka"]["bootstrap"], "log_level": 0})
    client.create_topics([NewTopic("kept", 1)])["kept"].result()
    until((folder / "kafka" / "data" / "kept-0").is_dir, 10)
    assert postgres.obstacle(described["database"]["url"]) is None
    stopped = printed(portfolio(folder, "servers", "down", "--json", LC_ALL="C"))
    assert stopped == {"stopped": ["kafka", "postgres"]}


@pytest.mark.parametrize("separator", [",", ":"])
def test_a_data_dir_that_kafka_would_split_is_refused(data_dir: Path, separator: str) -> None:
    folder = data_dir / f"a{separator}b"
    said = complaint(portfolio(data_dir, "servers", "up", DATA_DIR=str(folder)), status=1)
    assert f"DATA_DIR {folder}: the embedded Kafka takes no path with `{separator}` in it" in said


@pytest.mark.parametrize("version", [None, "4.3.0", "10.0.0"])
def test_data_of_a_newer_kafka_is_refused(data_dir: Path, version: str | None) -> None:
    home = data_dir / "kafka"
    (home / "data").mkdir(parents=True)
    if version is not None:
        (home / "version").write_text(version)
    with pytest.raises(ServerError, match=f"written by Kafka {version or '4.3.1'}"):
        kafka.initialise(kafka.place(data_dir), 1, 2)
    (home / "version").write_text("4.2.0")
    kafka.initialise(kafka.place(data_dir), 1, 2)
    assert (home / "version").read_text() == jars.VERSION


def test_a_data_dir_that_cannot_be_written_is_named(data_dir: Path) -> None:
    (data_dir / "file").touch()
    said = complaint(
        portfolio(data_dir, "servers", "up", DATA_DIR=str(data_dir / "file" / "data")), status=1
    )
    assert f"DATA_DIR {data_dir / 'file' / 'data'} cannot be written" in said


def test_a_full_disk_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(ServerError, match="has only 0 MiB left"):
        up(settings_of(data_dir))


def test_servers_of_others_are_not_started(data_dir: Path, servers: Connections) -> None:
    names = {
        "KAFKA_BOOTSTRAP": servers.kafka.bootstrap,
        "DATABASE_URL": servers.database_url,
    }
    described = printed(portfolio(data_dir, "servers", "up", "--json", **names))
    assert described["kafka"] == {"bootstrap": servers.kafka.bootstrap, "pid": None}
    assert described["database"] == {"url": servers.database_url, "pid": None}
    assert [path.name for path in data_dir.iterdir()] == ["cache"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the account")
def test_a_closed_home_stays_closed(
    data_dir: Path, servers: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.chmod(0o700)
    monkeypatch.setattr("cli.servers.postgres.CLOSED_HOME_DATA", data_dir.with_suffix(".open"))
    settings = Settings.from_environment(
        {"DATA_DIR": str(data_dir), "KAFKA_BOOTSTRAP": servers.kafka.bootstrap},
        dotenv=Path(os.devnull),
    )
    up(settings, start=processes.start_bound)
    assert psutil.Process(running(settings)["postgres"].pid).uids().real != 0
    assert down(settings) == ["postgres"]
    assert data_dir.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(data_dir.with_suffix(".open"))


def test_a_jar_with_another_checksum_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "jar"
    jar.write_bytes(b"something else")
    monkeypatch.setattr("jgo.maven._core.Artifact.resolve", lambda _: jar)
    with pytest.raises(ServerError, match="it is not used"):
        jars.class_path(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
