"""Where rates that came in may have changed what was booked: pairs and trade dates to walk."""

from collections.abc import Iterable
from datetime import date, timedelta

from calculator.rate_uses import RateUses
from calculator.rates import FxRate, Pair, Rates

_DAY = timedelta(1)


def start_walks(rates: Rates, uses: RateUses, changed: Iterable[FxRate]) -> None:
    """Begin to walk wherever one of these rates, in force by now, may be another than the one
    that was applied. Looks only at pairs that they can be part of, and at days with uses."""
    if not uses.pairs:
        return
    pairs_of: dict[Pair, list[Pair]] = {}
    for pair in uses.pairs:
        for leg in rates.legs(*pair):
            pairs_of.setdefault(leg, []).append(pair)
    days: dict[Pair, set[date]] = {}
    for rate in changed:
        for pair in pairs_of.get((rate.from_currency, rate.to_currency), ()):
            days.setdefault(pair, set()).add(rate.rate_date)
    for pair, rate_dates in days.items():
        used = _UsedDays(uses, pair)
        for rate_date in sorted(rate_dates):
            _start(rates, used, rate_date)


class _UsedDays:
    """The days with uses of one pair, asked for upwards; it looks up each of them once."""

    def __init__(self, uses: RateUses, pair: Pair) -> None:
        self.uses, self.pair = uses, pair
        self._from = date.max
        self._found: date | None = None

    def first(self, day: date) -> date | None:
        if not self._from <= day <= (self._found or date.max):
            self._from, self._found = day, self.uses.next_day(self.pair, day)
        return self._found


def _start(rates: Rates, used: _UsedDays, rate_date: date) -> None:
    """Rates are never taken away, so the days that a rate is for end where a newer one begins. One
    that was replaced may be none any more, and then an older one takes its days."""
    last = rate_date + rates.max_age_days * _DAY
    day = used.first(rate_date)
    while day is not None and day <= last:
        found = rates.resolve(*used.pair, day)
        if found is not None and found.rate_date > rate_date:
            return
        used.uses.put_walk(used.pair, day, None)
        day = used.first(day + _DAY)
