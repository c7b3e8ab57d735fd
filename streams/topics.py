"""Creates the topics: explicit partitions, each with its own way of being kept."""

import time

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from wire.topics import ALL

log = structlog.get_logger(__name__)
# librdkafka would print a line for every refused connection while a broker is away.
QUIET = {"log_level": 0}


class TopicsMismatch(Exception):
    """A topic has another number of partitions than PARTITIONS says. Set PARTITIONS to what the
    topics have: the partition of a portfolio, and so its books, hang on it."""


def admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, **QUIET})


def wait_for_broker(bootstrap: str) -> AdminClient:
    """An admin client of a broker that answers, however long it takes to come up."""
    client, waited = admin(bootstrap), 0
    while True:
        try:
            client.list_topics(timeout=5)
        except KafkaException as error:
            if waited % 6 == 0:
                log.warning("waiting_for_kafka", bootstrap=bootstrap, error=str(error))
            waited += 1
            time.sleep(0.5)
        else:
            return client


def create_topics(bootstrap: str, partitions: int) -> None:
    """Create what is missing and return when it can be written; raise TopicsMismatch where what
    exists is of another size."""
    client = wait_for_broker(bootstrap)
    found = client.list_topics(timeout=10)
    for name in (topic.name for topic in ALL if topic.name in found.topics):
        if len(found.topics[name].partitions) != partitions:
            raise TopicsMismatch(
                f"topic {name} has {len(found.topics[name].partitions)} partitions, "
                f"PARTITIONS says {partitions}"
            )
    missing = [topic for topic in ALL if topic.name not in found.topics]
    replicas = min(3, len(found.brokers))
    news = [NewTopic(t.name, partitions, replicas, config=t.config) for t in missing]
    for future in client.create_topics(news).values() if news else ():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise
    while not _is_led(client, partitions):
        time.sleep(0.1)


def _is_led(client: AdminClient, partitions: int) -> bool:
    """Whether every partition has a leader, which takes a moment after it is made."""
    topics = client.list_topics(timeout=10).topics
    return all(
        topic.name in topics
        and len(topics[topic.name].partitions) == partitions
        and all(p.leader >= 0 for p in topics[topic.name].partitions.values())
        for topic in ALL
    )
