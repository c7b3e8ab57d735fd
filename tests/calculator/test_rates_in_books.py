"""Transactions that bring no rate: booked by what is known, and anew by what becomes known."""

from decimal import Decimal
from typing import Any

import pytest

from calculator import (
    Booked,
    Entry,
    Ledger,
    MemoryJournal,
    Rates,
    ReliefMethod,
    Source,
    Status,
    plain,
)
from tests.calculator.trading import (
    cancel,
    everything,
    holding_of,
    on,
    rate,
    settled,
    take,
    terms,
    trade,
    uses_of,
)

IN_USD = terms("FIFO", "USD")
BOUGHT = trade("B", "BUY", 1, 100, 150, currency="EUR")
SOLD = trade("S", "SELL", 5, 40, 170, currency="EUR", fx_rate="1.20")


def entry(ledger: Ledger, transaction_id: str) -> Entry:
    found = ledger.journal.entry("P", transaction_id)
    assert found is not None
    return found


def applied(ledger: Ledger, transaction_id: str) -> str | None:
    rate = entry(ledger, transaction_id).applied_fx_rate
    return None if rate is None else plain(rate)


def changed(ledger: Ledger, *events: Any) -> list[str]:  # noqa: ANN401
    """The transactions whose results are new or changed."""
    take(ledger, *events)
    return sorted(e.content.transaction_id for e in ledger.settle())


def test_a_purchase_waits_for_its_rate_and_what_follows_is_booked_with_it() -> None:
    ledger = settled(IN_USD, BOUGHT, SOLD)
    assert [entry(ledger, name).status for name in "BS"] == [Status.PENDING, Status.REJECTED]
    assert changed(ledger, rate("EUR", "USD", 1, "1.10")) == ["B", "S"]
    assert [entry(ledger, name).status for name in "BS"] == [Status.BOOKED, Status.BOOKED]
    holding = holding_of(ledger)
    assert (plain(holding.cost), plain(holding.cost_local)) == ("9900", "9000")
    sold = entry(ledger, "S").outcome
    assert isinstance(sold, Booked)
    assert sold.realized_gain_loss == 40 * 170 * Decimal("1.20") - 6600
    assert [applied(ledger, name) for name in "BS"] == ["1.1", None]


def test_a_corrected_rate_books_anew_what_used_it_and_nothing_else() -> None:
    others = [
        trade("other day", "BUY", 2, 1, 1, currency="EUR", security="T"),
        trade("other currency", "BUY", 1, 1, 1, currency="CHF", security="U"),
        trade("own rate", "BUY", 1, 1, 1, currency="EUR", fx_rate="2", security="V"),
        trade("base", "BUY", 1, 1, 1, security="W"),
    ]
    known = [rate("EUR", "USD", 1, "1.1"), rate("EUR", "USD", 2, "1.2"), rate("CHF", "USD", 1, "1")]
    ledger = settled(IN_USD, BOUGHT, *others, *known)
    assert changed(ledger, rate("EUR", "USD", 1, "1.15", version=2)) == ["B"]
    assert applied(ledger, "B") == "1.15"
    assert changed(ledger, rate("EUR", "USD", 1, "1.15", version=3)) == []


def test_a_rate_is_for_the_days_behind_it_until_a_newer_one() -> None:
    trades = [trade(f"B{day}", "BUY", day, 1, 1, currency="EUR") for day in range(12)]
    ledger = settled(IN_USD, rate("EUR", "USD", 0, "1"), rate("EUR", "USD", 6, "6"), *trades)
    assert changed(ledger, rate("USD", "EUR", 2, "0.5")) == ["B2", "B3", "B4", "B5"]
    assert [applied(ledger, f"B{day}") for day in range(12)] == list("112222666666")


def test_a_cross_rate_follows_both_its_legs_and_may_be_none_any_more() -> None:
    ledger = Ledger(rates=Rates("GBP", 7))
    assert changed(ledger, IN_USD, BOUGHT, rate("EUR", "USD", 0, "7")) == ["B"]
    assert changed(ledger, rate("EUR", "GBP", 1, "2")) == []
    assert changed(ledger, rate("USD", "GBP", 1, "4")) == ["B"]
    assert applied(ledger, "B") == "0.5"
    assert changed(ledger, rate("USD", "GBP", 1, "0.000000000001", version=2)) == ["B"]
    assert applied(ledger, "B") == "7"


@pytest.mark.parametrize("method", ReliefMethod)
def test_the_rate_is_told_of_what_is_refused_for_another_reason_too(method: ReliefMethod) -> None:
    refused = trade("S", "SELL", 3, 1, 1, currency="EUR")
    moved = trade("O", "TRANSFER_OUT", 3, 1, currency="EUR")
    ledger = settled(IN_USD, refused, moved, rate("EUR", "USD", 3, "2"), method=method)
    assert [entry(ledger, name).status for name in "SO"] == [Status.REJECTED] * 2
    assert [applied(ledger, name) for name in "SO"] == ["2", None]
    assert changed(ledger, rate("EUR", "USD", 3, "3", version=2)) == ["S"]


