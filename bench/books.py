"""Books that lanes keep of a load, some events at a time; and what they hold in the end.

All is read from the tables: sums to compare with the independent fold, and a fingerprint to compare
with lanes that were told the same in another order.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal, localcontext
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.lanes import EVENTS_A_BATCH, Cost, Lanes, Message, events_of, portfolios_of
from bench.load import Load, Totals, expected
from bench.stage import BenchmarkError
from calculator import EXACT, Holding
from streams import state
from streams.pages import open_pages
from streams.reading import items_with
from streams.sums import sums
from streams.tables import Table
from wire import results

ZERO = Decimal(0)
_BOOKED, _DISPOSAL, _SOURCE = b'"status":"BOOKED"', b'"lot_id":', b',"source_topic":'


class Books:
    """Lanes over an empty folder of their own, and the events of the load that come next."""

    def __init__(self, load: Load, events: Iterable[Message] | None = None) -> None:
        """`events` are those of the load in the order in which they come, if in another."""
        self._folder = tempfile.TemporaryDirectory()
        self.lanes = Lanes(Path(self._folder.name))
        self._load = load
        self._events = iter(events_of(load) if events is None else events)
        self._booked = 0
        self._spent = Cost(0, 0)  # on all of them
        self.lanes.book(portfolios_of(load))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.lanes.close()
        self._folder.cleanup()

    def book(self, events: int, events_a_batch: int = EVENTS_A_BATCH) -> Cost:
        """The next so many; what an event cost, in microseconds."""
        wanted = self._booked + events
        cost = self.lanes.book(self._next(events), events_a_batch)
        if self._booked < wanted:
            raise BenchmarkError(f"the load ends after {self._booked} events")
        self._spent = Cost(*map(sum, zip(self._spent, cost, strict=True)))
        return cost.of_each(events)

    def _next(self, events: int) -> Iterator[Message]:
        for message in islice(self._events, events):
            self._booked += 1
            yield message

    @property
    def average(self) -> Cost:
        """What an event cost so far, in microseconds."""
        return self._spent.of_each(self._booked)

    def check(self) -> None:
        """Raises BenchmarkError where the books are not those of the independent fold."""
        totals = expected(replace(self._load, events=self._booked))
        if (found := totals_of(self.lanes)) != totals:
            raise BenchmarkError(f"the books are wrong:\nfound    {found}\nexpected {totals}")


def totals_of(lanes: Lanes) -> Totals:
    """Of what is stored; raises BenchmarkError where a holding is not what its lots add up to."""
    transactions = disposals = open_lots = 0
    quantity = cost = realized_gain_loss = ZERO
    for lane in lanes.lanes:
        for _, result in items_with(lane.table, b"t"):
            transactions += _BOOKED in result
            disposals += result.count(_DISPOSAL)
        for holding in holdings_of(lane.table):
            open_lots += len(holding.lots)
            with localcontext(EXACT):
                found = sums(holding.lots)
                if found != (holding.quantity, holding.cost, holding.cost_local):
                    raise BenchmarkError(f"the lots of {holding.security_id} add up to {found}")
                quantity += found[0]
                cost += found[1]
                realized_gain_loss += holding.realized_gain_loss
    return Totals(transactions, disposals, open_lots, quantity, cost, realized_gain_loss)


def holdings_of(table: Table) -> Iterator[Holding]:
    """All holdings on disk, with all their lots."""
    for key, value in items_with(table, b"h"):
        ids = state.ids_of(key)
        stored = state.decode_holding(*ids, value)
        open_pages(table, stored)
        yield stored.holding


def fingerprint(lanes: Lanes) -> str:
    """The same where journal, booking order, results, lots and totals are the same, whichever
    record or batch they came from."""
    digest = hashlib.sha256()
    for lane in lanes.lanes:
        for part in _economic_parts(lane.table):
            digest.update(part)
    return digest.hexdigest()


def _economic_parts(table: Table) -> Iterable[bytes]:
    for key, value in items_with(table, b"t"):
        yield key
        yield value[: value.rindex(_SOURCE)]
    for holding in holdings_of(table):
        # As they are published: what is stored of an amount keeps the zeros that it was given with.
        yield results.encode_position(holding, as_of=0)
        yield from map(results.encode_lot, holding.lots)
        yield repr((holding.is_settled, holding.journalled, holding.booked, holding.last)).encode()
    for kind in (b"o", b"r", b"x"):
        yield from (key for key, _ in items_with(table, kind))


def stored_bytes(lanes: Lanes) -> int:
    """Of all holdings and their lots, keys too."""
    records = (
        record
        for lane in lanes.lanes
        for kind in (b"h", b"l")
        for record in items_with(lane.table, kind)
    )
    return sum(len(key) + len(value) for key, value in records)
