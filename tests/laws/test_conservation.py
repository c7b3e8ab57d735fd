"""What came in and did not go out is there, to the last digit; and all of it can be taken back."""

from dataclasses import replace
from decimal import Decimal, localcontext
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from calculator import (
    EXACT,
    Booked,
    Cancellation,
    CashRole,
    Entry,
    Holding,
    Kind,
    Ledger,
    MemoryJournal,
    Transaction,
    cause_of,
)
from calculator.transaction import units
from tests.calculator.trading import everything
from tests.laws.histories import LAW, History, histories, settled_in_batches

ZERO = Decimal(0)


def booked_entries(journal: MemoryJournal, holding: Holding) -> list[tuple[Transaction, Booked]]:
    """What the results say about a holding."""
    return [
        (entry.content, entry.outcome)
        for entry in journal.entries.values()
        if isinstance(entry.content, Transaction)
        and isinstance(entry.outcome, Booked)
        and (entry.content.portfolio_id, entry.content.security_id)
        == (holding.portfolio_id, holding.security_id)
    ]


def assert_the_lots_add_up(holding: Holding) -> None:
    lots = list(holding.lots)
    assert sum((lot.quantity for lot in lots), ZERO) == holding.quantity
    assert sum((lot.cost for lot in lots), ZERO) == holding.cost
    assert sum((lot.cost_local for lot in lots), ZERO) == holding.cost_local
    sign = -1 if holding.quantity < 0 else 1  # of cash that is overdrawn
    assert sign == 1 or holding.role is CashRole.HELD
    assert all(sign * lot.quantity > 0 for lot in lots)
    assert all(sign * lot.cost >= 0 and sign * lot.cost_local >= 0 for lot in lots)


def assert_the_results_add_up(journal: MemoryJournal, holding: Holding) -> None:
    """In = open + out for quantity and both costs; gains and proceeds of the parts to the whole."""
    quantity, cost, cost_local, gain, gain_local = [ZERO] * 5
    for transaction, booked in booked_entries(journal, holding):
        kind = transaction.transaction_type.kind
        if booked.cash_movement is not None:
            quantity += booked.cash_movement
            cost += booked.net_cost
            cost_local += booked.net_cost_local
        elif kind is Kind.INCREASE:
            quantity += units(transaction)
            cost += booked.net_cost
            cost_local += booked.net_cost_local
        elif kind is Kind.DECREASE:
            parts = booked.disposals
            assert sum((part.quantity for part in parts), ZERO) == units(transaction)
            assert sum((part.cost for part in parts), ZERO) == -booked.net_cost
            assert sum((part.cost_local for part in parts), ZERO) == -booked.net_cost_local
            quantity -= units(transaction)
            cost += booked.net_cost
            cost_local += booked.net_cost_local
        if booked.realized_gain_loss is not None:
            assert booked.realized_gain_loss_local is not None
            gain += booked.realized_gain_loss
            gain_local += booked.realized_gain_loss_local
            assert_the_parts_add_up(booked)
    assert (quantity, cost, cost_local) == (holding.quantity, holding.cost, holding.cost_local)
    assert gain == holding.realized_gain_loss
    assert gain_local == holding.realized_gain_loss_local


def assert_the_parts_add_up(booked: Booked) -> None:
    gains = [part.realized_gain_loss or ZERO for part in booked.disposals]
    gains_local = [part.realized_gain_loss_local or ZERO for part in booked.disposals]
    assert sum(gains, ZERO) == booked.realized_gain_loss
    assert sum(gains_local, ZERO) == booked.realized_gain_loss_local


def assert_conserved(ledger: Ledger) -> None:
    journal = ledger.journal
    assert isinstance(journal, MemoryJournal)
    with localcontext(EXACT):
        for holding in journal.holdings.values():
            assert_the_lots_add_up(holding)
            # While it is re-booked, the results are ahead of the lots or behind them.
            if holding.is_settled and not journal.walks:
                assert_the_results_add_up(journal, holding)


@LAW
@given(histories())
def test_nothing_is_lost_or_made_at_any_settle_in_either_currency(history: History) -> None:
    ledger = settled_in_batches(history, after=assert_conserved)
    assert_conserved(ledger)
    assert not ledger.journal.unsettled


def withdraw(ledger: Ledger, transaction_id: str, steps: int | None) -> list[Entry]:
    known = ledger.journal.entry("P", transaction_id)
    assert known is not None
    ledger.take(
        Cancellation(
            transaction_id=transaction_id, portfolio_id="P", version=known.content.version + 1
        )
    )
    return ledger.settle(steps)


@LAW
@given(histories(), st.randoms(use_true_random=False), st.sampled_from((None, 0, 1, 2, 7)))
def test_withdrawing_everything_in_any_order_leaves_nothing(
    history: History,
    random: Random,
    steps: int | None,
) -> None:
    ledger = settled_in_batches(history)
    journal = ledger.journal
    assert isinstance(journal, MemoryJournal)
    names = sorted(name for _, name in journal.entries if cause_of(name) is None)
    random.shuffle(names)
    for name in names:
        withdraw(ledger, name, steps)
        assert_conserved(ledger)
    ledger.settle()
    assert journal.holdings == {}
    assert not any(journal._orders.values())
    assert not any(journal._replaced.values())


@LAW
@given(histories(), st.integers(0, 99), st.sampled_from((None, 1, 3)))
def test_a_transaction_withdrawn_and_revived_leaves_the_books_as_they_were(
    history: History, number: int, steps: int | None
) -> None:
    ledger = settled_in_batches(history)
    journal = ledger.journal
    assert isinstance(journal, MemoryJournal)
    entries = [
        entry
        for (_, name), entry in journal.entries.items()
        if isinstance(entry.content, Transaction) and cause_of(name) is None
    ]
    if not entries:
        return
    content = entries[number % len(entries)].content
    assert isinstance(content, Transaction)
    before = everything(ledger)
    withdraw(ledger, content.transaction_id, steps)
    ledger.take(replace(content, version=content.version + 2))
    ledger.settle()
    after = everything(ledger)
    # Its version is another one, and with it that of the cash entry it causes.
    for name in (content.transaction_id, f"{content.transaction_id}~cash"):
        key, gone = ("P", name), (None,)
        assert after["results"].pop(key, gone)[1:] == before["results"].pop(key, gone)[1:]
    assert after == before
