"""Records of the results topics become COPY text; what PostgreSQL makes of it is in
test_database.py."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec import ValidationError

from calculator import Cancellation, Ledger, Portfolio, ReliefMethod, Source, Transaction
from calculator.transaction import TransactionType
from migrations import schema
from streams import rows
from streams.rows import Rows, gather
from tests.streams.records import (
    CANCELLED,
    SALE,
    Written,
    dead_letter,
    disposal,
    portfolio,
    position,
    result,
    tombstone,
)
from wire.results import encode_portfolio, encode_position, encode_result, position_key
from wire.topics import COMPLETED, PORTFOLIOS_CURRENT, POSITIONS

SALE_LINE = (
    b"P1\tS1\tACME\tI1\tSELL\t2024-03-05T10:11:12.123456Z\t2024-03-07T00:00:00Z\t15\t187.3375\t"
    b"2810.0625\t9.95\tUSD\tCHF\t0.9213\t3\tBOOKED\t\\N\t\\N\tEUR\t0.93\t-1000.5\t-1000.25\t1579.37\t"
    b"-1100.5\t-1100.25\t1699.8625\t\\N\t\\N\traw_transactions\t5\t4294967296\t7\n"
)


def lines(text: bytes) -> list[list[str]]:
    assert text.endswith(b"\n") or not text
    return [line.split("\t") for line in text.decode().split("\n")[:-1]]


def column(text: bytes, number: int) -> list[str]:
    return [line[number] for line in lines(text)]


def test_a_result_becomes_a_line_with_a_cell_for_each_column() -> None:
    gathered = gather([result()])
    assert gathered == Rows(transactions=SALE_LINE)
    assert len(lines(SALE_LINE)[0]) == len(rows.TRANSACTION_COLUMNS)


def test_a_result_of_a_version_that_knew_no_such_field_says_that_no_rate_was_applied() -> None:
    fields = {name: value for name, value in SALE.items() if name != "applied_fx_rate"}
    [line] = lines(gather([result(fields)]).transactions)
    assert line[rows.TRANSACTION_COLUMNS.index("applied_fx_rate")] == rows.NULL


def test_disposals_take_the_date_of_their_transaction_and_its_as_of() -> None:
    gathered = gather([result(disposals=[disposal("B1"), disposal("B2", proceeds=None)])])
    head = ["P1", "S1", "ACME", "2024-03-05T10:11:12.123456Z"]
    tail = "5 80.5 86.7 {} 93.5 6.1 6.8 7"
    assert lines(gathered.disposals) == [
        [*head, "B1", "2023-01-05T10:11:12Z", *tail.format("86.6").split(" ")],
        [*head, "B2", "2023-01-05T10:11:12Z", *tail.format("\\N").split(" ")],
    ]
    assert len(lines(gathered.disposals)[0]) == len(rows.DISPOSAL_COLUMNS)


def test_of_a_cancelled_transaction_only_the_ids_the_type_and_the_version_are_left() -> None:
    (line,) = lines(gather([result(CANCELLED)]).transactions)
    said = {
        name: cell
        for name, cell in zip(rows.TRANSACTION_COLUMNS, line, strict=True)
        if cell != "\\N"
    }
    assert said == {
        "transaction_id": "S1",
        "portfolio_id": "P1",
        "transaction_type": "CANCEL",
        "version": "4",
        "status": "CANCELLED",
        "source_topic": "raw_transactions",
        "source_partition": "5",
        "source_offset": "4294967299",
        "as_of": "9",
    }


def test_the_first_result_of_a_transaction_goes_with_the_new_ones() -> None:
    gathered = gather([result(first=True, disposals=[disposal("B1")]), result(transaction_id="S2")])
    assert column(gathered.new_transactions, 1) == ["S1"]
    assert column(gathered.new_disposals, 4) == ["B1"]
    assert column(gathered.transactions, 1) == ["S2"]
    assert gathered.disposals == b""


def test_of_several_results_of_a_transaction_the_last_counts() -> None:
    gathered = gather(
        [
            result(version=1, disposals=[disposal("B1"), disposal("B2")]),
            result(version=2, portfolio_id="P2"),
            result(version=3, disposals=[disposal("B3")]),
        ]
    )
    version = rows.TRANSACTION_COLUMNS.index("version")
    assert sorted(column(gathered.transactions, version)) == ["2", "3"]
    assert column(gathered.disposals, 4) == ["B3"]


def test_a_new_transaction_that_changes_in_its_batch_stays_new() -> None:
    gathered = gather([result(first=True, disposals=[disposal("B1")]), result(CANCELLED)])
    assert column(gathered.new_transactions, 4) == ["CANCEL"]
    assert gathered.new_disposals == gathered.transactions == gathered.disposals == b""


def test_a_transaction_that_is_called_new_too_late_is_not() -> None:
    gathered = gather([result(version=1), result(version=2, first=True)])
    assert gathered.new_transactions == b""
    assert column(gathered.transactions, rows.TRANSACTION_COLUMNS.index("version")) == ["2"]


def test_the_last_word_on_a_position_counts() -> None:
    gathered = gather(
        [
            position(quantity="1"),
            tombstone(security_id="B C"),
            position(quantity="2"),
            position(security_id="D"),
            tombstone(security_id="D"),
            tombstone(security_id="E"),
            position(security_id="E"),
        ]
    )
    assert sorted(line[1:3] for line in lines(gathered.positions)) == [["ACME", "2"], ["E", "10"]]
    assert gathered.removed_positions == [("P1", "B C"), ("P1", "D")]


def test_the_last_record_of_a_portfolio_counts() -> None:
    gathered = gather([portfolio(name="old"), portfolio(portfolio_id="P2"), portfolio(name="new")])
    name = rows.PORTFOLIO_COLUMNS.index("name")
    assert sorted(column(gathered.portfolios, name)) == ["Growth", "new"]


def test_an_empty_name_is_not_null() -> None:
    gathered = gather([portfolio(name="", client_id=None)])
    assert lines(gathered.portfolios)[0][3:5] == ["", "\\N"]


def test_a_dead_letter_is_that_of_its_source_record() -> None:
    errors = [{"field": "price", "rule": "decimal_must_be_plain", "message": 'not "1e3"'}]
    gathered = gather([dead_letter(b"\xff", None, errors)])
    assert lines(gathered.dead_letters) == [
        [
            *("raw_transactions", "3", "17", "\\\\xff", "\\N"),
            r'[{"field": "price", "rule": "decimal_must_be_plain", "message": "not \\"1e3\\""}]',
            *("2023-11-14T22:13:20.123000+00:00", "\\N"),
        ]
    ]


def test_a_dead_letter_that_was_one_before_is_that_of_its_last_source() -> None:
    before = dead_letter(source=("portfolios", 1, 2)).headers
    gathered = gather([dead_letter(headers=(("trace", b"\xfe"), *before))])
    assert lines(gathered.dead_letters)[0][:3] == ["raw_transactions", "3", "17"]


@pytest.mark.parametrize("record", [result(as_of=None), result(status=None), position(cost=1)])
def test_a_record_that_no_worker_wrote_stops_the_store(record: Written) -> None:
    with pytest.raises(ValidationError):
        gather([record])


def test_a_topic_that_is_not_stored_stops_the_store() -> None:
    with pytest.raises(AssertionError, match="raw_transactions"):
        gather([Written("raw_transactions", 0, b"P1", b"{}")])


def test_a_tombstone_where_none_belongs_stops_the_store() -> None:
    with pytest.raises(AssertionError, match="tombstone"):
        gather([Written(PORTFOLIOS_CURRENT.name, 0, b"P1", None)])


def test_rows_come_in_the_order_of_their_primary_keys() -> None:
    keys = [("P 1", "a"), ("P1", "B"), ("P", "Z"), ("P1", "A-"), ("P1", "A"), ("P1", "b")]
    gathered = gather(
        [
            *(
                result(portfolio_id=p, transaction_id=t, disposals=[disposal("2"), disposal("1")])
                for p, t in keys
            ),
            *(position(portfolio_id=p, security_id=s) for p, s in keys),
        ]
    )
    assert [tuple(line[:2]) for line in lines(gathered.transactions)] == sorted(keys)
    assert [tuple(line[:2]) for line in lines(gathered.positions)] == sorted(keys)
    assert [tuple(line[:2]) for line in lines(gathered.disposals)] == sorted(2 * keys)


def test_every_column_of_the_tables_is_filled() -> None:
    filled = {
        schema.transactions: rows.TRANSACTION_COLUMNS,
        schema.lot_disposals: rows.DISPOSAL_COLUMNS,
        schema.positions: rows.POSITION_COLUMNS,
        schema.portfolios: rows.PORTFOLIO_COLUMNS,
        schema.dead_letters: (*rows.DEAD_LETTER_COLUMNS, "as_of"),
    }
    for table, columns in filled.items():
        names = {name.strip('"') for name in columns} | {"updated_at"}
        assert names == {column.name for column in table.columns}


def test_what_the_worker_writes_can_be_read() -> None:
    ledger = Ledger()
    terms = Portfolio(
        portfolio_id="P1",
        base_currency="EUR",
        cost_basis_method=ReliefMethod.LIFO,
        name='Ann "Bob" \\ Co',
    )
    ledger.take_portfolio(terms)

    def take(transaction_id: str, kind: TransactionType, fx_rate: str | None) -> None:
        transaction = Transaction(
            transaction_id=transaction_id,
            portfolio_id="P1",
            security_id="ACME",
            transaction_type=kind,
            transaction_date=datetime(2024, 1, len(transaction_id), tzinfo=UTC),
            trade_currency="USD",
            quantity=Decimal(2),
            price=Decimal("1.5"),
            fx_rate=None if fx_rate is None else Decimal(fx_rate),
        )
        ledger.take(transaction, Source("raw_transactions", 0, len(transaction_id)))

    take("B", TransactionType.BUY, "1.1")
    take("SS", TransactionType.SELL, "1.2")
    take("BBB", TransactionType.BUY, None)
    ledger.take(
        Cancellation(transaction_id="X", portfolio_id="P1", version=2),
        Source("raw_transactions", 0, 9),
    )
    entries = ledger.settle()
    holding = ledger.journal.holding("P1", "ACME")
    assert holding is not None
    gathered = gather(
        [
            *(Written(COMPLETED.name, 0, b"P1", encode_result(entry)) for entry in entries),
            Written(POSITIONS.name, 0, position_key("P1", "ACME"), encode_position(holding, 1)),
            Written(PORTFOLIOS_CURRENT.name, 0, b"P1", encode_portfolio(terms, 1)),
        ]
    )
    status = rows.TRANSACTION_COLUMNS.index("status")
    assert sorted((line[1], line[status]) for line in lines(gathered.transactions)) == [
        ("B", "BOOKED"),
        ("BBB", "PENDING"),
        ("SS", "BOOKED"),
        ("X", "CANCELLED"),
    ]
    assert column(gathered.disposals, 4) == ["B"]
    assert lines(gathered.positions)[0][:8] == ["P1", "ACME", "0", "0", "0", "0.3", "0", "0"]
    assert lines(gathered.portfolios)[0][3] == 'Ann "Bob" \\\\ Co'
