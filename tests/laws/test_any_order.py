"""Any order, same books: the ledger shows what sorting and booking one by one would show."""

from collections import Counter
from random import Random
from typing import Any

from hypothesis import given

from calculator import Cancellation, Ledger, Reason, ReliefMethod, Taken, Transaction, cause_of
from tests.calculator.trading import everything, take
from tests.laws.compare import assert_shows_the_naive_books, result_shown
from tests.laws.histories import LAW, History, histories, settled_in_batches
from tests.laws.seeded import a_history, some_rates

SEEDS = 1500


def shows_the_naive_books(history: History) -> None:
    assert_shows_the_naive_books(settled_in_batches(history), history.events)


def seeded_shows_the_naive_books(seed: int) -> Ledger:
    """Larger histories than Hypothesis makes, over two portfolios."""
    random = Random(seed)
    events = a_history(random, random.choice((3, 6, 12, 25)))
    ledger = Ledger(default_method=random.choice(list(ReliefMethod)), rates=some_rates(random))
    rest = list(events)
    while rest:
        size = random.choice((1, 1, 2, 5, 20))
        take(ledger, *rest[:size])
        del rest[:size]
        ledger.settle(random.choice((0, 1, 2, 3, 7, None, None)))
    ledger.settle()
    assert_shows_the_naive_books(ledger, events)
    return ledger


@LAW
@given(histories(with_rates=True))
def test_any_order_batching_and_slicing_shows_the_books_of_the_sorted_fold(
    history: History,
) -> None:
    shows_the_naive_books(history)


def test_many_seeded_histories_show_the_books_of_the_sorted_fold() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        ledger = seeded_shows_the_naive_books(seed)
        seen.update(result[0] for result in everything_shown(ledger))
    # The histories reach every outcome but two: what is too large is tested by hand.
    expected = {"BOOKED", "CANCELLED", *Reason} - {Reason.LOTS_MUST_FIT, Reason.AMOUNT_MUST_FIT}
    assert {name for name, times in seen.items() if times > 500} == expected


def everything_shown(ledger: Ledger) -> list[tuple[Any, ...]]:
    entries = getattr(ledger.journal, "entries", {})
    return [result_shown(entry) for entry in entries.values()]


class Flickering(set[str]):
    """What is cash, while somebody else changes it: each look may find another thing."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.random, self.is_at_rest = random, False

    def __contains__(self, security_id: object) -> bool:
        if not self.is_at_rest and self.random.random() < 0.2:
            return self.random.random() < 0.5
        return super().__contains__(security_id)


def test_what_becomes_cash_in_the_middle_of_a_batch_is_right_once_it_is_followed() -> None:
    """Lanes book with what they have not come to in the topic, which is read meanwhile."""
    for seed in range(SEEDS // 3):
        random = Random(f"flickering {seed}")
        events, cash = a_history(random, random.choice((3, 6, 12))), Flickering(random)
        ledger = Ledger(rates=some_rates(random), cash_securities=cash)
        rest = list(events)
        while rest:
            size = random.choice((1, 2, 5, 20))
            take(ledger, *rest[:size])
            del rest[:size]
            ledger.settle(random.choice((0, 1, 3, 7, None)))
        cash.is_at_rest = True
        ledger.follow_cash(["S", "T"])
        ledger.settle()
        assert_shows_the_naive_books(ledger, events)


@LAW
@given(histories(with_rates=True))
def test_all_at_once_and_one_by_one_end_in_the_same_ledger(history: History) -> None:
    """Down to the cursors, counters and unit costs that the naive fold does not have."""
    at_once = settled_in_batches(history._replace(batches=[]))
    assert everything(settled_in_batches(history)) == everything(at_once)


@LAW
@given(histories(with_rates=True))
def test_taking_everything_once_more_changes_nothing(history: History) -> None:
    ledger = settled_in_batches(history)
    before = everything(ledger)
    for event in history.events:
        if isinstance(event, Transaction):
            assert ledger.take(event) in (Taken.DUPLICATE, Taken.SUPERSEDED)
        else:
            take(ledger, event)
    assert ledger.settle() == []
    assert everything(ledger) == before


@LAW
@given(histories(with_rates=True))
def test_what_was_published_last_is_what_the_books_show_and_nothing_is_said_twice(
    history: History,
) -> None:
    published: dict[tuple[str, str], tuple[Any, ...]] = {}
    ledger = history.ledger()
    events = list(history.events)
    while events or not all_settled(ledger):
        size, steps = history.batches.pop() if history.batches else (len(events), 3)
        take(ledger, *events[:size])
        del events[:size]
        for entry in ledger.settle(steps):
            key = entry.content.portfolio_id, entry.content.transaction_id
            said = (entry.content, entry.outcome, entry.base_currency, entry.applied_fx_rate)
            assert ledger.journal.entry(*key) is entry
            assert entry.status is not None
            assert published.get(key) != said
            published[key] = said
    results = everything(ledger)["results"]
    standing = {
        key: said
        for key, said in published.items()
        if cause_of(key[1]) is None or not isinstance(said[0], Cancellation)
    }
    assert standing == {
        key: (content, outcome, base_currency, applied)
        for key, (content, _, outcome, base_currency, applied) in results.items()
    }


def all_settled(ledger: Ledger) -> bool:
    journal = ledger.journal
    walks = journal.walks or journal.rate_uses.walks or journal.holders.walks
    return not (journal.unsettled or walks)
