"""Processes of their own session: starting them, finding them again by pid file, ending them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.servers import launch
from cli.servers.errors import ServerError

LOG_BYTES_MAX = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run and what becomes of it."""

    name: str
    argv: Sequence[str]
    log: Path
    pid_file: Path | None = None
    port: int | None = None  # where it will listen; the pid file repeats it
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    directory: Path = field(default_factory=Path.cwd)
    account: tuple[int, int] | None = None  # uid and gid to run as, where this process is root
    # Sent one after another until it ends, each with the seconds to wait for that.
    stop_signals: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 10),)
    death_signal: signal.Signals = signal.SIGKILL  # where it is bound and its parent dies
    before: Callable[[], None] | None = None  # run before each start


@dataclass(frozen=True, slots=True)
class Process:
    """One process, for ever: a later one that got the same pid is another."""

    pid: int
    started: str
    bound_to: int | None  # the parent it ends with, None: lives until it is stopped
    port: int | None = None  # where it listens, if anybody said so

    def is_running(self) -> bool:
        return launch.started_at(self.pid) == self.started

    def status(self) -> int | None:
        """How this child of ours ended (minus the signal, if one ended it); None: it has not."""
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return None if self.is_running() else 0
        return os.waitstatus_to_exitcode(status) if pid else None

    def stop(self, stop_signals: Sequence[tuple[signal.Signals, float]]) -> None:
        """End it, kindly at first, with SIGKILL at last."""
        for number, seconds in (*stop_signals, (signal.SIGKILL, 10.0)):
            if not self.is_running():
                self.status()  # or a child of ours would stay a zombie
                return
            os.kill(self.pid, number)
            deadline = time.monotonic() + seconds
            while self.is_running() and time.monotonic() < deadline:
                time.sleep(0.02)
        if self.is_running():
            raise ServerError(f"process {self.pid} does not end, even by SIGKILL")


def start(command: Command) -> Process:
    """Start it in its own session: it lives until it is stopped."""
    return _start(command, bound=False)


def start_bound(command: Command) -> Process:
    """Start it in its own session: it ends when the calling thread does, however that ends.

    The kernel watches the thread, not the process, so call this from a thread that outlives it.
    """
    return _start(command, bound=True)


def _start(command: Command, *, bound: bool) -> Process:
    if command.before is not None:
        command.before()
    command.log.parent.mkdir(parents=True, exist_ok=True)
    _rotate(command.log)
    order = {
        "argv": list(command.argv),
        "directory": str(command.directory),
        "account": command.account,
        "pid_file": None if command.pid_file is None else str(command.pid_file),
        "port": command.port,
        "parent": os.getpid(),
        "death_signal": int(command.death_signal) if bound else 0,
    }
    with command.log.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-IS", launch.__file__, json.dumps(order)],
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    # Popen would warn, when collected, of a child that lives on; these are waited for by pid.
    child.returncode = 0
    started = launch.started_at(child.pid)
    bound_to = os.getpid() if bound else None
    return Process(child.pid, started or "ended at once", bound_to, command.port)


def find(pid_file: Path) -> Process | None:
    """The running process that the file names, if it still is that one."""
    try:
        content = json.loads(pid_file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    port = content.get("port")  # not in files of an earlier version
    process = Process(content["pid"], content["started"], content["bound_to"], port)
    return process if process.is_running() else None


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log file, for an error message."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(log.suffix + ".1"))
