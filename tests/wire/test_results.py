from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from calculator import (
    Booked,
    CashManagement,
    Disposal,
    Entry,
    Portfolio,
    ReliefMethod,
    Source,
    Transaction,
    TransactionType,
)
from calculator.booking import LOTS_RELIEVED_MAX
from wire.results import decode_portfolio, encode_portfolio, encode_result
from wire.topics import LARGE

LONGEST = Decimal("-99999999999999999999999999.999999999999")
AT = datetime(2200, 12, 31, 23, 59, 59, 999_999, UTC)


def test_a_portfolio_in_force_is_read_as_it_was_written() -> None:
    bare = Portfolio(
        portfolio_id="P", base_currency="USD", cost_basis_method=ReliefMethod.AVCO, version=7
    )
    full = replace(
        bare, name='"Zoë"', client_id="C", booking_center="B", opened_on=date(2024, 2, 29)
    )
    keeping = replace(bare, cash_management=CashManagement.AUTOMATIC)
    for portfolio in (bare, full, keeping):
        for source in (None, Source("portfolios", 3, 17)):
            assert decode_portfolio(encode_portfolio(portfolio, 3, source)) == (portfolio, source)


def test_the_largest_result_is_a_record_that_kafka_takes() -> None:
    disposal = Disposal("x" * 128, AT, LONGEST, LONGEST, LONGEST, LONGEST, LONGEST)
    disposals = (disposal,) * LOTS_RELIEVED_MAX
    outcome = Booked(LONGEST, LONGEST, LONGEST, LONGEST, LONGEST, LONGEST, disposals)
    transaction = Transaction(
        transaction_id="x" * 128, portfolio_id="x" * 128, security_id="x" * 128,
        transaction_type=TransactionType.SELL, transaction_date=AT, trade_currency="USD",
        quantity=Decimal("999999999999999.999999999999"), price=Decimal(1),
    )  # fmt: skip
    entry = Entry(transaction, Source("raw_transactions_forwarded", 1 << 31, 1 << 62), outcome)
    size = len(encode_result(entry))
    assert 0.7 < size / int(LARGE["max.message.bytes"]) < 1
