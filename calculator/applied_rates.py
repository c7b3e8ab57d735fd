"""The exchange rates that entries were booked with, and the index by which new ones find them."""

from datetime import date
from decimal import Decimal

from calculator.booking import needs_rate
from calculator.holding import Holding
from calculator.journal import Entry
from calculator.rate_uses import RateUse, RateUses
from calculator.rates import Pair, Rates
from calculator.transaction import Transaction


class AppliedRates:
    """Keeps `uses` exactly those of entries as they were last booked."""

    def __init__(self, rates: Rates, uses: RateUses) -> None:
        self._rates = rates
        self._uses = uses

    def find(
        self, holding: Holding, transaction: Transaction, base_currency: str
    ) -> Decimal | None:
        """Base currency per unit of the trade currency, where the transaction needs a rate, brings
        none, and one is known."""
        currency = transaction.trade_currency
        if base_currency == currency or not needs_rate(holding, transaction):
            return None
        return self._in_force((currency, base_currency), transaction.transaction_date.date())

    def _in_force(self, pair: Pair, day: date) -> Decimal | None:
        resolved = self._rates.resolve(*pair, day)
        return None if resolved is None else resolved.rate

    def note(self, entry: Entry) -> None:
        """Behind a new outcome of the entry."""
        if (pair := entry.rate_pair) is not None:
            assert isinstance(entry.content, Transaction)
            self._uses.put(pair, RateUse.of(entry.content), entry.applied_fx_rate)

    def forget(self, entry: Entry) -> None:
        """Before the outcome of the entry is another one, or the entry itself."""
        if entry.outcome is not None and (pair := entry.rate_pair) is not None:
            assert isinstance(entry.content, Transaction)
            self._uses.drop(pair, RateUse.of(entry.content))

    def walk(self, pair: Pair, day: date, limit: int) -> tuple[int, list[RateUse]]:
        """Walk over up to `limit` uses: how many there were, and those whose rate is another one
        than what is in force."""
        found = self._uses.of(pair, day, self._uses.walks[pair, day], limit)
        rate = self._in_force(pair, day)
        if len(found) < limit:
            self._uses.drop_walk(pair, day)
        else:
            self._uses.put_walk(pair, day, found[-1][0])
        return len(found), [use for use, applied in found if applied != rate]
