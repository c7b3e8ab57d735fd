"""The writer: batches of results into a sink, each record once.

Rows and progress move in one transaction of the sink, and work is resumed from that progress. So
a commit whose answer was lost is found again, and a writer that lost its partitions writes nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

Progress = dict[tuple[str, int], int]
"""(topic, partition) -> the offset of the next record to store."""


class ProgressMoved(Exception):
    """Somebody else stored these records, or the database was emptied; nothing was written.

    Read the progress again and go on from there.
    """

    def __init__(self, expected: Progress, found: Progress) -> None:
        super().__init__(f"expected the stored progress {expected}, found {found}")
        self.found = found


class Batch(Protocol):
    """Records of one partition, with the positions around them."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def value(self) -> Any: ...
    @property
    def before(self) -> int: ...
    @property
    def after(self) -> int: ...


class Sink(Protocol):
    """Where rows and progress are stored together."""

    def read_progress(self, partitions: Iterable[tuple[str, int]]) -> Progress:
        """Where to go on in each of the partitions; 0 where nothing was stored yet."""

    def write(self, records: Sequence[Any], *, expected: Progress, progress: Progress) -> None:
        """Store the records from `expected` up to `progress`, or nothing at all. Raises
        ProgressMoved where the sink is not at `expected`."""


class Writer:
    """One writer over the partitions it was given. In one thread at a time; `progress` is
    replaced, never changed, so any thread may read it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.progress: Progress = {}

    def take_over(self, partitions: Collection[tuple[str, int]]) -> None:
        self.progress = self._sink.read_progress(partitions)

    def write(self, batches: Sequence[Batch]) -> int:
        """Store what of these batches is not stored yet; return how many records that was."""
        records = [
            record
            for batch in batches
            for record in batch.value
            if record.offset >= self.progress[batch.topic, batch.partition]
        ]
        after: Progress = {}
        for batch in batches:
            place = batch.topic, batch.partition
            at = after.get(place, self.progress[place])
            assert batch.before <= at, "no record is passed over"
            after[place] = max(batch.after, at)
        self._move(records, after)
        return len(records)

    def is_where_it_was_left(self) -> bool:
        return self._sink.read_progress(self.progress) == self.progress

    def pass_markers(self, positions: Mapping[tuple[str, int], tuple[int, int]]) -> None:
        """Move behind trailing transaction markers, so that the lag reads 0. `positions` says
        where what was delivered ends, and where the consumer stands behind it."""
        behind = {
            place: positions[place][1]
            for place, at in self.progress.items()
            if place in positions and positions[place][0] <= at < positions[place][1]
        }
        if behind:
            self._move([], behind)

    def _move(self, records: Sequence[Any], after: Progress) -> None:
        before = {place: self.progress[place] for place in after}
        try:
            self._sink.write(records, expected=before, progress=after)
        except ProgressMoved as moved:
            if moved.found != after:
                raise
        self.progress = self.progress | after
