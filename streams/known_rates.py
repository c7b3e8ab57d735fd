"""The exchange rates of a process, and where in their topic each came in force."""

from bisect import bisect_left
from collections.abc import Collection

from calculator import FxRate, Pair, Rates, Taken


class KnownRates:
    """One copy for all lanes. One thread keeps and moves; any other may read meanwhile.

    Lanes may book with rates that they have not come to yet in the topic: where they come to them,
    they find them applied.
    """

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self.through = 0  # next offset of the topic, all before which is in `rates`
        self._in_force: list[FxRate] = []
        self._offsets: list[int] = []  # where each of them lies

    def keep(self, offset: int, rate: FxRate) -> None:
        """Take in the next readable record of the topic."""
        if self.rates.put(rate) is Taken.JOURNALLED:
            self._in_force.append(rate)
            self._offsets.append(offset)

    def move(self, through: int) -> None:
        """Everything before this offset was kept."""
        self.through = through

    def since(self, offset: int, legs: Collection[Pair], limit: int) -> tuple[list[FxRate], int]:
        """Up to `limit` rates of these (from, to) that came in force from there on, and the offset
        before which there are no others."""
        through = self.through
        if not legs:
            return [], through
        found: list[FxRate] = []
        for at in range(bisect_left(self._offsets, offset), bisect_left(self._offsets, through)):
            rate = self._in_force[at]
            if (rate.from_currency, rate.to_currency) in legs:
                if len(found) == limit:
                    return found, self._offsets[at]
                found.append(rate)
        return found, through
