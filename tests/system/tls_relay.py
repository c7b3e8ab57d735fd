"""TLS in front of a PostgreSQL that has none, as a server with TLS would speak it.

The server that ships as a package is built without it.
"""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.system.secured import Keys

LOOPBACK = "127.0.0.1"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
RECEIVED_BYTES_MAX = 1 << 16


@contextmanager
def tls_relay(keys: Keys, behind: int) -> Iterator[int]:
    """Its port; who does not ask for TLS there is hung up on."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(keys.certificate, keys.key)
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        threading.Thread(target=_accept, args=(listener, context, behind), daemon=True).start()
        yield port
        listener.shutdown(socket.SHUT_RDWR)  # which ends the thread that accepts


def _accept(listener: socket.socket, context: ssl.SSLContext, behind: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, context, behind), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, behind: int) -> None:
    # Whoever does not trust the certificate breaks off, and that is no matter of ours.
    with suppress(OSError), client:
        if client.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
            return
        client.sendall(b"S")
        with (
            context.wrap_socket(client, server_side=True) as tls,
            socket.create_connection((LOOPBACK, behind)) as server,
        ):
            _carry(tls, server)


def _carry(tls: ssl.SSLSocket, server: socket.socket) -> None:
    """Both ways, in one thread: a TLS connection is no business of two."""
    while True:
        ready = [tls] if tls.pending() else select.select([tls, server], [], [])[0]
        for source, target in ((tls, server), (server, tls)):
            if source in ready:
                received = source.recv(RECEIVED_BYTES_MAX)
                if not received:
                    return
                target.sendall(received)
