"""The topics on a real broker, each of its own size."""

import time
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from cli.servers import Connections
from streams.topics import TopicsMismatch, create_topics
from tests.system.log import PARTITIONS, make_topics_anew
from wire.topics import ALL, FX_RATES, REFERENCE, Topic


@pytest.fixture
def admin(servers: Connections) -> Iterator[AdminClient]:
    make_topics_anew(servers.kafka)
    yield AdminClient({**servers.kafka.options})
    make_topics_anew(servers.kafka)


def test_topics_of_reference_data_have_one_partition_and_the_others_what_the_setting_says(
    admin: AdminClient,
) -> None:
    found = admin.list_topics(timeout=10).topics
    sizes = {topic.name: len(found[topic.name].partitions) for topic in ALL}
    assert sizes == {topic.name: 1 if topic in REFERENCE else PARTITIONS for topic in ALL}


def make_anew(admin: AdminClient, topic: Topic, partitions: int) -> None:
    admin.delete_topics([topic.name])[topic.name].result()
    while topic.name in admin.list_topics(timeout=10).topics:
        time.sleep(0.05)
    new = NewTopic(topic.name, partitions, 1, config=topic.config)
    admin.create_topics([new])[topic.name].result()
    while topic.name not in admin.list_topics(timeout=10).topics:
        time.sleep(0.05)


def test_a_topic_of_another_size_is_refused(servers: Connections, admin: AdminClient) -> None:
    with pytest.raises(
        TopicsMismatch, match="raw_transactions has 8 partitions, PARTITIONS says 9"
    ):
        create_topics(servers.kafka, 9)
    make_anew(admin, FX_RATES, 2)
    with pytest.raises(TopicsMismatch, match="fx_rates has 2 partitions, it must have 1"):
        create_topics(servers.kafka, PARTITIONS)
