"""Embedded Kafka and PostgreSQL, and the supervision of processes."""

from cli.servers.embedded import Connections, connections, down, running, up
from cli.servers.errors import ServerError

__all__ = ["Connections", "ServerError", "connections", "down", "running", "up"]
