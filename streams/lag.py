"""How many records of the inputs a worker has not booked yet."""

import time

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]
from faust.types.tuples import TP

from streams.app import WorkerApp
from streams.topics import admin
from streams.transport import Positions
from wire.topics import INPUTS

_KEEP_SECONDS = 0.05  # many askers make one question


class InputLag:
    """Compares what the broker has committed with where the lanes are. From any thread."""

    def __init__(self, app: WorkerApp) -> None:
        self._app = app
        self._admin = admin(app.settings.kafka_bootstrap)
        self._asked_at = 0.0
        self._records = 0

    def records(self) -> int:
        """Records committed and not booked, over the partitions of this worker; re-bookings that
        are not finished count as one each. Raises KafkaException while the broker is away."""
        if time.monotonic() - self._asked_at < _KEEP_SECONDS:
            return self._records
        lanes = [pump.lane for pump in list(self._app.pumps.values())]
        asked = {
            TopicPartition(topic.name, lane.partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for lane in lanes
            for topic in INPUTS
        }
        ends = (
            self._admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=5
            )
            if asked
            else {}
        )
        found = {(p.topic, p.partition): future.result().offset for p, future in ends.items()}
        total = 0
        for lane in lanes:
            # Asked after the ends: a lane that reached them is not behind.
            for topic, booked in zip(INPUTS, lane.progress.next_offsets, strict=True):
                position = _behind_markers(TP(topic.name, lane.partition), booked)
                total += max(0, found[topic.name, lane.partition] - position)
            total += lane.unsettled
        self._asked_at, self._records = time.monotonic(), total
        return total


def _behind_markers(tp: TP, booked: int) -> int:
    """The position behind the records booked, transaction markers that follow them included."""
    at = Positions.at.get(tp)
    if at is None or at[0] != booked:
        return booked
    return at[1]
