"""A re-booking in slices: whatever they are, and whatever comes between them, one end."""

import pytest

from calculator import Ledger, ReliefMethod
from calculator.ledger import STEPS_PER_TURN
from tests.calculator.trading import (
    METHODS,
    Event,
    booked,
    cancel,
    everything,
    holding_of,
    lots_of,
    one_by_one,
    settled,
    status,
    take,
    taken,
    terms,
    trade,
)

SLICES = [1, 2, 3, 5, 7, 11, 1000]
# Ten purchases and ten sales, alternating; the sales always leave something.
BOOK: list[Event] = [
    trade(f"{kind}{day}", kind, 2 * day + (kind == "SELL"), 10 if kind == "BUY" else 7, day % 4 + 3)
    for day in range(1, 11)
    for kind in ("BUY", "SELL")
]
LATE = trade("LATE", "BUY", 0, 3, 1)


def finish(ledger: Ledger, steps: int) -> int:
    """Settle slice by slice; how many slices it took."""
    journal = ledger.journal
    for slices in range(1, 1000):
        ledger.settle(steps)
        if not journal.unsettled and not journal.walks:
            return slices
    raise AssertionError("no progress")


def begun(*late: Event, method: str = "FIFO", steps: int = 5) -> Ledger:
    """A booked ledger that took late events and has done `steps` of the work they make."""
    ledger = one_by_one(*BOOK, method=method)
    take(ledger, *late)
    ledger.settle(steps)
    assert not holding_of(ledger).is_settled
    return ledger


@pytest.mark.parametrize("steps", SLICES)
@pytest.mark.parametrize("method", METHODS)
def test_a_re_booking_in_slices_ends_where_one_at_once_ends(method: str, steps: int) -> None:
    ledger = one_by_one(*BOOK, method=method)
    take(ledger, LATE)
    finish(ledger, steps)
    assert everything(ledger) == everything(settled(*BOOK, LATE, method=method))


def test_a_slice_does_no_more_than_its_steps() -> None:
    ledger = one_by_one(*BOOK)
    take(ledger, LATE)
    # 21 places back, 21 forward, at 7 a slice, and one that finds nothing left.
    assert finish(ledger, 7) == 7
    assert ledger.taken_back == 21
    assert ledger.rewinds == 1


def test_no_steps_only_journal_and_say_so() -> None:
    ledger = one_by_one(*BOOK)
    before = lots_of(ledger)
    take(ledger, LATE)
    assert ledger.settle(0) == []
    assert not holding_of(ledger).is_settled
    assert lots_of(ledger) == before
    assert status(ledger, "LATE") == "waiting"


def test_an_event_in_order_is_booked_without_any_steps() -> None:
    ledger = one_by_one(*BOOK)
    take(ledger, trade("NEXT", "SELL", 40, 1, 1))
    assert [entry.content.transaction_id for entry in ledger.settle(0)] == ["NEXT"]
    assert holding_of(ledger).is_settled


def test_conservation_holds_after_every_slice() -> None:
    ledger = one_by_one(*BOOK, method="HIFO")
    take(ledger, LATE)
    holding = holding_of(ledger)
    for _ in range(60):
        ledger.settle(1)
        assert sum(lot.cost for lot in holding.lots) == holding.cost
        assert sum(lot.quantity for lot in holding.lots) == holding.quantity
    assert holding.is_settled


@pytest.mark.parametrize("method", ["FIFO", "HIFO", "AVCO"])
@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize(
    "late",
    [
        trade("MID", "BUY", 10, 1, 2),
        trade("BUY5", "BUY", 10, 9, 2, version=2),  # old version still in the lots
        trade("BUY5", "BUY", 1, 10, 4, version=2),  # moved below all
        trade("BUY5", "BUY", 30, 10, 4, version=2),  # moved above all
        trade("BUY9", "BUY", 18, 10, 4, security="T", version=2),  # moved away
        trade("SELL2", "SELL", 5, 1, 4, version=2),
        trade("SELL10", "SELL", 21, 8, 4, version=2),  # the newest entry of all
        cancel("BUY5"),
        cancel("SELL10"),
        cancel("LATE"),
        trade("LATE", "BUY", 0, 4, 1, version=2),
        trade("LATE", "BUY", 11, 3, 1, version=2),
        trade("NEW", "BUY", 50, 3, 1),
    ],
    ids=lambda event: f"{event.transaction_id}-{type(event).__name__}-{event.version}",
)
@pytest.mark.parametrize("done", [1, 12, 21, 30])
def test_events_between_the_slices_end_in_the_same_books(
    late: Event, steps: int, method: str, done: int
) -> None:
    """Whether the work has gone a little, half or all the way back, or is on its way forward."""
    ledger = begun(LATE, method=method, steps=done)
    take(ledger, late)
    finish(ledger, steps)
    assert everything(ledger) == everything(one_by_one(*BOOK, LATE, late, method=method))


