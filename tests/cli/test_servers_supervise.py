"""The supervisor, with real processes that end, ignore signals and lose their parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cli.servers import ServerError, supervise
from cli.servers.processes import Command
from cli.servers.supervise import Supervisor
from tests.conftest import settings_of

ROOT = Path(__file__).parents[2]
# Says when it is told to end; `stubborn` does not listen.
CHILD = """
trap 'echo {name} >> {folder}/ended; exit 0' TERM
echo $$ > {folder}/{name}.started
while :; do sleep 0.05; done
"""
STUBBORN = """
trap '' TERM
echo $$ > {folder}/{name}.started
while :; do sleep 0.05; done
"""
PARENT = """
import signal
import sys
from pathlib import Path
from tests.cli.test_servers_supervise import CHILD, child
from cli.servers.supervise import Supervisor
# Where the tests run under nohup, it would stay ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
folder = Path(sys.argv[1])
with Supervisor(print) as supervisor:
    supervisor.start(child(folder, "database"))
    supervisor.start_all([child(folder, "worker-1"), child(folder, "worker-2")])
    supervisor.start(child(folder, "api"))
    supervisor.wait()
print("left in order", flush=True)
"""


def child(folder: Path, name: str, script: str = CHILD, patience_seconds: float = 5) -> Command:
    return Command(
        name=name,
        argv=["/bin/sh", "-c", script.format(folder=folder, name=name)],
        log=folder / f"{name}.log",
        stop_signals=((signal.SIGTERM, patience_seconds),),
    )


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def pid_of(folder: Path, name: str) -> int:
    file = folder / f"{name}.started"
    until(lambda: file.exists() and file.read_text() != "")
    return int(file.read_text())


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def parent(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )


NAMES = ("database", "worker-1", "worker-2", "api")


def test_a_child_that_ends_is_started_again_after_a_second(tmp_path: Path) -> None:
    said: list[str] = []
    with Supervisor(said.append) as supervisor:
        process = supervisor.start(child(tmp_path, "worker"))
        assert pid_of(tmp_path, "worker") == process.pid
        killed = time.monotonic()
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: supervisor.restarts() == {"worker": 1})
        assert time.monotonic() - killed >= supervise.RESTART_AFTER_SECONDS
        until(lambda: pid_of(tmp_path, "worker") != process.pid)
    assert is_gone(pid_of(tmp_path, "worker"))
    assert said == [f"worker was ended by SIGKILL; see {tmp_path / 'worker.log'}"]


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    with Supervisor(print) as supervisor:
        supervisor.start(child(tmp_path, "stubborn", STUBBORN, patience_seconds=0.3))
        pid = pid_of(tmp_path, "stubborn")
    assert is_gone(pid)


def test_a_command_that_does_not_exist_ends_and_is_reported(tmp_path: Path) -> None:
    said: list[str] = []
    missing = Command(name="missing", argv=["/nowhere/missing"], log=tmp_path / "missing.log")
    with Supervisor(said.append) as supervisor:
        supervisor.start(missing)
        until(lambda: said != [])
    assert said[0].startswith("missing ended with status 1")
    assert (
        "/nowhere/missing" in missing.log.read_text() or "No such file" in missing.log.read_text()
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_in_order_last_started_first(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = parent(tmp_path)
    pids = [pid_of(tmp_path, name) for name in NAMES]
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert out == "left in order\n"
    assert process.returncode == 0
    assert all(is_gone(pid) for pid in pids)
    ended = (tmp_path / "ended").read_text().split()
    assert ended[0] == "api"
    assert set(ended[1:3]) == {"worker-1", "worker-2"}
    assert ended[3] == "database"


def test_no_child_outlives_a_killed_parent(tmp_path: Path) -> None:
    process = parent(tmp_path)
    pids = [pid_of(tmp_path, name) for name in NAMES]
    process.kill()
    process.communicate()
    until(lambda: all(is_gone(pid) for pid in pids))
    assert not (tmp_path / "ended").exists()


def test_only_one_supervisor_claims_a_data_dir(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with supervise.claimed(settings):
        found = supervise.running(settings)
        assert found is not None
        assert found.pid == os.getpid()
        with pytest.raises(ServerError, match=f"running already, process {os.getpid()}"):
            supervise.detach(settings, ["up"], ready=lambda: True, seconds=1)
    assert supervise.running(settings) is None


def test_a_detached_command_that_fails_shows_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(ServerError, match="No such command 'nonsense'"):
        supervise.detach(settings_of(tmp_path), ["nonsense"], ready=lambda: False, seconds=20)
