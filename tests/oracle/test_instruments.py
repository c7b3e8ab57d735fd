from random import Random

import pytest

from tests.oracle.decode import Record
from tests.oracle.events import INSTRUMENTS, Mess, generate, of_topic, records
from tests.oracle.fold import expected
from tests.oracle.instrument_events import instrument_values
from tests.oracle.instruments import cash_by_instrument
from tests.system.events import portfolio, trade


def instruments(*values: str) -> list[Record]:
    return [
        Record(INSTRUMENTS, 0, offset, None, value.encode()) for offset, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("texts", "cash"),
    [
        (['{"security_id":"S","instrument_currency":"USD","asset_class":"CASH"}'], {"S"}),
        (['{"security_id":"S","instrument_currency":"USD","product_type":"cash"}'], {"S"}),
        (['{"security_id":"S","instrument_currency":"USD","sector":"cash"}'], set()),
        (['{"security_id":"S","asset_class":"cash"}'], set()),
        (['{"security_id":"S","instrument_currency":"USD","asset_class":"Cash fund"}'], set()),
    ],
)
def test_class_or_type_make_a_security_cash(texts: list[str], cash: set[str]) -> None:
    assert cash_by_instrument(instruments(*texts)) == cash


def test_the_highest_version_says_it_and_of_two_the_first() -> None:
    one = '{"security_id":"S","instrument_currency":"USD","asset_class":"%s","version":%d}'
    assert cash_by_instrument(instruments(one % ("x", 2), one % ("cash", 1))) == set()
    assert cash_by_instrument(instruments(one % ("cash", 1), one % ("x", 2))) == set()
    assert cash_by_instrument(instruments(one % ("cash", 2), one % ("x", 2))) == {"S"}


def test_cash_by_instrument_is_one_pool_and_moves_no_other() -> None:
    arrived = records(
        [
            portfolio("P", "USD", "FIFO", cash="automatic"),
            trade("P", "A", "SELL", "2024-01-01", "5", "2"),
            trade("P", "B", "BUY", "2024-01-02", "7", "2", security_id="OTHER"),
            trade("P", "C", "BUY", "2024-01-01", "1", "1", "CASH_USD", "EUR", fx_rate="1"),
        ]
    )
    said = instruments('{"security_id":"ACME","instrument_currency":"EUR","asset_class":"Cash"}')
    transactions, accounts = of_topic(arrived, "raw_transactions"), of_topic(arrived, "portfolios")
    books = expected(transactions, accounts, instruments=said)
    held = {security_id: row["quantity"] for (_, security_id), row in books.positions.items()}
    assert held == {"ACME": -5, "OTHER": 7, "CASH_USD": -14}
    assert books.results["P", "C"]["reason"] == "trade_currency_must_match_the_holding"
    without = expected(transactions, accounts)
    assert without.results["P", "A"]["status"] == "REJECTED"


def test_instruments_are_among_what_is_made_up_where_they_are_asked_for() -> None:
    made = of_topic(records(generate(5, 100, mess=Mess(instruments=0.8))), INSTRUMENTS)
    assert cash_by_instrument(made)
    assert not of_topic(records(generate(5, 100)), INSTRUMENTS)


def test_some_are_made_cash_and_some_of_these_are_it_no_more() -> None:
    values = list(instrument_values(Random(1), map(str, range(300)), 0.5, 0.0))
    ids = {key.decode() for key, _ in values}
    made = [Record(INSTRUMENTS, 0, offset, *each) for offset, each in enumerate(values)]
    cash = cash_by_instrument(made)
    ever = {
        key.decode()
        for key, value in values
        if cash_by_instrument([Record(INSTRUMENTS, 0, 0, key, value)])
    }
    assert 100 < len(ids) < 200
    assert 30 < len(cash) < len(ever) < len(ids)
