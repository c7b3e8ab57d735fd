"""Turns into the program it is told to start, leaving a pid file behind first.

Run as a script with only the standard library, `python -IS launch.py JSON`, because what it does
must happen in the new process, before the program runs and without threads: the pid file exists
before the program does, so that a parent killed at any moment leaves no process nobody knows of,
and the kernel is told to end the program when its parent dies.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def started_at(pid: int) -> str | None:
    """When the process began, as boot and clock ticks; None where it is gone or a zombie.

    A pid alone may have been given to another process since; with this it names one process.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name before it may hold spaces and parentheses.
    fields = status.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return None
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{boot.read_text().strip() if boot.exists() else ''}/{fields[19]}"


def write_pid_file(path: Path, bound_to: int | None, port: int | None = None) -> None:
    """Name this process in the file, all of it or nothing."""
    pid = os.getpid()
    content = {"pid": pid, "started": started_at(pid), "bound_to": bound_to, "port": port}
    draft = path.with_suffix(f".{pid}")
    draft.write_text(json.dumps(content))
    draft.replace(path)


def main(order: dict[str, Any]) -> None:
    """Become the program of the order."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    parent = order["parent"]
    if order["pid_file"] is not None:
        bound_to = parent if order["death_signal"] else None
        write_pid_file(Path(order["pid_file"]), bound_to, order["port"])
    if order["account"] is not None:
        uid, gid = order["account"]
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if order["death_signal"]:
        # After setuid, which would clear it. The parent may have died before: then nobody tells.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, order["death_signal"], 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent ended before the program began")
    os.chdir(order["directory"])
    os.execvp(order["argv"][0], order["argv"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
