from itertools import permutations

import pytest

from calculator import (
    Cancellation,
    Entry,
    Ledger,
    Portfolio,
    ReliefMethod,
    Taken,
    Transaction,
    plain,
)
from tests.calculator.trading import (
    METHODS,
    Event,
    booked,
    cancel,
    everything,
    holding_of,
    lots_of,
    on,
    one_by_one,
    settled,
    status,
    take,
    taken,
    terms,
    trade,
)

BUY_A = trade("A", "BUY", 1, 10, 10)
BUY_B = trade("B", "BUY", 3, 10, 20)
SALE = trade("S", "SELL", 5, 15, 30)
LATE_BUY = trade("L", "BUY", 0, 10, 5)
BOOK = [BUY_A, BUY_B, SALE]


def ids(entries: list[Entry]) -> list[str]:
    return [entry.content.transaction_id for entry in entries]


# -- the door


def test_the_door_says_what_became_of_each_event() -> None:
    second = trade("A", "BUY", 1, 10, 11, version=2)
    ledger = Ledger()
    answers = [
        ledger.take(event)
        for event in (second, second, BUY_A, trade("A", "BUY", 1, 10, 12, version=2),
                      cancel("A", 2), cancel("A", 3), cancel("A", 3),
                      trade("A", "BUY", 1, 10, 13, version=3))
    ]  # fmt: skip
    assert answers == [
        Taken.JOURNALLED, Taken.DUPLICATE, Taken.SUPERSEDED, Taken.CONFLICT,
        Taken.CONFLICT, Taken.JOURNALLED, Taken.DUPLICATE, Taken.CONFLICT,
    ]  # fmt: skip


@pytest.mark.parametrize("again", [BUY_A, trade("A", "BUY", 1, "10.0", "10.00")])
def test_a_duplicate_changes_nothing_however_its_numbers_are_written(again: Transaction) -> None:
    ledger = settled(*BOOK)
    before = everything(ledger)
    assert ledger.take(again) is Taken.DUPLICATE
    assert ledger.settle() == []
    assert everything(ledger) == before


def test_of_two_contents_under_one_version_the_first_to_arrive_stays() -> None:
    ledger = settled(BUY_A, trade("A", "BUY", 1, 10, 99))
    assert plain(holding_of(ledger).cost) == "100"


def test_the_same_id_in_another_portfolio_is_another_transaction() -> None:
    ledger = settled(BUY_A, trade("A", "BUY", 1, 1, 7, portfolio="Q"))
    assert plain(holding_of(ledger, portfolio="Q").cost) == "7"
    assert plain(holding_of(ledger).cost) == "100"


# -- order of arrival


@pytest.mark.parametrize("method", METHODS)
def test_any_order_of_arrival_gives_the_same_books(method: str) -> None:
    events = [*BOOK, LATE_BUY, trade("D", "DIVIDEND", 4, amount=3)]
    expected = everything(settled(*events, method=method))
    for arrival in permutations(events):
        assert everything(one_by_one(*arrival, method=method)) == expected
        assert everything(settled(*arrival, method=method)) == expected


def test_a_late_event_in_a_batch_does_not_lose_those_that_came_in_order_before_it() -> None:
    assert lots_of(settled(BUY_A, BUY_B, trade("C", "BUY", 2, 1, 7))) == [
        ("A", "10", "100"), ("C", "1", "7"), ("B", "10", "200"),
    ]  # fmt: skip


def test_a_late_purchase_changes_what_later_sales_consumed() -> None:
    ledger = one_by_one(*BOOK)
    assert taken(booked(ledger, "S")) == [("A", "10", "100"), ("B", "5", "100")]
    ledger.take(LATE_BUY)
    assert ids(ledger.settle()) == ["L", "S"]
    assert taken(booked(ledger, "S")) == [("L", "10", "50"), ("A", "5", "50")]


