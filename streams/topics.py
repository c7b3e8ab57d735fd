"""Creates the topics: explicit partitions, each with its own way of being kept."""

import time
from collections import deque
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from wire.broker import NOT_UNDERSTOOD, Broker
from wire.topics import ALL, Topic

log = structlog.get_logger(__name__)


class TopicsMismatch(Exception):
    """A topic has another number of partitions than PARTITIONS says. Set PARTITIONS to what the
    topics have: the partition of a portfolio, and so its books, hang on it. One of reference data
    that has not one partition was made by somebody else: it has to be made anew."""


class Admin(AdminClient):
    """Asks a broker about topics and groups. Its calls raise KafkaException."""

    def __init__(self, broker: Broker) -> None:
        # Not a method of this object: the two would keep each other, and the connections, alive.
        self._heard: deque[KafkaError] = deque(maxlen=10)
        hear: Any = self._heard.append
        # librdkafka would print a line for every refused connection while a broker is away.
        super().__init__({**broker.options, "error_cb": hear, "log_level": 0})

    def why(self, error: KafkaException) -> str:
        """Why a call failed. Its own error tells only that nobody answered; what stands behind
        that, as a password that is refused, is told beside."""
        self.poll(0)
        told = [heard for heard in self._heard if heard.code() != KafkaError._ALL_BROKERS_DOWN]
        if told:
            return told[-1].str()
        bare: KafkaError = error.args[0]
        is_silence = bare.code() == KafkaError._TRANSPORT
        return f"{bare.str()}: {NOT_UNDERSTOOD}" if is_silence else bare.str()


def wait_for_broker(broker: Broker) -> Admin:
    """A client of a broker that answers, however long it takes to come up."""
    client, waited = Admin(broker), 0
    while True:
        try:
            client.list_topics(timeout=5)
        except KafkaException as error:
            if waited % 6 == 0:
                log.warning(
                    "waiting_for_kafka", bootstrap=broker.bootstrap, error=client.why(error)
                )
            waited += 1
            time.sleep(0.5)
        else:
            return client


def create_topics(broker: Broker, partitions: int) -> None:
    """Create what is missing and return when it can be written; raise TopicsMismatch where what
    exists is of another size."""
    client = wait_for_broker(broker)
    found = client.list_topics(timeout=10)
    for topic in (topic for topic in ALL if topic.name in found.topics):
        _demand_size(topic, len(found.topics[topic.name].partitions), partitions)
    missing = [topic for topic in ALL if topic.name not in found.topics]
    replicas = min(3, len(found.brokers))
    news = [NewTopic(t.name, t.partitions(partitions), replicas, config=t.config) for t in missing]
    for future in client.create_topics(news).values() if news else ():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise
    while not _is_led(client, partitions):
        time.sleep(0.1)


def _demand_size(topic: Topic, found: int, partitions: int) -> None:
    if found != topic.partitions(partitions):
        wanted = f"PARTITIONS says {partitions}"
        if topic.own_partitions is not None:
            wanted = f"it must have {topic.own_partitions}"
        raise TopicsMismatch(f"topic {topic.name} has {found} partitions, {wanted}")


def _is_led(client: AdminClient, partitions: int) -> bool:
    """Whether every partition has a leader, which takes a moment after it is made."""
    topics = client.list_topics(timeout=10).topics
    return all(
        topic.name in topics
        and len(topics[topic.name].partitions) == topic.partitions(partitions)
        and all(p.leader >= 0 for p in topics[topic.name].partitions.values())
        for topic in ALL
    )
