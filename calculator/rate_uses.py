"""Which transactions a rate was applied to, and which wait for one: an index beside the journal."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

from calculator.rates import Pair
from calculator.transaction import Order, Transaction


class RateUse(NamedTuple):
    """A transaction that brings no rate though it needs one."""

    portfolio_id: str
    security_id: str
    order: Order

    @property
    def day(self) -> date:
        """The trade date, in UTC."""
        return self.order[0].date()

    @classmethod
    def of(cls, transaction: Transaction) -> "RateUse":
        return cls(transaction.portfolio_id, transaction.security_id, transaction.order)


class RateUses(Protocol):
    """Uses by pair and trade date, each with the rate applied, None where one is awaited. Exactly
    those of entries as they were last booked."""

    walks: dict[tuple[Pair, date], RateUse | None]
    """Pair and trade date whose uses are to be compared with the rates in force, and the use up to
    which they were; None at the begin."""

    @property
    def pairs(self) -> Collection[Pair]:
        """All pairs that ever had a use."""

    def put(self, pair: Pair, use: RateUse, rate: Decimal | None) -> None: ...
    def drop(self, pair: Pair, use: RateUse) -> None: ...

    def next_day(self, pair: Pair, first: date) -> date | None:
        """The lowest day with uses at or above `first`, in no more time for any number of uses."""

    def of(
        self, pair: Pair, day: date, after: RateUse | None, limit: int
    ) -> list[tuple[RateUse, Decimal | None]]:
        """Up to `limit` uses above `after`, lowest first."""

    def put_walk(self, pair: Pair, day: date, after: RateUse | None) -> None: ...
    def drop_walk(self, pair: Pair, day: date) -> None: ...


class MemoryRateUses:
    """The index in plain dictionaries and sorted lists."""

    def __init__(self) -> None:
        self.walks: dict[tuple[Pair, date], RateUse | None] = {}
        self._days: dict[Pair, list[date]] = {}
        self._uses: dict[tuple[Pair, date], list[RateUse]] = {}
        self._rates: dict[tuple[Pair, RateUse], Decimal | None] = {}

    @property
    def pairs(self) -> Collection[Pair]:
        return self._days.keys()

    def put(self, pair: Pair, use: RateUse, rate: Decimal | None) -> None:
        if (pair, use) not in self._rates:
            if (pair, use.day) not in self._uses:
                self._uses[pair, use.day] = []
                insort(self._days.setdefault(pair, []), use.day)
            insort(self._uses[pair, use.day], use)
        self._rates[pair, use] = rate

    def drop(self, pair: Pair, use: RateUse) -> None:
        del self._rates[pair, use]
        uses = self._uses[pair, use.day]
        del uses[bisect_left(uses, use)]

    def next_day(self, pair: Pair, first: date) -> date | None:
        days = self._days[pair]
        at = bisect_left(days, first)
        return days[at] if at < len(days) else None

    def of(
        self, pair: Pair, day: date, after: RateUse | None, limit: int
    ) -> list[tuple[RateUse, Decimal | None]]:
        uses = self._uses[pair, day]
        start = 0 if after is None else bisect_right(uses, after)
        return [(use, self._rates[pair, use]) for use in uses[start : start + limit]]

    def put_walk(self, pair: Pair, day: date, after: RateUse | None) -> None:
        self.walks[pair, day] = after

    def drop_walk(self, pair: Pair, day: date) -> None:
        del self.walks[pair, day]