def test_a_sale_that_came_before_its_purchase_is_booked_by_itself() -> None:
    ledger = one_by_one(SALE)
    assert status(ledger, "S") == "REJECTED"
    take(ledger, BUY_A)
    assert ids(ledger.settle()) == ["A", "S"]  # still too little, but the detail says so
    assert status(ledger, "S") == "REJECTED"
    take(ledger, BUY_B)
    assert ids(ledger.settle()) == ["B", "S"]
    assert status(ledger, "S") == "BOOKED"


def test_a_sale_is_refused_when_a_late_one_takes_its_units() -> None:
    ledger = one_by_one(*BOOK)
    ledger.take(trade("S0", "SELL", 4, 10, 30))
    assert ids(ledger.settle()) == ["S0", "S"]
    assert status(ledger, "S") == "REJECTED"
    assert taken(booked(ledger, "S0")) == [("A", "10", "100")]


def test_a_refused_sale_does_not_stop_those_behind_it() -> None:
    ledger = settled(BUY_A, trade("S1", "SELL", 2, 11, 1), trade("S2", "SELL", 3, 10, 1))
    assert [status(ledger, name) for name in ("S1", "S2")] == ["REJECTED", "BOOKED"]


def test_a_rate_that_comes_late_books_what_waited_for_it() -> None:
    ledger = one_by_one(terms(base="CHF"), BUY_A, trade("S", "SELL", 2, 5, 20, fx_rate="1"))
    assert [status(ledger, name) for name in "AS"] == ["PENDING", "REJECTED"]
    ledger.take(trade("A", "BUY", 1, 10, 10, fx_rate="0.9", version=2))
    assert ids(ledger.settle()) == ["A", "S"]
    assert taken(booked(ledger, "S")) == [("A", "5", "45")]


# -- corrections


def test_a_correction_replaces_the_content_whichever_arrives_first() -> None:
    right = trade("A", "BUY", 1, 10, 12, version=2)
    for order in permutations([BUY_A, right, SALE, BUY_B]):
        ledger = one_by_one(*order)
        assert taken(booked(ledger, "S")) == [("A", "10", "120"), ("B", "5", "100")]


def test_a_correction_of_the_newest_entry_is_taken() -> None:
    ledger = one_by_one(*BOOK, trade("S", "SELL", 5, 4, 30, version=2))
    assert taken(booked(ledger, "S")) == [("A", "4", "40")]
    assert lots_of(ledger) == [("A", "6", "60"), ("B", "10", "200")]


def test_a_correction_may_move_to_another_day() -> None:
    ledger = one_by_one(*BOOK, trade("A", "BUY", 4, 10, 10, version=2))
    assert taken(booked(ledger, "S")) == [("B", "10", "200"), ("A", "5", "50")]
    ledger = one_by_one(*BOOK, trade("A", "BUY", 9, 10, 10, version=2))
    assert status(ledger, "S") == "REJECTED"
    assert holding_of(ledger).last_transaction_date == on(9)


def test_a_correction_may_move_to_another_security() -> None:
    ledger = one_by_one(*BOOK)
    ledger.take(trade("A", "BUY", 1, 10, 10, security="T", version=2))
    assert sorted(ids(ledger.settle())) == ["A", "S"]
    assert status(ledger, "S") == "REJECTED"
    assert lots_of(ledger) == [("B", "10", "200")]
    assert lots_of(ledger, "T") == [("A", "10", "100")]


def test_a_move_there_and_back_leaves_everything_as_it_was() -> None:
    ledger = one_by_one(
        *BOOK,
        trade("A", "BUY", 1, 10, 10, security="T", version=2),
        trade("A", "BUY", 1, 10, 10, version=3),
    )
    assert ledger.journal.holding("P", "T") is None
    assert taken(booked(ledger, "S")) == [("A", "10", "100"), ("B", "5", "100")]


