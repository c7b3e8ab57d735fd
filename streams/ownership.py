"""What a worker may say: only of partitions that it surely owns, before and after it looked."""

from collections.abc import Iterator
from contextlib import contextmanager

from streams.answers import Refusal
from streams.app import WorkerApp
from streams.lane import Lane
from streams.tables import is_corruption


def lane_of(app: WorkerApp, partition: int) -> Lane:
    """The lane of a partition, if this process surely owns it at this moment."""
    if not app.may_answer:
        raise Refusal(503, "rebalancing", "the partitions are being assigned")
    pump = app.pumps.get(partition)
    if partition not in app.served or pump is None:
        raise Refusal(503, "not-owner", f"partition {partition} is not served here")
    return pump.lane


def require_kept(app: WorkerApp, lane: Lane) -> None:
    """What was read in the meantime may be said only if the partition was ours all the time."""
    if lane_of(app, lane.partition) is not lane:
        raise Refusal(503, "rebalancing", "the partition moved")


@contextmanager
def kept(app: WorkerApp, partition: int) -> Iterator[Lane]:
    """The lane of a partition that is ours before and after what is read in the block."""
    lane = lane_of(app, partition)
    try:
        yield lane
    except Exception as error:
        if is_corruption(error):
            lane.end(error)
        # A rebalance closes the table before a reader; anything else is ours to answer for.
        require_kept(app, lane)
        raise
    require_kept(app, lane)
