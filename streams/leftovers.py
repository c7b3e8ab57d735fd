"""Cash entries and positions that the books of a life before published.

Where the changelog was deleted, the books are made anew from the inputs. A cash entry that the
old books came to while its cause was booked, or a position, may never come to be in the new ones,
which may meet a transaction and its correction together. So all are withdrawn first, and those
that are due come back.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeVar

import msgspec

from calculator import Cancellation, Entry, Source, Status, cause_of
from wire.results import encode_result

RECORDS_MAX = 20_000  # in one transaction, which must end long before its timeout

Results = list[tuple[bytes, bytes]]
Removals = list[tuple[bytes, None]]


class Publisher(Protocol):
    """The fenced log of a partition, before its first batch."""

    def publish(self, results: Results, positions: Removals) -> int | None: ...


class _CashEntry(msgspec.Struct):
    transaction_id: str
    portfolio_id: str
    version: int
    status: str
    source_topic: str
    source_partition: int
    source_offset: int

    def withdrawn(self, as_of: int) -> tuple[bytes, bytes]:
        content = Cancellation(
            transaction_id=self.transaction_id,
            portfolio_id=self.portfolio_id,
            version=self.version,
        )
        source = Source(self.source_topic, self.source_partition, self.source_offset)
        return self.portfolio_id.encode(), encode_result(Entry(content, source, as_of=as_of))


_decode = msgspec.json.Decoder(_CashEntry).decode


class Leftovers:
    """What stands in one partition after the records met so far."""

    def __init__(self) -> None:
        self._cash_entries: dict[tuple[str, str], _CashEntry] = {}
        self._positions: dict[bytes, None] = {}

    def meet_results(self, values: Iterable[bytes]) -> None:
        """In the order of their topic."""
        for value in values:
            if b"~" not in value:  # most have none: no id that comes in has
                continue
            result = _decode(value)
            identity = result.portfolio_id, result.transaction_id
            if result.status == Status.CANCELLED:
                self._cash_entries.pop(identity, None)
            elif cause_of(result.transaction_id) is not None:
                self._cash_entries[identity] = result

    def meet_positions(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """(key, value) in the order of their topic."""
        for key, value in records:
            if value is None:
                self._positions.pop(key, None)
            else:
                self._positions[key] = None

    def withdraw(self, log: Publisher, as_of: int) -> int | None:
        """Publish that the cash entries are CANCELLED, and remove the positions. Return the offset
        of the last result; None where there is none."""
        last = None
        for entries in _parts(self._cash_entries.values()):
            last = log.publish([entry.withdrawn(as_of) for entry in entries], [])
        for keys in _parts(self._positions):
            log.publish([], [(key, None) for key in keys])
        return last


_T = TypeVar("_T")


def _parts(items: Iterable[_T]) -> Iterator[list[_T]]:
    """As much at a time as fits into a transaction."""
    left = iter(items)
    while part := list(islice(left, RECORDS_MAX)):
        yield part