@pytest.mark.parametrize("done", [1, 12, 21, 30])
@pytest.mark.parametrize("method", METHODS)
def test_a_chain_of_versions_during_a_re_booking_leaves_only_the_last(
    method: str, done: int
) -> None:
    """Each version replaces one whose own booking may or may not have begun."""
    chain: list[Event] = [
        trade("BUY5", "BUY", 1, 9, 2, version=2),
        trade("BUY5", "BUY", 30, 9, 2, version=3),
        cancel("BUY5", 4),
        trade("BUY5", "BUY", 10, 9, 2, security="T", version=5),
        trade("BUY5", "SELL", 12, 1, 2, version=6),
        trade("BUY5", "BUY", 10, 8, 2, version=7),
    ]
    ledger = begun(LATE, method=method, steps=done)
    for event in chain:
        take(ledger, event)
        ledger.settle(3)
    finish(ledger, 2)
    assert everything(ledger) == everything(settled(*BOOK, LATE, chain[-1], method=method))


@pytest.mark.parametrize("done", [1, 12, 21, 30])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("steps", [1, 7])
def test_the_method_may_change_in_the_middle_of_a_re_booking(
    method: str, done: int, steps: int
) -> None:
    ledger = begun(LATE, trade("BUY5", "BUY", 10, 9, 2, version=2), method="HIFO", steps=done)
    take(ledger, terms("LIFO"))
    ledger.settle(steps)
    take(ledger, terms(method, version=2), cancel("SELL3"))
    finish(ledger, steps)
    events = [*BOOK, LATE, trade("BUY5", "BUY", 10, 9, 2, version=2), cancel("SELL3")]
    assert everything(ledger) == everything(one_by_one(*events, terms(method, version=2)))


def test_a_changed_method_meets_the_holdings_of_a_portfolio_slice_by_slice() -> None:
    securities = [f"S{number:02}" for number in range(12)]
    events: list[Event] = [
        trade(f"{kind}-{security}", kind, day, 5, day, security=security)
        for security in securities
        for kind, day in (("BUY", 1), ("SELL", 3))
    ]
    ledger = one_by_one(*events)
    take(ledger, terms("LIFO"))
    ledger.settle(4)
    methods = [holding_of(ledger, security).method for security in securities]
    assert methods == sorted(methods, reverse=True)  # LIFO first, as far as the walk has come
    assert len(set(methods)) == 2
    finish(ledger, 4)
    assert everything(ledger) == everything(one_by_one(terms("LIFO"), *events))


def test_a_holding_the_walk_has_not_met_is_booked_anew_when_an_event_touches_it() -> None:
    ledger = one_by_one(
        trade("A", "BUY", 1, 5, 10),
        trade("B", "BUY", 2, 5, 20),
        trade("X", "BUY", 1, 1, 1, security="A"),
    )
    take(ledger, terms("LIFO"))
    ledger.settle(0)
    assert holding_of(ledger).method is ReliefMethod.FIFO
    take(ledger, trade("C", "SELL", 3, 5, 30))
    finish(ledger, 1)
    assert taken(booked(ledger, "C")) == [("B", "5", "100")]


def test_unsettled_holdings_take_turns() -> None:
    """A long re-booking does not keep a short one waiting until it ends."""
    long = [trade(f"L{day}", "BUY", day, 1, 1) for day in range(1, 2 * STEPS_PER_TURN)]
    short = [trade(f"K{day}", "BUY", day, 1, 1, security="T") for day in range(1, 4)]
    ledger = settled(*long, *short)
    take(ledger, trade("L0", "BUY", 0, 1, 1), trade("K0", "BUY", 0, 1, 1, security="T"))
    ledger.settle(STEPS_PER_TURN + 20)
    assert not holding_of(ledger).is_settled
    assert holding_of(ledger, "T").is_settled


def test_outcomes_stand_as_published_until_they_are_booked_anew() -> None:
    ledger = begun(LATE, steps=21)  # all taken back, nothing booked
    assert status(ledger, "SELL10") == "BOOKED"
    assert lots_of(ledger) == []
    published = []
    while not holding_of(ledger).is_settled:
        published += [entry.content.transaction_id for entry in ledger.settle(4)]
    assert len(published) == len(set(published))
    assert published[0] == "LATE"
    assert all(name.startswith("SELL") for name in published[1:])


def test_the_last_booked_entry_is_looked_for_in_slices_too() -> None:
    refused = [trade(f"R{day:03}", "SELL", day, 99, 1) for day in range(2, 302)]
    events: list[Event] = [trade("A", "BUY", 1, 1, 1), *refused, trade("B", "BUY", 400, 1, 1)]
    ledger = settled(*events)
    take(ledger, cancel("B"))
    ledger.settle(10)
    assert ledger.steps_taken == 10
    assert not holding_of(ledger).is_settled
    assert finish(ledger, 10) == 30
    assert everything(ledger) == everything(settled(*events, cancel("B")))
