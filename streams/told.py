"""What those who follow a portfolio were told of it, and what is new since.

An event is named by its id: the offsets of what it includes, then the name of this record and the
number of the state in it. Somebody who comes back with an id of another record, as of a worker
before, is told everything.
"""

import re
from typing import NamedTuple

import msgspec

from streams.valuations import Position, Valuation, encode

SNAPSHOT, CHANGE = "snapshot", "change"
_ID = re.compile(r"[0-9.]+-([0-9a-f]+)-([0-9]{1,18})").fullmatch


class Event(NamedTuple):
    """The whole valuation, or what is new in it; `data` is JSON."""

    kind: str
    id: str
    data: bytes

    def encode(self) -> bytes:
        return b'{"event":"%b","id":"%b","data":%b}' % (
            self.kind.encode(), self.id.encode(), self.data,
        )  # fmt: skip


class Told:
    """States of one valuation, each under a number. A position that has only another weight is the
    same: weights move whenever anything does, and follow from the total."""

    def __init__(self, name: str) -> None:
        self._name = name  # of hexadecimal digits; of no other
        self.latest: Valuation | None = None
        self._number = 0
        self._since: dict[str, int] = {}  # by security: the state since which its position is so
        self._gone: dict[str, int] = {}  # or since which there is none
        self._comparable_since = 0

    def take(self, valuation: Valuation) -> None:
        """The next state. It is another one only if it says something else."""
        before, self.latest = self.latest, valuation
        number = self._number + 1
        if before is None or (before.on, before.base_currency) != (
            valuation.on, valuation.base_currency,
        ):  # fmt: skip
            self._number = self._comparable_since = number
            self._since = dict.fromkeys(valuation.positions, number)
            self._gone = {}
            return
        changed = [
            name
            for name, position in valuation.positions.items()
            if not _is_same(before.positions.get(name), position)
        ]
        gone = before.positions.keys() - valuation.positions.keys()
        if changed or gone or before.total != valuation.total:
            self._number = number
        for name in changed:
            self._since[name] = number
            self._gone.pop(name, None)
        for name in gone:
            del self._since[name]
            self._gone[name] = number

    def since(self, event_id: str) -> Event | None:
        """What to tell somebody who knows that event; None: nothing."""
        assert self.latest is not None
        known = self._number_of(event_id)
        if known == self._number:
            return None
        if known is None or known < self._comparable_since:
            return Event(SNAPSHOT, self._id(), encode(self.latest))
        return Event(CHANGE, self._id(), self._changes(self.latest, known))

    def knows(self, event_id: str) -> bool:
        """Whether the event is one of this record."""
        return self._number_of(event_id) is not None

    def _changes(self, latest: Valuation, known: int) -> bytes:
        positions = b",".join(
            position.without_weight
            for name, position in latest.positions.items()
            if self._since[name] > known
        )
        removed = sorted(name for name, since in self._gone.items() if since > known)
        return b'%b,"positions":[%b],"removed":%b}' % (
            latest.head[:-1], positions, msgspec.json.encode(removed),
        )  # fmt: skip

    def _id(self) -> str:
        assert self.latest is not None
        offsets = ".".join(map(str, self.latest.through))
        return f"{offsets}-{self._name}-{self._number}"

    def _number_of(self, event_id: str) -> int | None:
        found = _ID(event_id)
        return int(found[2]) if found is not None and found[1] == self._name else None


def _is_same(before: Position | None, now: Position) -> bool:
    return before is not None and before.without_weight == now.without_weight
