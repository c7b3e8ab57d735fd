"""Asks a door of this container: `python healthy.py PORT PATH` ends with 0 if it answers 200.

Standard library only, and by the container's own address: a worker listens on no other.
"""

import http.client
import socket
import sys


def main(port: str, path: str) -> int:
    door = http.client.HTTPConnection(socket.gethostname(), int(port), timeout=4)
    try:
        door.request("GET", path)
        status = door.getresponse().status
    except OSError:
        return 1
    return 0 if status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
