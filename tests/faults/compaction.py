"""A log that is compacted as soon as it can be."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

TOPIC = {"segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "500"}
BROKER = {"log.cleaner.backoff.ms": "200"}


@contextmanager
def compacting(bootstrap: str, topic: str) -> Iterator[None]:
    """Segments close, and their old records go, every half second inside the `with`."""
    _change(bootstrap, topic, AlterConfigOpType.SET)
    yield
    _change(bootstrap, topic, AlterConfigOpType.DELETE)


def _change(bootstrap: str, topic: str, operation: AlterConfigOpType) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for kind, name, values in (
        (ResourceType.TOPIC, topic, TOPIC),
        (ResourceType.BROKER, "1", BROKER),
    ):
        entries = [
            ConfigEntry(key, value, incremental_operation=operation)
            for key, value in values.items()
        ]
        [changed] = admin.incremental_alter_configs(
            [ConfigResource(kind, name, incremental_configs=entries)]
        ).values()
        changed.result()
