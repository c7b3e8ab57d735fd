"""Loopback ports: picked once, then remembered, so that addresses survive a restart."""

import json
import random
import socket
from pathlib import Path

from cli.servers.errors import ServerError

LOOPBACK = "127.0.0.1"
# Below the ports that Linux gives to outgoing connections, so that none of these takes a
# remembered port while its server is down.
CANDIDATES = range(20_000, 30_000)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now; connections that only linger do not count."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def remembered(file: Path, name: str) -> int:
    """The port of that name, picked and written down at the first call."""
    ports: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    if name not in ports:
        ports[name] = _pick(taken=set(ports.values()))
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(ports, indent=2) + "\n")
        draft.replace(file)
    return ports[name]


def demand(file: Path, name: str) -> int:
    """The remembered port, which must be free."""
    port = remembered(file, name)
    if not is_free(port):
        raise ServerError(
            f"port {port}, which {name} used before, is taken by another program: "
            f"end that program, or remove {file} to have new ports picked"
        )
    return port


def _pick(taken: set[int]) -> int:
    for port in random.sample(CANDIDATES, len(CANDIDATES)):
        if port not in taken and is_free(port):
            return port
    raise ServerError(f"no port from {CANDIDATES[0]} to {CANDIDATES[-1]} is free")
