"""A TCP proxy that troubles what goes through it."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

CHUNK = 1 << 16
NO_LINGER = struct.pack("ii", 1, 0)  # closing is a reset then


class Connection:
    """One client's connection and the one to the server behind it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.is_doomed = False
        self.unread = b""  # of the requests

    def reset(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Trouble:
    """None: bytes go through as they come."""

    def request(self, connection: Connection, data: bytes) -> None:
        self.forward(connection.server, data)

    def reply(self, connection: Connection, data: bytes) -> None:
        self.forward(connection.client, data)

    def forward(self, end: socket.socket, data: bytes) -> None:
        end.sendall(data)


class Slow(Trouble):
    """Everything comes late."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def forward(self, end: socket.socket, data: bytes) -> None:
        time.sleep(self._seconds)
        end.sendall(data)


class Sliced(Trouble):
    """Everything comes in small pieces."""

    def __init__(self, size: int) -> None:
        self._size = size

    def forward(self, end: socket.socket, data: bytes) -> None:
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), self._size):
            end.sendall(data[at : at + self._size])


class Resetting(Trouble):
    """Some of the connections are reset, in the middle of what they say."""

    def __init__(self, rng: Random, share: float) -> None:
        self._rng, self._share = rng, share
        self.times = 0

    def request(self, connection: Connection, data: bytes) -> None:
        self._pass(connection, connection.server, data)

    def reply(self, connection: Connection, data: bytes) -> None:
        self._pass(connection, connection.client, data)

    def _pass(self, connection: Connection, end: socket.socket, data: bytes) -> None:
        if self._rng.random() < self._share:
            end.sendall(data[: len(data) // 2])
            connection.reset()
            self.times += 1
        else:
            end.sendall(data)


class ReplyLost(Trouble):
    """The server does what it was asked, and who asked does not hear of it."""

    def __init__(self, is_meant: Callable[[Connection, bytes], bool], times: int) -> None:
        self._is_meant = is_meant
        self.left = times

    def request(self, connection: Connection, data: bytes) -> None:
        connection.is_doomed |= self.left > 0 and self._is_meant(connection, data)
        super().request(connection, data)

    def reply(self, connection: Connection, data: bytes) -> None:
        if connection.is_doomed:
            self.left -= 1
            connection.reset()
        else:
            super().reply(connection, data)


class Proxy:
    """Listens on loopback for a server on loopback, until it is closed."""

    def __init__(self, server_port: int | None = None) -> None:
        self.trouble = Trouble()
        self.server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.server_port or 0))
                except OSError:
                    client.close()
                    continue
                connection = Connection(client, server)
                for pump in (self._requests, self._replies):
                    threading.Thread(target=pump, args=(connection,), daemon=True).start()

    def _requests(self, connection: Connection) -> None:
        self._pump(
            connection, connection.client, lambda data: self.trouble.request(connection, data)
        )

    def _replies(self, connection: Connection) -> None:
        self._pump(connection, connection.server, lambda data: self.trouble.reply(connection, data))

    def _pump(
        self, connection: Connection, source: socket.socket, pass_on: Callable[[bytes], None]
    ) -> None:
        try:
            while data := source.recv(CHUNK):
                pass_on(data)
        except OSError:
            pass  # it was closed from the other side
        finally:
            connection.reset()
