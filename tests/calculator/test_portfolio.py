from dataclasses import replace
from datetime import date

import pytest

from calculator import Ledger, Portfolio, ReliefMethod, Taken
from tests.calculator.trading import holding_of, one_by_one, terms, trade


def test_of_two_records_the_higher_version_is_in_force_whichever_comes_first() -> None:
    first, second = terms("LIFO"), terms("HIFO", version=2)
    for records in [(first, second), (second, first)]:
        ledger = one_by_one(*records, trade("A", "BUY", 1, 1, 1))
        assert holding_of(ledger).method is ReliefMethod.HIFO


def test_the_door_says_what_became_of_a_record() -> None:
    ledger = Ledger()
    answers = [
        ledger.take_portfolio(record)
        for record in (
            terms("LIFO", version=2),
            terms("LIFO", version=2),
            terms("HIFO", version=1),
            terms("HIFO", version=2),
            terms("HIFO", version=3),
        )
    ]
    assert answers == [
        Taken.JOURNALLED, Taken.DUPLICATE, Taken.SUPERSEDED, Taken.CONFLICT, Taken.JOURNALLED,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"name": "N"}, {"client_id": "C"}, {"booking_center": "B"}, {"opened_on": date(2024, 1, 1)}],
)
def test_other_fields_are_content_but_change_no_books(change: dict[str, object]) -> None:
    ledger = one_by_one(terms("LIFO"), trade("A", "BUY", 1, 1, 1))
    record: Portfolio = replace(terms("LIFO"), **change)  # type: ignore[arg-type]
    assert ledger.take_portfolio(record) is Taken.CONFLICT
    assert ledger.take_portfolio(replace(record, version=2)) is Taken.JOURNALLED
    assert ledger.journal.walks == {}
    assert ledger.settle() == []


def test_a_portfolio_without_a_record_has_the_default_method_and_each_trades_own_currency() -> None:
    ledger = one_by_one(trade("A", "BUY", 1, 1, 1, currency="EUR"), method="LOFO")
    holding = holding_of(ledger)
    assert (holding.method, holding.base_currency) == (ReliefMethod.LOFO, None)
    entry = ledger.journal.entry("P", "A")
    assert entry is not None
    assert entry.base_currency == "EUR"