def test_a_move_there_and_back_within_one_batch_leaves_everything_as_it_was() -> None:
    ledger = one_by_one(*BOOK)
    take(
        ledger,
        trade("A", "BUY", 1, 10, 10, security="T", version=2),
        trade("A", "BUY", 2, 10, 10, version=3),
        trade("A", "BUY", 1, 10, 10, version=4),
    )
    assert ids(ledger.settle()) == ["A"]  # for its version; no other result changed
    assert ledger.journal.holding("P", "T") is None
    assert taken(booked(ledger, "S")) == [("A", "10", "100"), ("B", "5", "100")]


def test_a_correction_in_place_and_a_move_within_one_batch_take_the_old_version_back() -> None:
    """When version 3 comes, version 1 is in the lots, and version 2 never was."""
    ledger = one_by_one(*BOOK)
    take(
        ledger,
        trade("A", "BUY", 1, 10, 12, version=2),
        trade("A", "BUY", 4, 10, 12, version=3),
    )
    ledger.settle()
    assert taken(booked(ledger, "S")) == [("B", "10", "200"), ("A", "5", "60")]


def test_a_correction_may_turn_a_purchase_into_a_sale() -> None:
    ledger = one_by_one(*BOOK, trade("B", "SELL", 3, 4, 20, version=2))
    assert taken(booked(ledger, "B")) == [("A", "4", "40")]
    assert status(ledger, "S") == "REJECTED"


# -- cancellations


@pytest.mark.parametrize("events", list(permutations([BUY_A, cancel("A"), BUY_B, SALE])))
def test_a_cancellation_voids_also_when_it_comes_first(events: tuple[Event, ...]) -> None:
    ledger = one_by_one(*events)
    assert [status(ledger, name) for name in "ABS"] == ["CANCELLED", "BOOKED", "REJECTED"]
    assert lots_of(ledger) == [("B", "10", "200")]


def test_a_higher_version_revives_a_cancelled_transaction() -> None:
    ledger = one_by_one(*BOOK, cancel("A"), trade("A", "BUY", 1, 10, 12, version=3))
    assert taken(booked(ledger, "S")) == [("A", "10", "120"), ("B", "5", "100")]


def test_a_cancellation_says_its_result_once() -> None:
    ledger = settled(*BOOK)
    ledger.take(cancel("S"))
    (entry,) = ledger.settle()
    assert isinstance(entry.content, Cancellation)
    assert ledger.settle() == []


def test_a_cancellation_that_is_revived_before_anybody_heard_of_it_says_nothing() -> None:
    ledger = settled(*BOOK)
    take(ledger, cancel("A"), trade("A", "BUY", 1, 10, 12, version=3))
    assert ledger.settle(steps=0) == []  # version 3 stands, and is not booked yet
    assert [entry.content.version for entry in ledger.settle()] == [3, 1]


def test_cancelling_everything_leaves_an_empty_journal_behind_the_results() -> None:
    ledger = one_by_one(*BOOK, *(cancel(event.transaction_id) for event in BOOK))
    assert everything(ledger)["holdings"] == {}
    assert {status(ledger, name) for name in "ABS"} == {"CANCELLED"}


# -- what is published


def test_only_results_that_came_out_different_are_published() -> None:
    """The late dividend changes no lot; a purchase on top changes no sale below."""
    ledger = one_by_one(*BOOK)
    ledger.take(trade("D", "DIVIDEND", 0, amount=3))
    assert ids(ledger.settle()) == ["D"]
    ledger.take(trade("C", "BUY", 4, 10, 10))
    assert ids(ledger.settle()) == ["C"]


def test_each_transaction_is_published_once_a_batch_with_its_last_word() -> None:
    ledger = Ledger()
    take(ledger, BUY_A, trade("A", "BUY", 1, 9, 10, version=2), cancel("A", 3),
         trade("A", "BUY", 1, 8, 10, version=4))  # fmt: skip
    (entry,) = ledger.settle()
    assert entry.content.version == 4
    assert ledger.settle() == []


def test_a_new_version_is_published_even_where_its_numbers_are_the_old_ones() -> None:
    ledger = one_by_one(*BOOK)
    ledger.take(trade("A", "BUY", 1, 10, 10, version=2))
    assert ids(ledger.settle()) == ["A"]


