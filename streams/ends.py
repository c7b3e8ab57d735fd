"""Where topics end, for readers of committed records and for all that was written."""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from streams.topics import Admin
from wire.broker import Broker
from wire.topics import CHANGELOG, COMPLETED, PORTFOLIOS_CURRENT, POSITIONS

# What a client is told whose knowledge of the leaders is from before a restart of the broker. It
# keeps that knowledge for minutes.
_OUTDATED = {
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


# Written by nobody but the owner of the partition.
_OWNED = (CHANGELOG, COMPLETED, POSITIONS, PORTFOLIOS_CURRENT)
_ASK_SECONDS_MAX = 2.0
# At first: a new client's question for the leaders is left without an answer in one start of six,
# and another client's is answered at once.
_ASK_SECONDS_MIN = 0.3
_LEADERS_SECONDS_MAX = 10.0
_PAUSE_SECONDS = 0.2
# A transaction that times out is aborted 10 s after it began, and the broker looks every 10 s.
UNDECIDED_SECONDS = 30.0

Place = TypeVar("Place", bound=tuple[str, int])  # topic, partition


class Undecided(Exception):
    """The log holds records of a transaction that is neither committed nor aborted, though its
    writer is gone and the broker has ended all it knew of. The next commit there would take them
    with it, while their batch is booked again."""

    def __init__(self, places: Sequence[tuple[str, int]]) -> None:
        named = ", ".join(f"{topic} {partition}" for topic, partition in places)
        super().__init__(
            f"Kafka has lost the end of a transaction in {named}, as 4.3 and 4.4 do (KAFKA-20734). "
            "Run a version without that defect, end the transaction with kafka-transactions.sh "
            "(find-hanging, abort), start again, and then `portfolio verify`"
        )


class Ends:
    """Asks where topics end, for readers of committed records unless told otherwise. From any
    thread."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._kafka = Admin(broker)

    def of(
        self,
        places: Collection[Place],
        level: IsolationLevel = IsolationLevel.READ_COMMITTED,
        seconds_max: float = _ASK_SECONDS_MAX,
    ) -> dict[Place, int]:
        """Raises KafkaException while the broker is away."""
        self._kafka.poll(0)  # what it hears beside must not pile up
        try:
            return ends_at(self._kafka, places, level, seconds_max)
        except KafkaException as error:
            self._kafka = Admin(self._broker)
            if error.args[0].code() not in _OUTDATED:
                raise
        return ends_at(self._kafka, places, level, seconds_max)

    def patiently(
        self, places: Collection[Place], level: IsolationLevel = IsolationLevel.READ_COMMITTED
    ) -> dict[Place, int]:
        """Of a broker that may just have started: it leads one partition after the other."""
        until, seconds_max = time.monotonic() + _LEADERS_SECONDS_MAX, _ASK_SECONDS_MIN
        while True:
            try:
                return self.of(places, level, seconds_max)
            except KafkaException:
                if time.monotonic() > until:
                    raise
                time.sleep(_PAUSE_SECONDS)
            seconds_max = min(2 * seconds_max, _ASK_SECONDS_MAX)


def demand_decided(ends: Ends, partitions: Collection[int]) -> None:
    """Raise Undecided where a writer before left records that nothing will decide any more. The
    producers of the partitions have been started: what is open now is another owner's, if we
    have lost the partitions meanwhile, and ends by itself."""
    places = [(topic.name, partition) for topic in _OWNED for partition in partitions]
    written = ends.patiently(places, IsolationLevel.READ_UNCOMMITTED)
    until = time.monotonic() + UNDECIDED_SECONDS
    while undecided := open_below(ends, written):
        if time.monotonic() > until:
            raise Undecided(undecided)
        time.sleep(_PAUSE_SECONDS)


def open_below(ends: Ends, written: Mapping[Place, int]) -> list[Place]:
    """Places with records below these offsets that are neither committed nor aborted."""
    committed = ends.patiently(written.keys())
    return [place for place, end in written.items() if committed[place] < end]


def ends_at(
    kafka: AdminClient,
    places: Collection[Place],
    level: IsolationLevel = IsolationLevel.READ_COMMITTED,
    seconds_max: float = _ASK_SECONDS_MAX,
) -> dict[Place, int]:
    if not places:
        return {}
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(*place): place for place in places}
    futures = kafka.list_offsets(
        dict.fromkeys(asked, latest), isolation_level=level, request_timeout=seconds_max
    )
    return {asked[at]: future.result().offset for at, future in futures.items()}
