"""What Kafka knows of consumer groups: how far they are, and whether anybody is in them."""

from collections.abc import Iterable

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicPartition,
)

from cli.failures import patiently
from streams.topics import Admin

ANSWER_SECONDS_MAX = 10.0
Place = tuple[str, int]  # topic, partition


def offsets(kafka: Admin, group: str, places: Iterable[Place]) -> dict[Place, int]:
    """Where the group would go on; 0 where it never was."""
    found = dict.fromkeys(places, 0)
    # A broker that never had a group does not answer in time what it knows of one.
    if group not in _states(kafka):
        return found
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(*place) for place in found])

    def ask() -> dict[Place, int]:
        answers = kafka.list_consumer_group_offsets([asked], request_timeout=ANSWER_SECONDS_MAX)
        given = answers[group].result().topic_partitions
        return {(one.topic, one.partition): max(0, one.offset) for one in given}

    return patiently(kafka, ask)


def with_members(kafka: Admin, groups: Iterable[str]) -> list[str]:
    """Those groups that somebody is in, or may be about to enter."""
    states = _states(kafka)
    at_rest = (None, ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)
    return [group for group in groups if states.get(group) not in at_rest]


def delete(kafka: Admin, groups: Iterable[str]) -> None:
    """Forget the groups, which must be empty."""
    states = _states(kafka)
    known = [group for group in groups if group in states]
    if known:
        answers = kafka.delete_consumer_groups(known, request_timeout=ANSWER_SECONDS_MAX)
        for future in answers.values():
            future.result()


def _states(kafka: Admin) -> dict[str, ConsumerGroupState]:
    def ask() -> dict[str, ConsumerGroupState]:
        listed = kafka.list_consumer_groups(request_timeout=ANSWER_SECONDS_MAX).result()
        for error in listed.errors:
            raise KafkaException(error)
        return {group.group_id: group.state for group in listed.valid}

    return patiently(kafka, ask)
