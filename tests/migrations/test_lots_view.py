"""The view of open lots, over rows written by hand and over the books of random events."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg2
import pytest
from psycopg2 import extensions

from migrations.upgrade import upgrade
from tests.oracle.booking import Row
from tests.oracle.decode import Record
from tests.oracle.fold import expected

D = Decimal
METHODS = ("FIFO", "LIFO", "HIFO", "LOFO", "AVCO")
LOT = ("lot_id", "acquired_at", "opened_quantity", "quantity", "cost", "cost_local")


@pytest.fixture
def database(database_url: str) -> Iterator[extensions.connection]:
    upgrade(database_url)
    connection = psycopg2.connect(database_url)
    yield connection
    connection.close()


def insert(database: extensions.connection, table: str, row: Row) -> None:
    columns = ", ".join(row)
    with database.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(row))})",
            tuple(row.values()),
        )


def day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


def position(database: extensions.connection, method: str, holding: str = "P|S") -> None:
    """A position of which the view only reads the method."""
    portfolio_id, security_id = holding.split("|")
    numbers = ("quantity", "cost", "cost_local", "realized_gain_loss", "realized_gain_loss_local")
    row: Row = {"portfolio_id": portfolio_id, "security_id": security_id}
    row |= dict.fromkeys(numbers, 0) | {"open_lots": 0, "cost_basis_method": method, "as_of": 1}
    insert(database, "positions", row)


def booked(
    database: extensions.connection,
    transaction_id: str,
    kind: str,
    on: int,
    quantity: str | None,
    cost: str,
    *,
    holding: str = "P|S",
    status: str = "BOOKED",
    amount: str | None = None,
    moved: str | None = None,
) -> None:
    """A transaction whose cost in base currency is twice the local one."""
    portfolio_id, security_id = holding.split("|")
    row: Row = {
        "portfolio_id": portfolio_id,
        "transaction_id": transaction_id,
        "security_id": security_id,
        "transaction_type": kind,
        "transaction_date": day(on),
        "quantity": quantity,
        "gross_transaction_amount": amount,
        "cash_movement": moved,
        "version": 1,
        "status": status,
        "net_cost": 2 * D(cost) if status == "BOOKED" else None,
        "net_cost_local": D(cost) if status == "BOOKED" else None,
        "source_topic": "raw_transactions",
        "source_partition": 0,
        "source_offset": 0,
        "as_of": 1,
    }
    insert(database, "transactions", row)


def disposal(
    database: extensions.connection,
    transaction_id: str,
    lot_id: str,
    quantity: str,
    cost: str,
    *,
    holding: str = "P|S",
) -> None:
    portfolio_id, security_id = holding.split("|")
    row: Row = {
        "portfolio_id": portfolio_id,
        "transaction_id": transaction_id,
        "lot_id": lot_id,
        "security_id": security_id,
        "acquired_at": day(1),
        "disposed_at": day(9),
        "quantity": quantity,
        "cost": 2 * D(cost),
        "cost_local": D(cost),
        "as_of": 1,
    }
    insert(database, "lot_disposals", row)


def lots(database: extensions.connection, holding: str = "P|S") -> list[tuple[object, ...]]:
    portfolio_id, security_id = holding.split("|")
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(LOT)} FROM lots WHERE portfolio_id = %s AND security_id = %s"
            " ORDER BY acquired_at, lot_id",
            (portfolio_id, security_id),
        )
        return cursor.fetchall()


@pytest.mark.parametrize("method", METHODS[:4])
def test_a_lot_is_what_was_bought_less_what_was_taken(
    database: extensions.connection, method: str
) -> None:
    position(database, method)
    booked(database, "B1", "BUY", 1, "10", "100")
    booked(database, "B2", "TRANSFER_IN", 2, "5", "60.5")
    booked(database, "B3", "BUY", 3, "7", "70")
    booked(database, "S1", "SELL", 4, "12", "-120.1")
    disposal(database, "S1", "B1", "10", "100")
    disposal(database, "S1", "B2", "2", "20.1")
    booked(database, "O1", "TRANSFER_OUT", 5, "1", "-10.1")
    disposal(database, "O1", "B2", "1", "10.1")
    assert lots(database) == [
        ("B2", day(2), D(5), D(2), D("60.6"), D("30.3")),
        ("B3", day(3), D(7), D(7), D(140), D(70)),
    ]


def test_only_booked_increases_open_lots(database: extensions.connection) -> None:
    position(database, "FIFO")
    booked(database, "B1", "BUY", 1, "10", "100", status="PENDING")
    booked(database, "B2", "BUY", 2, "10", "100", status="REJECTED")
    booked(database, "V1", "DIVIDEND", 3, "10", "0")
    booked(database, "F1", "FEE", 3, None, "3", amount="3")
    assert lots(database) == []


@pytest.mark.parametrize("method", ["FIFO", "AVCO"])
@pytest.mark.parametrize("quantity", [None, "0"])
def test_cash_without_a_quantity_counts_by_its_amount(
    database: extensions.connection, method: str, quantity: str | None
) -> None:
    position(database, method)
    booked(database, "D1", "DEPOSIT", 1, quantity, "100.5", amount="100.5")
    booked(database, "D2", "DEPOSIT", 2, "40", "50", amount="50")
    booked(database, "W1", "WITHDRAWAL", 3, quantity, "-60", amount="60")
    disposal(database, "W1", "POOL" if method == "AVCO" else "D1", "60", "60")
    if method == "AVCO":
        assert lots(database) == [("POOL", day(1), D("140.5"), D("80.5"), D(181), D("90.5"))]
    else:
        assert lots(database) == [
            ("D1", day(1), D("100.5"), D("40.5"), D(81), D("40.5")),
            ("D2", day(2), D(40), D(40), D(100), D(50)),
        ]


def test_the_pool_is_what_moved_since_the_holding_was_last_empty(
    database: extensions.connection,
) -> None:
    position(database, "AVCO")
    booked(database, "B1", "BUY", 1, "10", "100")
    booked(database, "S1", "SELL", 2, "10", "-100")
    booked(database, "B2", "BUY", 3, "4", "50")
    booked(database, "B3", "BUY", 4, "2", "10")
    booked(database, "V1", "DIVIDEND", 4, "6", "0")
    booked(database, "O1", "TRANSFER_OUT", 5, "3", "-30")
    assert lots(database) == [("POOL", day(3), D(6), D(3), D(60), D(30))]


def test_a_pool_of_cash_may_be_negative_and_is_another_where_it_crosses_zero(
    database: extensions.connection,
) -> None:
    position(database, "AVCO")
    booked(database, "D1", "DEPOSIT", 1, "10", "10", moved="10")
    booked(database, "F1", "FEE", 2, None, "-3", amount="3", moved="-3")
    assert lots(database) == [("POOL", day(1), D(10), D(7), D(14), D(7))]
    booked(database, "W1", "WITHDRAWAL", 3, "12", "-12", moved="-12")
    booked(database, "T1", "TAX", 4, None, "-2", amount="2", moved="-2")
    booked(database, "I1", "INTEREST", 5, None, "1", amount="1", moved="1")
    assert lots(database) == [("POOL", day(3), D(-7), D(-6), D(-12), D(-6))]
    booked(database, "I2", "INTEREST", 6, None, "6", amount="6", moved="6")
    assert lots(database) == []
    booked(database, "D2", "DEPOSIT", 7, "4", "4", moved="4")
    assert lots(database) == [("POOL", day(7), D(4), D(4), D(8), D(4))]


def test_an_empty_pool_is_no_lot(database: extensions.connection) -> None:
    position(database, "AVCO")
    booked(database, "B1", "BUY", 1, "10", "100")
    booked(database, "S1", "SELL", 2, "4", "-40")
    booked(database, "S2", "SELL", 2, "6", "-60")
    assert lots(database) == []


def test_at_the_same_time_increases_come_before_decreases(database: extensions.connection) -> None:
    position(database, "AVCO")
    booked(database, "B", "BUY", 1, "10", "100")
    booked(database, "A-sale", "SELL", 2, "10", "-70")
    booked(database, "Z-purchase", "BUY", 2, "10", "40")
    assert lots(database) == [("POOL", day(1), D(20), D(10), D(140), D(70))]


def test_ids_at_the_same_time_come_by_code_point(database: extensions.connection) -> None:
    position(database, "AVCO")
    booked(database, "B1", "BUY", 1, "10", "100")
    booked(database, "S_", "SELL", 2, "4", "-40")
    booked(database, "Sa", "SELL", 2, "6", "-60")
    booked(database, "b2", "BUY", 3, "1", "7")
    booked(database, "B2", "BUY", 3, "2", "8")
    assert lots(database) == [("POOL", day(3), D(3), D(3), D(30), D(15))]


def test_a_lot_that_is_called_pool_is_a_lot_like_any_other(database: extensions.connection) -> None:
    position(database, "FIFO")
    position(database, "AVCO", "P|T")
    booked(database, "POOL", "BUY", 1, "10", "100")
    booked(database, "B1", "BUY", 1, "10", "100", holding="P|T")
    booked(database, "S1", "SELL", 2, "4", "-40", holding="P|T")
    disposal(database, "S1", "POOL", "4", "40", holding="P|T")
    assert lots(database) == [("POOL", day(1), D(10), D(10), D(200), D(100))]
    assert lots(database, "P|T") == [("POOL", day(1), D(10), D(6), D(120), D(60))]


def test_portfolios_and_securities_are_kept_apart(database: extensions.connection) -> None:
    for holding, method in (("P|S", "FIFO"), ("P|T", "FIFO"), ("Q|S", "AVCO")):
        position(database, method, holding)
        booked(database, "B" + holding[2], "BUY", 1, "10", "100", holding=holding)
    booked(database, "S1", "SELL", 2, "3", "-30")
    disposal(database, "S1", "BS", "3", "30")
    assert lots(database) == [("BS", day(1), D(10), D(7), D(140), D(70))]
    assert lots(database, "P|T") == [("BT", day(1), D(10), D(10), D(200), D(100))]
    assert lots(database, "Q|S") == [("POOL", day(1), D(10), D(10), D(200), D(100))]


def test_nothing_is_said_about_a_holding_whose_method_is_not_stored_yet(
    database: extensions.connection,
) -> None:
    booked(database, "B1", "BUY", 1, "10", "100")
    assert lots(database) == []


def random_events(portfolio_id: str, chance: random.Random) -> list[Row]:
    """Trades and cash on few days, so that dates, ids and empty holdings meet often."""
    events: list[Row] = []
    for number in range(60):
        kind = chance.choice(("BUY", "BUY", "TRANSFER_IN", "SELL", "SELL", "TRANSFER_OUT"))
        security_id = chance.choice("ST")
        if chance.random() < 0.3:
            kinds = ("DEPOSIT", "WITHDRAWAL", "INTEREST", "FEE", "TAX", "DIVIDEND")
            kind, security_id = chance.choice(kinds), "CASH"
        quantity = None if security_id == "CASH" else str(chance.randint(1, 4))
        row: Row = {
            "transaction_id": f"{chance.choice('aB_')}{number}",
            "portfolio_id": portfolio_id,
            "security_id": security_id,
            "transaction_type": kind,
            "transaction_date": (day(1) + timedelta(days=chance.randint(0, 20))).isoformat(),
            "trade_currency": "USD",
            "quantity": quantity,
            "gross_transaction_amount": str(chance.randint(1, 7)),
            "trade_fee": "0.1",
            "fx_rate": None if chance.random() < 0.05 else "1.37",
        }
        events.append(row)
    again = chance.sample(events, 8)
    events += [row | {"version": 2, "quantity": chance.choice("123")} for row in again[:5]]
    return events + [row | {"version": 2, "transaction_type": "CANCEL"} for row in again[5:]]


def records(values: list[Row]) -> list[Record]:
    return [
        Record("raw_transactions", 0, offset, b"", json.dumps(value).encode())
        for offset, value in enumerate(values)
    ]


def test_the_lots_of_random_events_are_those_of_the_independent_fold(
    database: extensions.connection,
) -> None:
    chance = random.Random(20240110)
    methods = {f"{name}-{n}": name for name in METHODS for n in "123"}
    kept = dict(zip("123", ("securities_only", "explicit", "automatic"), strict=True))
    books = expected(
        records([event for portfolio in methods for event in random_events(portfolio, chance)]),
        records(
            [
                {
                    "portfolio_id": name,
                    "base_currency": "EUR",
                    "cost_basis_method": method,
                    "cash_management": kept[name[-1]],
                }
                for name, method in methods.items()
            ]
        ),
    )
    for (portfolio_id, transaction_id), result in books.results.items():
        disposals = result.pop("disposals")
        assert isinstance(disposals, list)
        insert(database, "transactions", result | {"as_of": 1})
        for row in disposals:
            names: Row = {"portfolio_id": portfolio_id, "transaction_id": transaction_id}
            names |= {"security_id": result["security_id"], "as_of": 1}
            row |= {"disposed_at": result["transaction_date"]}
            insert(database, "lot_disposals", names | row)
    for row in books.positions.values():
        insert(database, "positions", row | {"as_of": 1})
    open_lots = {
        (portfolio_id, security_id): sorted(
            (tuple(lot[name] for name in LOT) for lot in lots), key=lambda lot: (lot[1], lot[0])
        )
        for (portfolio_id, security_id), lots in books.lots.items()
    }
    assert sum(map(len, open_lots.values())) > 50
    pools = [lot for lots in open_lots.values() for lot in lots if lot[0] == "POOL"]
    assert any(lot[3] < 0 for lot in pools)  # type: ignore[operator]
    assert any(lot[3] > 0 for lot in pools)  # type: ignore[operator]
    assert open_lots == {key: lots(database, "|".join(key)) for key in open_lots}
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM lots")
        assert cursor.fetchone() == (sum(map(len, open_lots.values())),)


@pytest.mark.parametrize(
    "where", ["portfolio_id = 'P'", "portfolio_id = 'P' AND security_id = 'S'"]
)
def test_a_question_about_one_portfolio_reads_no_other(
    database: extensions.connection, where: str
) -> None:
    with database.cursor() as cursor:
        # Of tables this small the planner would rather read the whole.
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN (COSTS OFF) SELECT * FROM lots WHERE {where}")
        plan = [row[0].strip() for row in cursor.fetchall()]
    conditions = [line.replace("((", "(") for line in plan if line.startswith("Index Cond: ")]
    assert len(conditions) == 5  # transactions and positions twice, disposals once
    assert {line.split("::")[0] for line in conditions} == {"Index Cond: (portfolio_id = 'P'"}
    assert "Seq Scan" not in "".join(plan)