def test_the_trade_date_is_that_of_utc() -> None:
    late = trade("B", "BUY", 1, 1, 1, currency="EUR")
    object.__setattr__(
        late, "transaction_date", on(2).replace(microsecond=0) - (on(1) - on(0)) / 86400
    )
    ledger = settled(IN_USD, late, rate("EUR", "USD", 1, "1"), rate("EUR", "USD", 2, "2"))
    assert applied(ledger, "B") == "1"


def index(ledger: Ledger) -> dict[Any, str | None]:
    assert isinstance(ledger.journal, MemoryJournal)
    return {
        (*pair, use.order[2]): None if amount is None else plain(amount)
        for (pair, use), amount in uses_of(ledger.journal).items()
    }


def test_the_index_holds_what_was_applied_and_what_waits_and_nothing_outdated() -> None:
    ledger = settled(IN_USD, BOUGHT, SOLD, trade("C", "BUY", 1, 1, 1, currency="CHF"))
    ledger.take_rate(rate("EUR", "USD", 1, "1.1"))
    ledger.settle()
    assert index(ledger) == {("EUR", "USD", "B"): "1.1", ("CHF", "USD", "C"): None}
    changed(ledger, cancel("C"), terms("FIFO", "GBP", version=2))
    assert index(ledger) == {("EUR", "GBP", "B"): None}
    changed(ledger, trade("B", "BUY", 1, 1, 1, currency="EUR", fx_rate="1", version=2))
    assert index(ledger) == {}


def test_another_rate_for_a_day_that_is_being_walked_begins_its_walk_anew() -> None:
    early = trade("A", "BUY", 1, 1, 1, currency="EUR", security="A")
    ledger = settled(IN_USD, early, BOUGHT)
    ledger.take_rate(rate("EUR", "USD", 1, "1"))
    ledger.settle(1)
    # Touched, its holding has its turn before the walk, and is booked with the rate there is.
    ledger.take(trade("A2", "BUY", 2, 1, 1, security="A"))
    ledger.settle(3)
    assert applied(ledger, "A") == "1"
    [met] = ledger.journal.rate_uses.walks.values()
    assert met is not None
    assert met.order[2] == "A"
    ledger.take_rate(rate("EUR", "USD", 1, "2", version=2))
    while ledger.journal.unsettled or ledger.journal.rate_uses.walks:
        ledger.settle(1)
    assert [applied(ledger, name) for name in "AB"] == ["2", "2"]


class Counting(MemoryJournal):
    """Counts the entries that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def entry(self, portfolio_id: str, transaction_id: str) -> Entry | None:
        self.read += 1
        return super().entry(portfolio_id, transaction_id)


def test_a_rate_reads_nothing_of_what_it_does_not_change() -> None:
    journal = Counting()
    ledger = Ledger(journal)
    ledger.take_portfolio(IN_USD)
    for number in range(300):
        ledger.take(trade(f"B{number}", "BUY", number, 1, 1, currency="EUR", security=f"S{number}"))
        ledger.take_rate(rate("EUR", "USD", number, "1"))
    ledger.settle()
    journal.read = 0
    assert changed(ledger, rate("CHF", "USD", 7, "1"), rate("EUR", "USD", 400, "1")) == []
    assert changed(ledger, rate("USD", "EUR", 7, "1")) == []
    assert journal.read == 0
    assert changed(ledger, rate("EUR", "USD", 7, "2", version=2)) == ["B7"]
    assert journal.read == 2, "to take it back and to book it"


def test_early_days_are_walked_first_so_that_a_history_is_booked_once() -> None:
    days = 60
    ledger = Ledger()
    ledger.take_portfolio(IN_USD)
    for day in range(days):
        ledger.take(trade(f"B{day:02}", "BUY", day, 1, 1, currency="EUR"), Source("t", 0, day))
    ledger.settle()
    for day in reversed(range(days)):
        ledger.take_rate(rate("EUR", "USD", day, f"1.{day + 1}"))
    assert len(ledger.settle()) == days
    assert ledger.taken_back == days


def test_what_came_in_order_together_with_a_rate_is_booked_with_it_at_once() -> None:
    ledger = settled(IN_USD)
    assert changed(ledger, rate("EUR", "USD", 1, "1.1"), BOUGHT) == ["B"]
    assert everything(ledger) == everything(settled(IN_USD, BOUGHT, rate("EUR", "USD", 1, "1.1")))
