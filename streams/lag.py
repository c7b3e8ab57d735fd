"""How many records a worker has not booked yet."""

import time

from confluent_kafka import IsolationLevel
from faust.types.tuples import TP

from streams.app import WorkerApp
from streams.ends import Ends
from streams.fetched import Positions
from wire.topics import FORWARDED, FX_RATES, INPUTS, INSTRUMENTS

_KEEP_SECONDS = 0.05  # many askers make one question


class InputLag:
    """Compares what the broker has committed with where the lanes are. From any thread."""

    def __init__(self, app: WorkerApp) -> None:
        self._app = app
        self._ends = Ends(app.settings.kafka)
        self._asked_at = 0.0
        self._records = 0

    def records(self) -> int:
        """Records committed and not booked, over the partitions of this worker, exchange rates
        and instruments that not all of them took in among them; re-bookings that are not finished count as one
        each. Raises KafkaException while the broker is away.

        What other workers forward is counted as soon as it is written: their commit is answered
        before the log shows it, and in between it would be nowhere."""
        if time.monotonic() - self._asked_at < _KEEP_SECONDS:
            return self._records
        lanes = [pump.lane for pump in list(self._app.pumps.values())]
        places = [TP(topic.name, lane.partition) for lane in lanes for topic in INPUTS]
        rates, instruments = TP(FX_RATES.name, 0), TP(INSTRUMENTS.name, 0)
        decided = [rates, instruments, *(tp for tp in places if tp.topic != FORWARDED.name)]
        ends = self._ends.of(decided) | self._ends.of(
            [tp for tp in places if tp.topic == FORWARDED.name], IsolationLevel.READ_UNCOMMITTED
        )
        total = 0
        for lane in lanes:
            # Asked after the ends: a lane that reached them is not behind.
            for topic, booked in zip(INPUTS, lane.progress.next_offsets, strict=True):
                tp = TP(topic.name, lane.partition)
                total += max(0, ends[tp] - _behind_markers(tp, booked))
            total += lane.unsettled
        total += max((ends[rates] - lane.progress.fx_rates for lane in lanes), default=0)
        total += max((ends[instruments] - lane.progress.instruments for lane in lanes), default=0)
        self._asked_at, self._records = time.monotonic(), total
        return total


def _behind_markers(tp: TP, booked: int) -> int:
    """The position behind the records booked, transaction markers that follow them included."""
    at = Positions.at.get(tp)
    if at is None or at[0] != booked:
        return booked
    return at[1]
