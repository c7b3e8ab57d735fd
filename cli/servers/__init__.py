"""Embedded Kafka and PostgreSQL, and the supervision of processes."""

from cli.servers.embedded import (
    Connections,
    broker,
    connections,
    database_url,
    down,
    running,
    up,
)
from cli.servers.errors import ServerError

__all__ = [
    "Connections",
    "ServerError",
    "broker",
    "connections",
    "database_url",
    "down",
    "running",
    "up",
]
