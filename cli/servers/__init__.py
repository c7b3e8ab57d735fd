"""Embedded Kafka and PostgreSQL, and the supervision of processes."""

from cli.servers.embedded import (
    Connections,
    connections,
    database_url,
    down,
    kafka_bootstrap,
    running,
    up,
)
from cli.servers.errors import ServerError

__all__ = [
    "Connections",
    "ServerError",
    "connections",
    "database_url",
    "down",
    "kafka_bootstrap",
    "running",
    "up",
]
