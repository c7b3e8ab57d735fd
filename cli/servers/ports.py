"""Loopback ports: picked once, then remembered, so that addresses survive a restart.

What is remembered is where to start the next time. Where something runs, its pid file says.
"""

import errno
import json
import random
import socket
from pathlib import Path

from cli.servers.errors import ServerError

LOOPBACK = "127.0.0.1"
# Below the ports that Linux gives to outgoing connections, so that none of these takes a
# remembered port while its server is down.
CANDIDATES = range(20_000, 30_000)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        try_to_listen(port, LOOPBACK)
    except OSError:
        return False
    return True


def try_to_listen(port: int, host: str) -> None:
    """Raise the OSError that a server would; connections that only linger do not count."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # what can be no name of a host
        raise OSError(errno.EINVAL, str(error)) from error
    family, kind, _, _, address = found[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def remembered(file: Path, name: str) -> int:
    """The port of that name, picked and written down at the first call."""
    port = _read(file).get(name)
    return _pick(file, name) if port is None else port


def demand(file: Path, name: str) -> int:
    """The remembered port, which must be free: others may have been told of it."""
    port = remembered(file, name)
    if not is_free(port):
        raise ServerError(
            f"port {port}, which {name} used before, is taken by another program: "
            f"end that program, or remove {file} to have new ports picked"
        )
    return port


def free(file: Path, name: str) -> int:
    """The remembered port, or another where that is taken: nobody keeps an address with it."""
    port = remembered(file, name)
    return port if is_free(port) else _pick(file, name)


def _read(file: Path) -> dict[str, int]:
    ports: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    return ports


def _pick(file: Path, name: str) -> int:
    ports = _read(file)
    for port in random.sample(CANDIDATES, len(CANDIDATES)):
        if port not in ports.values() and is_free(port):
            draft = file.with_suffix(".new")
            draft.write_text(json.dumps(ports | {name: port}, indent=2) + "\n")
            draft.replace(file)
            return port
    raise ServerError(f"no port from {CANDIDATES[0]} to {CANDIDATES[-1]} is free")
