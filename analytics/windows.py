"""Returns of many windows of one series: each takes the same time, however long it is."""

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal, localcontext

from analytics.days import Basis
from analytics.exact import rounded_return
from analytics.rate_roots import WIDE
from analytics.time_weighted import DayReturn
from calculator.money import ONE


class Windows:
    """Of days whose returns were computed before, on this basis."""

    def __init__(self, returns: Sequence[DayReturn], basis: Basis = Basis.NET_OF_FEES) -> None:
        self._growth = [ONE]  # product of all factors but zeros, of the days before
        self._ruins = [0]  # days before that lost all
        self._losses = [0]  # days before on which a break gained or lost something
        self._active: list[int] = []  # days that have a return and are not idle
        self._stretch: list[int] = []  # of each of these: those of one stretch are linked
        stretch = 0
        with localcontext(WIDE):
            for index, each in enumerate(returns):
                factor = ONE if each.exact_return is None else 1 + each.exact_return
                is_break = each.exact_return is None
                self._growth.append(self._growth[-1] * (factor or ONE))
                self._ruins.append(self._ruins[-1] + (not factor))
                self._losses.append(self._losses[-1] + (is_break and bool(each.day.gain(basis))))
                if not is_break and not each.day.is_idle:
                    self._active.append(index)
                    self._stretch.append(stretch)
                # Who lost more than everything begins anew, as in `time_weighted.runs`.
                stretch += is_break or factor < 0

    def total_return(self, within: slice) -> Decimal | None:
        """What `time_weighted.link` says of these days; `within` has a start and a stop."""
        start, stop = within.start, within.stop
        first, end = bisect_left(self._active, start), bisect_left(self._active, stop)
        if first == end or self._stretch[first] != self._stretch[end - 1]:
            return None
        if self._losses[start] != self._losses[stop]:
            return None
        with localcontext(WIDE):
            if self._ruins[start] != self._ruins[stop]:
                return rounded_return(-ONE)
            return rounded_return(self._growth[stop] / self._growth[start] - 1)
