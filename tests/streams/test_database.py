"""Batches of records into a real PostgreSQL: exactly, once, whole."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions

from migrations.upgrade import upgrade
from streams.database import connect, read_progress, write
from streams.rows import gather
from streams.writer import Progress, ProgressMoved
from tests.streams.records import (
    CANCELLED,
    CASH_ENTRY,
    CASH_ENTRY_GONE,
    PORTFOLIO,
    Written,
    dead_letter,
    disposal,
    portfolio,
    position,
    result,
    tombstone,
)

D = Decimal
COMPLETED_0 = ("raw_transactions_completed", 0)
POSITIONS_0 = ("positions", 0)
# Whatever COPY or SQL may take for something else.
NASTY = [
    "\\N", "\\.", "\\", "a\\", "\\t", "tab\there", "line\nfeed", "carriage\rreturn", "\x0b\x7f\x1f",
    "'; DROP TABLE portfolios; --", '"quoted"', "NULL", "", " ", "%s", "{}", "Zürich 日本 🏦", "\u2028",
]  # fmt: skip


@pytest.fixture
def database(database_url: str) -> Iterator[extensions.connection]:
    upgrade(database_url)
    with closing(connect(database_url)) as connection:
        yield connection


def store(
    database: extensions.connection, *records: Written, at: int = 0, then: int | None = None
) -> None:
    """A batch of one partition, from offset `at`."""
    following = at + len(records) if then is None else then
    write(
        database,
        gather(records),
        expected={COMPLETED_0: at},
        progress={COMPLETED_0: following},
    )


def read(database: extensions.connection, query: str) -> list[tuple[Any, ...]]:
    with database, database.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def transactions(database: extensions.connection) -> list[tuple[Any, ...]]:
    return read(database, "SELECT transaction_id, version, as_of FROM transactions ORDER BY 1")


def disposals(database: extensions.connection) -> list[tuple[Any, ...]]:
    return read(database, "SELECT transaction_id, lot_id, as_of FROM lot_disposals ORDER BY 1, 2")


def one(database: extensions.connection, table: str) -> dict[str, object]:
    with database, database.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        (row,) = cursor.fetchall()
    found = dict(zip(names, row, strict=True))
    assert isinstance(found.pop("updated_at"), datetime)
    return found


@pytest.mark.parametrize("first", [True, False])
def test_every_field_of_a_result_is_stored_as_it_was_written(
    database: extensions.connection, first: bool
) -> None:
    store(database, result(first=first, disposals=[disposal("B1", cost="0.000000000001")]))
    assert one(database, "transactions") == {
        "portfolio_id": "P1",
        "transaction_id": "S1",
        "security_id": "ACME",
        "instrument_id": "I1",
        "transaction_type": "SELL",
        "transaction_date": datetime(2024, 3, 5, 10, 11, 12, 123456, UTC),
        "settlement_date": datetime(2024, 3, 7, tzinfo=UTC),
        "quantity": D(15),
        "price": D("187.3375"),
        "gross_transaction_amount": D("2810.0625"),
        "trade_fee": D("9.95"),
        "trade_currency": "USD",
        "currency": "CHF",
        "fx_rate": D("0.9213"),
        "version": 3,
        "status": "BOOKED",
        "reason": None,
        "detail": None,
        "base_currency": "EUR",
        "applied_fx_rate": D("0.93"),
        "gross_cost": D("-1000.5"),
        "net_cost": D("-1000.25"),
        "realized_gain_loss": D("1579.37"),
        "gross_cost_local": D("-1100.5"),
        "net_cost_local": D("-1100.25"),
        "realized_gain_loss_local": D("1699.8625"),
        "cash_movement": None,
        "cause_transaction_id": None,
        "source_topic": "raw_transactions",
        "source_partition": 5,
        "source_offset": 4294967296,
        "as_of": 7,
    }
    assert one(database, "lot_disposals") == {
        "portfolio_id": "P1",
        "transaction_id": "S1",
        "lot_id": "B1",
        "security_id": "ACME",
        "acquired_at": datetime(2023, 1, 5, 10, 11, 12, tzinfo=UTC),
        "disposed_at": datetime(2024, 3, 5, 10, 11, 12, 123456, UTC),
        "quantity": D(5),
        "cost": D("0.000000000001"),
        "cost_local": D("86.7"),
        "proceeds": D("86.6"),
        "proceeds_local": D("93.5"),
        "realized_gain_loss": D("6.1"),
        "realized_gain_loss_local": D("6.8"),
        "as_of": 7,
    }


def test_a_portfolio_of_an_earlier_version_keeps_no_cash(
    database: extensions.connection,
) -> None:
    store(database, portfolio())
    earlier = {name: value for name, value in PORTFOLIO.items() if name != "cash_management"}
    value = json.dumps(earlier | {"as_of": 8}).encode()
    store(database, portfolio()._replace(value=value), at=1)
    assert one(database, "portfolios")["cash_management"] == "securities_only"


@pytest.mark.parametrize("first", [True, False])
def test_a_cash_entry_names_its_cause_and_leaves_no_row_when_it_is_gone(
    database: extensions.connection, first: bool
) -> None:
    store(database, result(CASH_ENTRY, first=first, disposals=[disposal("POOL", quantity="-5")]))
    found = one(database, "transactions")
    assert found["cash_movement"] == D("2800.1125")
    assert found["cause_transaction_id"] == "S1"
    assert one(database, "lot_disposals")["quantity"] == D(-5)
    store(database, result(CASH_ENTRY_GONE), at=1)
    assert transactions(database) == disposals(database) == []
    store(database, result(CASH_ENTRY, as_of=10), at=2)
    assert transactions(database) == [("S1~cash", 3, 10)]


@pytest.mark.parametrize("first", [True, False])
def test_of_a_cash_entry_that_comes_and_goes_in_one_batch_the_last_word_counts(
    database: extensions.connection, first: bool
) -> None:
    came, gone = result(CASH_ENTRY, first=first), result(CASH_ENTRY_GONE)
    store(database, came, gone)
    assert transactions(database) == []
    store(database, came, gone, result(CASH_ENTRY, as_of=10), at=2)
    assert transactions(database) == [("S1~cash", 3, 10)]


def test_a_cancelled_transaction_that_came_in_keeps_its_row(
    database: extensions.connection,
) -> None:
    store(database, result(CANCELLED))
    assert [row[0] for row in transactions(database)] == ["S1"]


def test_every_field_of_a_position_and_a_portfolio_is_stored_as_it_was_written(
    database: extensions.connection,
) -> None:
    store(database, position(), portfolio())
    assert one(database, "positions") == {
        "portfolio_id": "P1",
        "security_id": "ACME",
        "quantity": D(10),
        "cost": D("99999999999999999999999999.123456789012"),
        "cost_local": D("0.5"),
        "realized_gain_loss": D(-1),
        "realized_gain_loss_local": D(0),
        "open_lots": 2,
        "first_transaction_date": datetime(1900, 1, 1, tzinfo=UTC),
        "last_transaction_date": datetime(2200, 12, 31, 23, 59, 59, 999999, UTC),
        "trade_currency": "USD",
        "base_currency": "EUR",
        "cost_basis_method": "FIFO",
        "as_of": 7,
    }
    assert one(database, "portfolios") == {
        "portfolio_id": "P1",
        "base_currency": "EUR",
        "cost_basis_method": "AVCO",
        "cash_management": "automatic",
        "name": "Growth",
        "client_id": "C1",
        "booking_center": "Zürich",
        "opened_on": date(2020, 2, 29),
        "version": 2,
        "as_of": 7,
    }


def test_a_position_in_which_nothing_was_booked_is_stored_without_dates_and_currency(
    database: extensions.connection,
) -> None:
    unknown = ("first_transaction_date", "last_transaction_date", "trade_currency", "base_currency")
    store(database, position(**dict.fromkeys(unknown)))
    assert {one(database, "positions")[name] for name in unknown} == {None}


def test_any_text_arrives_unchanged(database: extensions.connection) -> None:
    store(
        database,
        *(portfolio(portfolio_id=f"P{n}", name=text) for n, text in enumerate(NASTY)),
        *(result(transaction_id=f"T{n}", detail=text) for n, text in enumerate(NASTY)),
        *(
            result(first=True, transaction_id=f"U{n}", disposals=[disposal(text)])
            for n, text in enumerate(NASTY)
        ),
    )
    names = dict(read(database, "SELECT portfolio_id, name FROM portfolios"))
    assert names == {f"P{n}": text for n, text in enumerate(NASTY)}
    details = read(
        database, "SELECT transaction_id, detail FROM transactions WHERE detail IS NOT NULL"
    )
    assert dict(details) == {f"T{n}": text for n, text in enumerate(NASTY)}
    lots = dict(read(database, "SELECT transaction_id, lot_id FROM lot_disposals"))
    assert lots == {f"U{n}": text for n, text in enumerate(NASTY)}


@pytest.mark.parametrize(
    "value",
    [None, b"", bytes(range(256)), b"\\x41", b"\\N", b"\\\\", "é\t\n".encode(), b"\xff\x00"],
)
def test_any_bytes_and_errors_of_a_dead_letter_arrive_unchanged(
    database: extensions.connection, value: bytes | None
) -> None:
    errors = [{"field": text, "rule": "r", "message": text[::-1]} for text in NASTY]
    store(database, dead_letter(key=value, value=value, errors=errors))
    row = one(database, "dead_letters")
    for name in ("key", "value"):
        stored = row.pop(name)
        assert (bytes(stored) if isinstance(stored, memoryview) else stored) == value
    assert row == {
        "topic": "raw_transactions",
        "partition": 3,
        "offset": 17,
        "errors": errors,
        "received_at": datetime(2023, 11, 14, 22, 13, 20, 123000, UTC),
        "as_of": None,  # letters of earlier versions do not say it
    }


def test_a_dead_letter_says_in_which_batch_it_was_found(database: extensions.connection) -> None:
    store(database, dead_letter(headers=(("as-of", b"41"),)))
    assert one(database, "dead_letters")["as_of"] == 41


def test_a_result_replaces_the_one_before_and_all_its_disposals(
    database: extensions.connection,
) -> None:
    store(
        database,
        result(first=True, disposals=[disposal("B1"), disposal("B2")]),
        result(first=True, transaction_id="S2", disposals=[disposal("B9")]),
    )
    store(database, result(version=4, as_of=8, disposals=[disposal("B2"), disposal("B3")]), at=2)
    assert transactions(database) == [("S1", 4, 8), ("S2", 3, 7)]
    assert disposals(database) == [("S1", "B2", 8), ("S1", "B3", 8), ("S2", "B9", 7)]
    store(database, result(CANCELLED), at=3)
    assert transactions(database) == [("S1", 4, 9), ("S2", 3, 7)]
    assert disposals(database) == [("S2", "B9", 7)]


def test_an_older_result_replaces_nothing(database: extensions.connection) -> None:
    store(database, result(as_of=8, disposals=[disposal("B1")]), position(as_of=8))
    store(
        database,
        result(as_of=7, version=1, disposals=[disposal("B1"), disposal("B2")]),
        position(as_of=7, quantity="99"),
        portfolio(as_of=6),
        at=2,
    )
    store(database, portfolio(as_of=5, name="old"), at=5)
    assert transactions(database) == [("S1", 3, 8)]
    assert disposals(database) == [("S1", "B1", 8)]
    assert one(database, "positions")["quantity"] == 10
    assert one(database, "portfolios")["name"] == "Growth"


def test_a_result_of_the_same_batch_of_the_books_replaces_the_one_before(
    database: extensions.connection,
) -> None:
    store(database, result(version=1, disposals=[disposal("B1")]), position(quantity="1"))
    store(database, result(version=2, disposals=[disposal("B2")]), position(quantity="2"), at=2)
    assert transactions(database) == [("S1", 2, 7)]
    assert disposals(database) == [("S1", "B2", 7)]
    assert one(database, "positions")["quantity"] == 2


def test_a_replaced_row_says_when(database: extensions.connection) -> None:
    store(database, result(), position(), portfolio())
    tables = ("transactions", "positions", "portfolios")
    before = [read(database, f"SELECT updated_at FROM {table}") for table in tables]
    store(database, result(), position(), portfolio(), at=3)
    after = [read(database, f"SELECT updated_at FROM {table}") for table in tables]
    assert all(late > early for early, late in zip(before, after, strict=True))


def test_a_tombstone_removes_the_position_and_no_other(database: extensions.connection) -> None:
    store(
        database,
        position(),
        position(security_id="B C"),
        position(portfolio_id="P2"),
    )
    store(database, tombstone(), tombstone(security_id="NEVER"), at=3)
    assert read(database, "SELECT portfolio_id, security_id FROM positions ORDER BY 1") == [
        ("P1", "B C"),
        ("P2", "ACME"),
    ]
    store(database, position(as_of=1), at=5)
    assert len(read(database, "SELECT FROM positions")) == 3


def test_a_dead_letter_that_is_stored_stays(database: extensions.connection) -> None:
    store(database, dead_letter(value=b"1"), dead_letter(value=b"1"))
    store(database, dead_letter(value=b"2"), dead_letter(source=("portfolios", 3, 17)), at=2)
    assert read(database, "SELECT topic, convert_from(value, 'utf8') FROM dead_letters") == [
        ("raw_transactions", "1"),
        ("portfolios", "{"),
    ]


def test_a_result_that_is_called_first_and_is_not_is_stored_all_the_same(
    database: extensions.connection,
) -> None:
    before = (result(first=True, disposals=[disposal("B1")]), position(security_id="B"))
    store(database, *before, dead_letter())
    store(
        database,
        result(first=True, transaction_id="S2", disposals=[disposal("B2")]),
        result(first=True, as_of=8, disposals=[disposal("B3")]),
        position(),
        tombstone(security_id="B"),
        portfolio(),
        dead_letter(source=("portfolios", 0, 0)),
        at=3,
    )
    assert transactions(database) == [("S1", 3, 8), ("S2", 3, 7)]
    assert disposals(database) == [("S1", "B3", 8), ("S2", "B2", 7)]
    for table, count in (("positions", 1), ("portfolios", 1), ("dead_letters", 2)):
        assert len(read(database, f"SELECT FROM {table}")) == count
    assert read_progress(database, [COMPLETED_0]) == {COMPLETED_0: 9}


def test_progress_begins_at_zero_and_moves_with_the_rows(database: extensions.connection) -> None:
    assert read_progress(database, [COMPLETED_0, POSITIONS_0]) == {COMPLETED_0: 0, POSITIONS_0: 0}
    store(database, result(), then=5)  # offsets have holes
    write(
        database,
        gather([position()]),
        expected={COMPLETED_0: 5, POSITIONS_0: 0},
        progress={POSITIONS_0: 3},
    )
    assert read_progress(database, [COMPLETED_0, POSITIONS_0, ("positions", 1)]) == {
        COMPLETED_0: 5,
        POSITIONS_0: 3,
        ("positions", 1): 0,
    }


def test_progress_moves_over_offsets_without_a_record(database: extensions.connection) -> None:
    store(database, then=12)
    assert read_progress(database, [COMPLETED_0]) == {COMPLETED_0: 12}


def test_records_that_are_stored_already_are_not_stored_again(
    database: extensions.connection,
) -> None:
    store(database, result(first=True, version=1), tombstone())
    with pytest.raises(ProgressMoved) as caught:
        store(database, result(first=True, version=2, as_of=9), position())
    assert caught.value.found == {COMPLETED_0: 2}
    assert transactions(database) == [("S1", 1, 7)]
    assert read(database, "SELECT FROM positions") == []
    store(database, result(version=3), at=2)
    assert transactions(database) == [("S1", 3, 7)]


def test_an_emptied_database_is_noticed(database: extensions.connection) -> None:
    store(database, result())
    read(database, "TRUNCATE transactions, store_progress; SELECT")
    with pytest.raises(ProgressMoved) as caught:
        store(database, result(), at=1)
    assert caught.value.found == {COMPLETED_0: 0}
    assert transactions(database) == []


def test_a_batch_that_cannot_be_stored_leaves_nothing(database: extensions.connection) -> None:
    with pytest.raises(psycopg2.DataError):
        store(database, result(first=True), position(), portfolio(opened_on="2024-02-30"))
    for table in ("transactions", "positions", "portfolios"):
        assert read(database, f"SELECT FROM {table}") == []
    assert read_progress(database, [COMPLETED_0]) == {COMPLETED_0: 0}
    store(database, result(first=True), position(), portfolio())
    assert transactions(database) == [("S1", 3, 7)]


def test_what_was_staged_for_one_batch_is_gone_in_the_next(
    database: extensions.connection,
) -> None:
    store(database, result(disposals=[disposal("B1")]), position(), portfolio(), dead_letter())
    for table in ("transactions", "lot_disposals", "positions", "portfolios", "dead_letters"):
        read(database, f"DELETE FROM {table} RETURNING 1")
    store(database, result(transaction_id="S2"), position(security_id="B"), at=4)
    assert transactions(database) == [("S2", 3, 7)]
    assert disposals(database) == []


def test_of_two_stores_of_the_same_records_one_writes_and_the_other_is_told(
    database: extensions.connection, database_url: str
) -> None:
    outcomes: list[object] = []
    ready = threading.Barrier(2)

    def run(quantity: str) -> None:
        with closing(connect(database_url)) as connection:
            ready.wait(10)
            progress: Progress = {COMPLETED_0: 1, POSITIONS_0: 1}
            try:
                write(
                    connection,
                    gather([result(first=True), position(quantity=quantity)]),
                    expected=dict.fromkeys(progress, 0),
                    progress=progress,
                )
                outcomes.append(quantity)
            except ProgressMoved as moved:
                outcomes.append(moved.found)

    threads = [threading.Thread(target=run, args=(quantity,)) for quantity in "12"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {COMPLETED_0: 1, POSITIONS_0: 1} in outcomes
    (written,) = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert one(database, "positions")["quantity"] == D(written)


def test_a_store_waits_for_the_one_that_is_writing_and_then_finds_the_progress_moved(
    database: extensions.connection, database_url: str
) -> None:
    store(database, result())
    outcomes: list[Progress] = []

    def run() -> None:
        try:
            store(database, result(version=9), at=1)
        except ProgressMoved as moved:
            outcomes.append(moved.found)

    late = threading.Thread(target=run)
    with closing(psycopg2.connect(database_url)) as other, other, other.cursor() as cursor:
        cursor.execute("SELECT FROM store_progress FOR SHARE")
        late.start()
        wait_until_blocked(cursor, database.info.backend_pid)
        cursor.execute("UPDATE store_progress SET next_offset = 2")
    late.join(20)
    assert outcomes == [{COMPLETED_0: 2}]
    assert transactions(database) == [("S1", 3, 7)]


def wait_until_blocked(cursor: extensions.cursor, backend_pid: int) -> None:
    for _ in range(1000):
        cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", (backend_pid,))
        if cursor.fetchone() == (1,):
            return
        time.sleep(0.01)
    raise AssertionError("the store did not wait")