def test_a_change_and_its_withdrawal_within_a_batch_publish_nothing_of_others() -> None:
    ledger = one_by_one(*BOOK)
    take(ledger, LATE_BUY, cancel("L"))
    assert ids(ledger.settle()) == ["L"]


# -- methods and base currencies


@pytest.mark.parametrize("method", METHODS)
def test_a_new_method_books_the_portfolio_anew_wherever_the_record_comes(method: str) -> None:
    events: list[Event] = [*BOOK, trade("X", "BUY", 2, 3, 7, security="T")]
    record = terms(method)
    expected = everything(one_by_one(record, *events))
    for place in range(5):
        arrival = [*events[:place], record, *events[place:]]
        assert everything(one_by_one(*arrival)) == expected
        assert everything(settled(*arrival)) == expected


def test_a_new_base_currency_books_the_portfolio_anew() -> None:
    buy = trade("A", "BUY", 1, 10, 10, fx_rate="0.9")
    ledger = one_by_one(buy, SALE)
    ledger.take_portfolio(terms(base="CHF"))
    assert ids(ledger.settle()) == ["A", "S"]
    assert plain(holding_of(ledger).cost) == "90"
    assert status(ledger, "S") == "PENDING"
    ledger.take_portfolio(terms(base="USD", version=2))
    assert ids(ledger.settle()) == ["A", "S"]
    assert plain(holding_of(ledger).cost) == "100"


def test_a_record_that_says_what_was_so_changes_no_result() -> None:
    ledger = one_by_one(*BOOK)
    before = everything(ledger)["results"]
    ledger.take_portfolio(terms("FIFO", "USD"))
    assert ledger.settle() == []
    assert everything(ledger)["results"] == before


def test_a_new_method_leaves_other_portfolios_alone() -> None:
    ledger = one_by_one(*BOOK, trade("A", "BUY", 1, 10, 10, portfolio="Q"))
    ledger.take_portfolio(
        Portfolio(portfolio_id="Q", base_currency="USD", cost_basis_method=ReliefMethod.LIFO)
    )
    assert ledger.settle() == []
    assert holding_of(ledger).method is ReliefMethod.FIFO
    assert holding_of(ledger, portfolio="Q").method is ReliefMethod.LIFO


def test_a_purchase_moved_away_while_the_method_changes_is_not_booked_where_it_was() -> None:
    """All in one batch, and the holding it leaves has nothing else."""
    ledger = Ledger(default_method=ReliefMethod.AVCO)
    take(ledger, BUY_A, terms("LIFO"), trade("A", "BUY", 1, 10, 10, security="T", version=2),
         terms("HIFO", version=2))  # fmt: skip
    ledger.settle()
    assert ledger.journal.holding("P", "S") is None
    entry = ledger.journal.entry("P", "A")
    assert entry is not None
    assert entry.content.version == 2
    assert lots_of(ledger, "T") == [("A", "10", "100")]


# -- dates, counters


def test_the_last_date_is_found_again_when_the_last_booked_entry_goes() -> None:
    refused = [trade(f"R{day}", "SELL", day, 99, 1) for day in (6, 7, 8)]
    ledger = one_by_one(*BOOK, *refused)
    assert holding_of(ledger).last_transaction_date == on(5)
    take(ledger, cancel("S"))
    ledger.settle()
    assert holding_of(ledger).last_transaction_date == on(3)
    take(ledger, cancel("A"), cancel("B"))
    ledger.settle()
    assert holding_of(ledger).first_transaction_date is None
    assert holding_of(ledger).last_transaction_date is None


def test_rewinds_and_entries_taken_back_are_counted() -> None:
    ledger = one_by_one(*BOOK)
    assert (ledger.rewinds, ledger.taken_back) == (0, 0)
    take(ledger, trade("C", "BUY", 2, 1, 1), LATE_BUY)  # one rewind for both
    ledger.settle()
    assert (ledger.rewinds, ledger.taken_back) == (1, 5)  # S, B, A and both new places
