"""How many records a worker has not booked yet, and where topics end."""

import time
from collections.abc import Collection

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from faust.types.tuples import TP

from streams.app import WorkerApp
from streams.topics import Admin
from streams.transport import Positions
from wire.broker import Broker
from wire.topics import INPUTS

_KEEP_SECONDS = 0.05  # many askers make one question
# What a client is told whose knowledge of the leaders is from before a restart of the broker. It
# keeps that knowledge for minutes.
_OUTDATED = {
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


class CommittedEnds:
    """Where readers of committed records end. From any thread."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._kafka = Admin(broker)

    def of(self, places: Collection[TP]) -> dict[TP, int]:
        """Raises KafkaException while the broker is away."""
        self._kafka.poll(0)  # what it hears beside must not pile up
        try:
            return committed_ends(self._kafka, places)
        except KafkaException as error:
            if error.args[0].code() not in _OUTDATED:
                raise
        self._kafka = Admin(self._broker)
        return committed_ends(self._kafka, places)


class InputLag:
    """Compares what the broker has committed with where the lanes are. From any thread."""

    def __init__(self, app: WorkerApp) -> None:
        self._app = app
        self._ends = CommittedEnds(app.settings.kafka)
        self._asked_at = 0.0
        self._records = 0

    def records(self) -> int:
        """Records committed and not booked, over the partitions of this worker; re-bookings that
        are not finished count as one each. Raises KafkaException while the broker is away."""
        if time.monotonic() - self._asked_at < _KEEP_SECONDS:
            return self._records
        lanes = [pump.lane for pump in list(self._app.pumps.values())]
        places = [TP(topic.name, lane.partition) for lane in lanes for topic in INPUTS]
        ends = self._ends.of(places)
        total = 0
        for lane in lanes:
            # Asked after the ends: a lane that reached them is not behind.
            for topic, booked in zip(INPUTS, lane.progress.next_offsets, strict=True):
                tp = TP(topic.name, lane.partition)
                total += max(0, ends[tp] - _behind_markers(tp, booked))
            total += lane.unsettled
        self._asked_at, self._records = time.monotonic(), total
        return total


def committed_ends(kafka: AdminClient, places: Collection[TP]) -> dict[TP, int]:
    """Where a reader of committed records ends. Raises KafkaException while the broker is away."""
    if not places:
        return {}
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    futures = kafka.list_offsets(
        {TopicPartition(tp.topic, tp.partition): latest for tp in places},
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=2,
    )
    return {TP(p.topic, p.partition): future.result().offset for p, future in futures.items()}


def _behind_markers(tp: TP, booked: int) -> int:
    """The position behind the records booked, transaction markers that follow them included."""
    at = Positions.at.get(tp)
    if at is None or at[0] != booked:
        return booked
    return at[1]
