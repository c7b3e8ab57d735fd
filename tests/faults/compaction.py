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

from wire.broker import Broker

TOPIC = {"segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "500"}
BROKER = {"log.cleaner.backoff.ms": "200"}


@contextmanager
def compacting(broker: Broker, topic: str) -> Iterator[None]:
    """Segments close, and their old records go, every half second inside the `with`."""
    try:
        _change(broker, topic, AlterConfigOpType.SET)
        yield
    finally:
        # Also of a test that failed: others have the same broker.
        _change(broker, topic, AlterConfigOpType.DELETE)


def _change(broker: Broker, topic: str, operation: AlterConfigOpType) -> None:
    admin = AdminClient({**broker.options})
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
