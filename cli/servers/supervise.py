"""Keeps processes running until it is told to stop, and leaves none behind.

A thread of its own starts, watches and stops them, so that the main thread is free meanwhile. The
kernel ends what this thread started when the thread ends, be it by SIGKILL of this process.
"""

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from cli.servers import embedded, launch, processes
from cli.servers.embedded import Files
from cli.servers.errors import ServerError
from cli.servers.processes import Command, Process
from cli.settings import Settings

RESTART_AFTER_SECONDS = 1.0
POLL_SECONDS = 0.1
START_TIMEOUT_SECONDS = 60.0
USAGE = 2  # what a program ends with whose settings do not fit
REFUSED_SECONDS_MIN = 10.0
NAME = "portfolio"  # of the supervisor's own pid file and log
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class _Child:
    command: Command
    group: int  # those started by one call are stopped together
    process: Process
    restarts: int = 0
    refused_at: float | None = None  # for the first time
    restart_at: float | None = None


class Supervisor:
    """Runs commands inside a `with`, whose end stops them: the group started last goes first.

    SIGINT, SIGTERM and SIGHUP arrive as KeyboardInterrupt in the main thread, so that the `with`
    ends. Later ones are ignored: every wait on the way out is bounded.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._children: list[_Child] = []
        self._orders: queue.SimpleQueue[tuple[Sequence[Command], Future[list[Process]]]] = (
            queue.SimpleQueue()
        )
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor")
        self._interrupted = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> "Supervisor":
        for number in ENDING:
            # What `nohup` ignores stays ignored.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._interrupt)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._interrupted = True
        self._stopping.set()
        self._thread.join()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start(self, command: Command) -> Process:
        """Start one and keep it running."""
        return self.start_all([command])[0]

    def start_all(self, commands: Sequence[Command]) -> list[Process]:
        """Start these and keep them running; they are stopped together."""
        started: Future[list[Process]] = Future()
        self._orders.put((commands, started))
        return started.result(timeout=START_TIMEOUT_SECONDS)

    def restarts(self) -> dict[str, int]:
        """How often each ended and was started again."""
        return {child.command.name: child.restarts for child in list(self._children)}

    def refusing(self) -> list[Command]:
        """Those that end since they say that a setting does not fit, and have for some time: that
        a folder or a port is not free may pass."""
        since = time.monotonic() - REFUSED_SECONDS_MIN
        return [
            child.command
            for child in list(self._children)
            if child.refused_at is not None and child.refused_at < since
        ]

    def wait(self) -> None:
        """Return when a signal asks for the end."""
        try:
            # Not join: Python 3.11 takes a thread for ended when its join is interrupted.
            self._ended.wait()
        except KeyboardInterrupt:
            return
        raise ServerError("the supervisor ended by itself; see its log")

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        # Once: a second one must not interrupt the way out.
        if not self._interrupted:
            self._interrupted = True
            raise KeyboardInterrupt

    def _supervise(self) -> None:
        main = threading.main_thread()
        try:
            while not self._stopping.wait(POLL_SECONDS) and main.is_alive():
                while not self._orders.empty():
                    self._obey(*self._orders.get())
                for child in self._children:
                    self._look_after(child)
            self._stop()
        finally:
            self._ended.set()

    def _obey(self, commands: Sequence[Command], started: Future[list[Process]]) -> None:
        group = self._children[-1].group + 1 if self._children else 0
        begun: list[Process] = []
        try:
            for command in commands:
                begun.append(processes.start_bound(command))
                self._children.append(_Child(command, group, begun[-1]))
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that ordered the start
            started.set_exception(error)
        else:
            started.set_result(begun)

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.restart_at is None:
            status = child.process.status()
            if status is not None:
                self._report(f"{child.command.name} {_ended(status)}; see {child.command.log}")
                if status != USAGE:
                    child.refused_at = None
                elif child.refused_at is None:
                    child.refused_at = now
                child.restart_at = now + RESTART_AFTER_SECONDS
        elif now >= child.restart_at and not _runs_elsewhere(child.command):
            try:
                child.process = processes.start_bound(child.command)
            except (OSError, ServerError) as error:
                self._report(f"{child.command.name} cannot start: {error}")
                child.restart_at = now + RESTART_AFTER_SECONDS
                return
            child.restarts += 1
            child.restart_at = None

    def _stop(self) -> None:
        for group in sorted({child.group for child in self._children}, reverse=True):
            members = [child for child in self._children if child.group == group]
            with ThreadPoolExecutor(len(members)) as pool:
                list(pool.map(_end, members))


@contextmanager
def claimed(settings: Settings) -> Iterator[None]:
    """Be the one supervisor of this DATA_DIR, with the pid file that `running` reads."""
    files = Files(settings.data_dir)
    embedded.prepare(files)
    with embedded.locked(files):
        other = running(settings)
        if other is not None and other.pid != os.getpid():
            raise _running_already(other)
        launch.write_pid_file(files.pid(NAME), None)
    try:
        yield
    finally:
        files.pid(NAME).unlink(missing_ok=True)


def running(settings: Settings) -> Process | None:
    """The supervisor of this DATA_DIR."""
    return processes.find(Files(settings.data_dir).pid(NAME))


def detach(
    settings: Settings, arguments: Sequence[str], ready: Callable[[], bool], seconds: float
) -> Process:
    """Run `portfolio` with these arguments in the background; return when ready() holds."""
    files = Files(settings.data_dir)
    embedded.prepare(files)
    other = running(settings)
    if other is not None:
        raise _running_already(other)
    program = [sys.executable, "-P", "-m", "cli.main", *arguments]
    process = processes.start(
        Command(name=NAME, argv=program, log=files.log(NAME), pid_file=files.pid(NAME))
    )
    deadline = time.monotonic() + seconds
    while not ready():
        if not process.is_running() or time.monotonic() > deadline:
            stop(process)
            raise ServerError(
                f"`portfolio {' '.join(arguments)}` did not become ready; "
                f"the end of {files.log(NAME)}:\n{processes.tail(files.log(NAME))}"
            )
        time.sleep(POLL_SECONDS)
    return process


def _running_already(other: Process) -> ServerError:
    return ServerError(
        f"`portfolio up` or `run` is running already, process {other.pid}: `portfolio down` ends it"
    )


def stop(supervisor: Process) -> None:
    """End a supervisor and with it all it started; it has time to stop them in order."""
    supervisor.stop([(signal.SIGTERM, 90.0)])


def _ended(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _runs_elsewhere(command: Command) -> bool:
    """A server that somebody else started meanwhile stays the only one of its files."""
    return command.pid_file is not None and processes.find(command.pid_file) is not None


def _end(child: _Child) -> None:
    if child.restart_at is None:
        child.process.stop(child.command.stop_signals)
    if child.command.pid_file is not None:
        child.command.pid_file.unlink(missing_ok=True)
