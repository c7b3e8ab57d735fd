"""Worked examples: the issue's, and small ones computed by hand for every rule of section 3."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations

import pytest

from tests.oracle.booking import Row
from tests.oracle.decode import Record
from tests.oracle.fold import Books, expected

D = Decimal
NO_PORTFOLIOS: list[Record] = []


def event(transaction_id: str, kind: str, day: str, **fields: object) -> Row:
    """A transaction of security S in portfolio P, in USD unless told otherwise."""
    common: Row = {
        "transaction_id": transaction_id,
        "portfolio_id": "P",
        "security_id": "S",
        "transaction_type": kind,
        "transaction_date": day,
        "trade_currency": "USD",
    }
    return common | fields


def records(topic: str, values: list[Row]) -> list[Record]:
    return [
        Record(topic, 0, offset, b"P", json.dumps(value).encode())
        for offset, value in enumerate(values)
    ]


def books(
    *events: Row,
    method: str = "FIFO",
    base: str = "USD",
    without_record: bool = False,
) -> Books:
    account: Row = {"portfolio_id": "P", "base_currency": base, "cost_basis_method": method}
    return expected(
        records("raw_transactions", list(events)),
        NO_PORTFOLIOS if without_record else records("portfolios", [account]),
    )


def result(of: Books, transaction_id: str) -> Row:
    return of.results["P", transaction_id]


def outcome(of: Books, transaction_id: str) -> tuple[object, object]:
    row = result(of, transaction_id)
    return row["status"], row["reason"]


def amounts(of: Books, transaction_id: str) -> tuple[object, ...]:
    """gross_cost, net_cost, realized_gain_loss, then the same local."""
    row = result(of, transaction_id)
    names = ("gross_cost", "net_cost", "realized_gain_loss")
    return tuple(row[name] for name in names) + tuple(row[f"{name}_local"] for name in names)


def position(of: Books, *columns: str) -> tuple[object, ...]:
    return tuple(of.positions["P", "S"][column] for column in columns)


def disposals(of: Books, transaction_id: str, *columns: str) -> list[tuple[object, ...]]:
    rows = result(of, transaction_id)["disposals"]
    assert isinstance(rows, list)
    return [tuple(row[column] for column in columns) for row in rows]


def lots(of: Books, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(lot[column] for column in columns) for lot in of.lots["P", "S"]]


# -- the two examples that the project was asked for with --


def test_a_eur_security_in_a_usd_portfolio_gains_in_both_currencies() -> None:
    in_eur = {"trade_currency": "EUR"}
    of = books(
        event("B", "BUY", "2024-01-10", quantity="100", price="150", fx_rate="1.10", **in_eur),
        event("S", "SELL", "2024-02-10", quantity="40", price="170", fx_rate="1.20", **in_eur),
    )
    assert amounts(of, "B") == (16500, 16500, None, 15000, 15000, None)
    assert amounts(of, "S") == (-6600, -6600, 1560, -6000, -6000, 800)
    assert position(of, "quantity", "cost", "cost_local") == (60, 9900, 9000)
    assert position(of, "realized_gain_loss", "realized_gain_loss_local") == (1560, 800)
    assert position(of, "trade_currency", "base_currency") == ("EUR", "USD")


def test_a_late_buy_changes_the_gain_of_the_sale_behind_it() -> None:
    buy = event("A", "BUY", "2024-01-10", quantity=10, price=100)
    sell = event("B", "SELL", "2024-02-01", quantity=10, price=150)
    late = event("C", "BUY", "2024-01-05", quantity=10, price=50)
    assert result(books(buy, sell), "B")["realized_gain_loss"] == 500
    assert result(books(buy, sell, late), "B")["realized_gain_loss"] == 1000


# -- types --


@pytest.mark.parametrize(
    ("kind", "amounts_expected", "quantity"),
    [
        ("BUY", (1000, 1003, None, 1000, 1003, None), 10),
        ("TRANSFER_IN", (1000, 1003, None, 1000, 1003, None), 10),
        ("DEPOSIT", (1000, 1003, None, 1000, 1003, None), 10),
        ("DIVIDEND", (0, 0, None, 0, 0, None), 0),
        ("INTEREST", (0, 0, None, 0, 0, None), 0),
        ("FEE", (1000, 1000, None, 1000, 1000, None), 0),
        ("TAX", (1000, 1000, None, 1000, 1000, None), 0),
    ],
)
def test_what_increases_and_neutral_types_cost(
    kind: str, amounts_expected: tuple[object, ...], quantity: int
) -> None:
    of = books(event("A", kind, "2024-01-01", quantity=10, price=100, trade_fee=3))
    assert amounts(of, "A") == amounts_expected
    assert disposals(of, "A") == []
    assert position(of, "quantity", "cost") == (quantity, 1003 if quantity else 0)


@pytest.mark.parametrize(
    ("kind", "gain"), [("SELL", 4 * 150 - 2 - 400), ("TRANSFER_OUT", None), ("WITHDRAWAL", None)]
)
def test_decreases_cost_what_they_relieve_and_only_a_sale_gains(
    kind: str, gain: int | None
) -> None:
    of = books(
        event("A", "BUY", "2024-01-01", quantity=10, price=100),
        event("B", kind, "2024-01-02", quantity=4, price=150, trade_fee=2),
    )
    assert amounts(of, "B") == (-400, -400, gain, -400, -400, gain)
    proceeds = None if gain is None else 598
    assert disposals(of, "B", "lot_id", "quantity", "cost", "proceeds", "realized_gain_loss") == [
        ("A", 4, 400, proceeds, gain)
    ]


def test_cash_takes_its_amount_for_its_quantity() -> None:
    of = books(
        event("A", "DEPOSIT", "2024-01-01", gross_transaction_amount="1000.5"),
        event("B", "WITHDRAWAL", "2024-01-02", gross_transaction_amount="200.25", quantity=0),
        event("C", "DEPOSIT", "2024-01-03", quantity=7, gross_transaction_amount="1"),
    )
    assert result(of, "A")["quantity"] is None
    assert result(of, "B")["quantity"] == 0
    assert position(of, "quantity", "cost") == (D("807.25"), D("801.25"))


def test_the_given_amount_wins_over_quantity_times_price() -> None:
    of = books(
        event("A", "BUY", "2024-01-01", quantity=3, price=100, gross_transaction_amount=301),
        event("B", "BUY", "2024-01-01", quantity="0.000001", price="0.0000005"),
        event("C", "BUY", "2024-01-01", quantity="0.000001", price="0.0000015"),
    )
    assert result(of, "A")["gross_cost"] == 301
    # 0.5 and 1.5 of the last place, half-even.
    assert result(of, "B")["gross_cost"] == 0
    assert result(of, "C")["gross_cost"] == D("0.000000000002")


def test_no_rate_is_used_where_the_currencies_are_equal() -> None:
    of = books(event("A", "BUY", "2024-01-01", quantity=1, price=10, fx_rate=7))
    assert amounts(of, "A") == (10, 10, None, 10, 10, None)


def test_amount_and_fee_become_base_each_rounded_on_its_own() -> None:
    half = "0.000000000001"
    of = books(
        event(
            "A", "BUY", "2024-01-01", quantity=1, gross_transaction_amount=half, trade_fee=half,
            fx_rate="1.5", trade_currency="EUR",
        )
    )  # fmt: skip
    # 1.5 steps become 2 twice; rounded together they would be 3.
    assert amounts(of, "A")[:2] == (D("0.000000000002"), D("0.000000000004"))


def test_without_a_portfolio_record_the_base_is_the_trade_currency() -> None:
    of = books(
        event("A", "BUY", "2024-01-01", quantity=1, price=10, trade_currency="EUR"),
        event("B", "DIVIDEND", "2024-01-02", gross_transaction_amount=1, trade_currency="CHF"),
        without_record=True,
    )
    assert outcome(of, "A") == outcome(of, "B") == ("BOOKED", None)
    assert result(of, "B")["base_currency"] == "CHF"
    columns = ("trade_currency", "base_currency", "cost_basis_method")
    assert position(of, *columns) == ("EUR", "EUR", "FIFO")
    assert of.portfolios == {}


# -- relief --

LADDER = [
    event("A", "BUY", "2024-01-01", quantity=10, price=20),
    event("B", "BUY", "2024-01-02", quantity=10, price=40),
    event("C", "BUY", "2024-01-03", quantity=10, price=10),
    event("D", "SELL", "2024-01-04", quantity=15, price=30, trade_fee=30),
]


@pytest.mark.parametrize(
    ("method", "relieved", "left"),
    [
        ("FIFO", [("A", 10, 200), ("B", 5, 200)], [("B", 5, 200), ("C", 10, 100)]),
        ("LIFO", [("C", 10, 100), ("B", 5, 200)], [("B", 5, 200), ("A", 10, 200)]),
        ("HIFO", [("B", 10, 400), ("A", 5, 100)], [("A", 5, 100), ("C", 10, 100)]),
        ("LOFO", [("C", 10, 100), ("A", 5, 100)], [("A", 5, 100), ("B", 10, 400)]),
        ("AVCO", [("POOL", 15, 350)], [("POOL", 15, 350)]),
    ],
)
def test_each_method_relieves_in_its_order(
    method: str, relieved: list[tuple[object, ...]], left: list[tuple[object, ...]]
) -> None:
    of = books(*LADDER, method=method)
    assert disposals(of, "D", "lot_id", "quantity", "cost") == relieved
    assert lots(of, "lot_id", "quantity", "cost") == left
    assert position(of, "open_lots", "quantity") == (len(left), 15)
    cost = sum(row[2] for row in relieved if isinstance(row[2], int))
    assert result(of, "D")["realized_gain_loss"] == 450 - 30 - cost


@pytest.mark.parametrize("method", ["HIFO", "LOFO"])
def test_lots_of_equal_unit_cost_go_oldest_first(method: str) -> None:
    of = books(
        event("B", "BUY", "2024-01-01", quantity=10, price=20),
        event("A", "BUY", "2024-01-02", quantity=5, price=20),
        event("C", "SELL", "2024-01-04", quantity=12, price=30),
        method=method,
    )
    assert disposals(of, "C", "lot_id", "quantity") == [("B", 10), ("A", 2)]


def test_hifo_looks_at_the_unit_cost_in_base_with_the_fee_of_the_opening() -> None:
    of = books(
        event("A", "BUY", "2024-01-01", quantity=1, price=10, fx_rate=3, trade_currency="EUR"),
        event(
            "B", "BUY", "2024-01-02", quantity=1, price=10, trade_fee=1, fx_rate="2.8",
            trade_currency="EUR",
        ),
        event("C", "BUY", "2024-01-03", quantity=1, price=12, fx_rate=2, trade_currency="EUR"),
        method="HIFO",
    )  # fmt: skip
    assert lots(of, "lot_id", "cost") == [("B", D("30.8")), ("A", 30), ("C", 24)]


def test_the_remainder_of_a_division_stays_in_the_lot() -> None:
    of = books(
        event("A", "BUY", "2024-01-01", quantity=3, gross_transaction_amount=10),
        event("B", "SELL", "2024-01-02", quantity=1, price=5),
        event("C", "SELL", "2024-01-03", quantity=1, price=5),
        event("D", "SELL", "2024-01-04", quantity=1, price=5),
    )
    thirds = [disposals(of, name, "cost")[0][0] for name in "BCD"]
    assert thirds == [D("3.333333333333"), D("3.333333333334"), D("3.333333333333")]
    assert position(of, "quantity", "cost", "open_lots") == (0, 0, 0)


def test_proceeds_are_split_by_quantity_and_the_last_takes_the_remainder() -> None:
    of = books(
        event("A", "BUY", "2024-01-01", quantity=1, price=1),
        event("B", "BUY", "2024-01-02", quantity=1, price=2),
        event("C", "BUY", "2024-01-03", quantity=1, price=3),
        event("D", "SELL", "2024-01-04", quantity=3, gross_transaction_amount=12, trade_fee=2),
    )
    assert disposals(of, "D", "proceeds", "realized_gain_loss") == [
        (D("3.333333333333"), D("2.333333333333")),
        (D("3.333333333333"), D("1.333333333333")),
        (D("3.333333333334"), D("0.333333333334")),
    ]


def test_the_pool_carries_the_date_of_the_increase_that_opened_it_since_it_was_empty() -> None:
    of = books(
        event("A", "BUY", "2024-01-01", quantity=1, price=10),
        event("B", "BUY", "2024-01-02", quantity=3, price=20),
        event("C", "SELL", "2024-01-03", quantity=4, price=20),
        event("D", "BUY", "2024-01-04", quantity=2, price=5),
        event("E", "BUY", "2024-01-05", quantity=1, price=7),
        method="AVCO",
    )
    assert disposals(of, "C", "lot_id", "acquired_at", "cost") == [
        ("POOL", datetime(2024, 1, 1, tzinfo=UTC), 70)
    ]
    assert lots(of, "acquired_at", "opened_quantity", "cost") == [
        (datetime(2024, 1, 4, tzinfo=UTC), 3, 17)
    ]


def test_one_instant_is_booked_increases_first_decreases_last_then_by_id() -> None:
    of = books(
        event("A", "SELL", "2024-01-01", quantity=1, price=10),
        event("b", "BUY", "2024-01-01", quantity=1, price=1),
        event("Z", "BUY", "2024-01-01", quantity=1, price=2),
    )
    assert disposals(of, "A", "lot_id") == [("Z",)]


# -- checks --


def test_a_missing_rate_is_pending_before_anything_else_is_looked_at() -> None:
    of = books(
        event("A", "BUY", "2024-01-01", quantity=1, price=10),
        event("B", "SELL", "2024-01-02", quantity=9, price=10, trade_currency="EUR"),
        event("C", "DIVIDEND", "2024-01-02", gross_transaction_amount=1, trade_currency="EUR"),
    )
    assert outcome(of, "B") == outcome(of, "C") == ("PENDING", "fx_rate_must_be_known")
    assert amounts(of, "B") == (None,) * 6
    assert result(of, "B")["base_currency"] == "USD"


def test_transfers_out_need_no_rate() -> None:
    in_eur = {"trade_currency": "EUR"}
    of = books(
        event("A", "BUY", "2024-01-01", quantity=3, price=10, fx_rate=2, **in_eur),
        event("B", "TRANSFER_OUT", "2024-01-02", quantity=1, **in_eur),
        event("C", "WITHDRAWAL", "2024-01-02", gross_transaction_amount=1, **in_eur),
    )
    assert amounts(of, "B") == amounts(of, "C") == (-20, -20, None, -10, -10, None)


def test_another_currency_than_that_of_the_first_booked_increase_is_rejected() -> None:
    in_eur = {"trade_currency": "EUR"}
    of = books(
        event("0", "BUY", "2024-01-01", quantity=3, price=10, **in_eur),  # pending: sets nothing
        event("A", "BUY", "2024-01-02", quantity=3, price=10),
        event("B", "BUY", "2024-01-03", quantity=3, price=10, fx_rate=2, **in_eur),
        event("C", "SELL", "2024-01-03", quantity=9, price=10, fx_rate=2, **in_eur),
        event("D", "FEE", "2024-01-03", gross_transaction_amount=10, fx_rate=2, **in_eur),
        event("E", "SELL", "2024-01-04", quantity=3, price=10),
        event("F", "BUY", "2024-01-05", quantity=3, price=10, fx_rate=2, **in_eur),
    )
    mismatch = ("REJECTED", "trade_currency_must_match_the_holding")
    assert outcome(of, "B") == outcome(of, "C") == mismatch
    assert amounts(of, "D") == (20, 20, None, 10, 10, None)
    # An emptied holding keeps its currency.
    assert outcome(of, "F") == mismatch


def test_selling_more_than_is_held_is_rejected_and_says_both_quantities() -> None:
    of = books(
        event("A", "BUY", "2024-01-01", quantity=10, price=10),
        event("B", "SELL", "2024-01-02", quantity="12.50", price=10),
        event("C", "SELL", "2024-01-03", quantity=10, price=10),
    )
    assert outcome(of, "B") == ("REJECTED", "quantity_must_not_exceed_holding")
    assert result(of, "B")["detail"] == "12.5 10"
    assert outcome(of, "C") == ("BOOKED", None)


def test_amounts_of_10_to_the_26_do_not_fit() -> None:
    most = "999999999999999"
    of = books(
        event("A", "BUY", "2024-01-01", quantity=most, price="99999999999"),
        event("B", "BUY", "2024-01-02", quantity=most, price="100000000001"),
        event("C", "BUY", "2024-01-02", quantity=1, price=10),  # the total would reach it
        event("D", "DIVIDEND", "2024-01-02", quantity=most, price=most),
        event("E", "TRANSFER_OUT", "2024-01-03", quantity=1, price=most),
    )
    rejected = ("REJECTED", "amount_must_fit")
    assert outcome(of, "B") == outcome(of, "D") == rejected
    assert outcome(of, "A") == outcome(of, "C") == outcome(of, "E") == ("BOOKED", None)


def test_a_total_of_10_to_the_26_does_not_fit() -> None:
    half = {"quantity": "500000000000000", "price": "100000000000"}
    of = books(
        event("A", "BUY", "2024-01-01", **half),
        event("B", "BUY", "2024-01-02", **half),
        event("C", "SELL", "2024-01-03", quantity="500000000000000", price="200000000000"),
        event("D", "SELL", "2024-01-03", quantity="500000000000000", price="199999999999.9"),
    )
    rejected = ("REJECTED", "amount_must_fit")
    assert outcome(of, "A") == ("BOOKED", None)
    assert outcome(of, "B") == outcome(of, "C") == rejected
    assert outcome(of, "D") == ("BOOKED", None)


# -- identity, versions, positions --

FIRST = event("A", "BUY", "2024-01-01", quantity=10, price=20)
SECOND = event("A", "BUY", "2024-01-03", quantity=1, price=20, security_id="T", version=2)


def test_a_correction_moves_the_transaction_whichever_arrives_first() -> None:
    for order in permutations([FIRST, SECOND]):
        of = books(*order)
        assert set(of.positions) == {("P", "T")}
        assert result(of, "A")["version"] == 2
        assert of.dead == []


def test_a_cancellation_voids_and_a_still_higher_version_revives() -> None:
    cancel: Row = {"portfolio_id": "P", "transaction_id": "A", "transaction_type": "CANCEL"}
    for order in permutations([FIRST, cancel | {"version": 2}]):
        of = books(*order)
        assert of.positions == {}
        row = result(of, "A")
        assert (row["status"], row["transaction_type"], row["version"]) == (
            "CANCELLED",
            "CANCEL",
            2,
        )
        assert row["security_id"] is row["trade_fee"] is row["base_currency"] is None
    for order in permutations([FIRST, cancel | {"version": "2"}, FIRST | {"version": 3}]):
        assert outcome(books(*order), "A") == ("BOOKED", None)


def test_a_duplicate_changes_nothing_however_it_is_spelled() -> None:
    again = FIRST | {
        "transaction_date": "2024-01-01T01:00:00.000+01:00",
        "quantity": "10.00",
        "trade_fee": 0,
        "version": "1",
        "currency": None,
    }
    of = books(FIRST, again)
    assert of.outcomes == {"booked": 1, "duplicate": 1}
    assert result(of, "A")["source_offset"] == 0


def test_of_two_contents_under_one_version_the_first_to_arrive_stays() -> None:
    other = FIRST | {"price": 21}
    of = books(FIRST, other)
    assert result(of, "A")["price"] == 20
    assert [record.offset for record in of.dead] == [1]
    # Where a higher version is known the lower ones are all just superseded.
    assert books(SECOND, FIRST, other).outcomes == {"booked": 1, "superseded": 2}


def test_a_holding_of_rejected_transactions_has_a_position_of_zero_units() -> None:
    of = books(event("A", "SELL", "2024-01-01", quantity=1, price=1))
    names = ("quantity", "open_lots", "first_transaction_date", "trade_currency", "base_currency")
    assert position(of, *names) == (0, 0, None, None, "USD")


def test_the_dates_of_a_position_are_those_of_booked_transactions() -> None:
    of = books(
        event("A", "SELL", "2024-01-01", quantity=1, price=1),
        event("B", "BUY", "2024-01-02", quantity=1, price=1),
        event("C", "FEE", "2024-01-03T10:00:00.5-02:00", gross_transaction_amount=1),
    )
    assert position(of, "first_transaction_date", "last_transaction_date") == (
        datetime(2024, 1, 2, tzinfo=UTC),
        datetime(2024, 1, 3, 12, 0, 0, 500_000, tzinfo=UTC),
    )


def test_a_later_portfolio_record_rebooks_everything_under_its_method() -> None:
    first: Row = {"portfolio_id": "P", "base_currency": "USD", "cost_basis_method": "FIFO"}
    second = first | {"cost_basis_method": "LIFO", "version": 2}
    for order in permutations([first, second]):
        of = expected(records("raw_transactions", LADDER), records("portfolios", list(order)))
        assert disposals(of, "D", "lot_id") == [("C",), ("B",)]
        assert of.portfolios["P"]["cost_basis_method"] == "LIFO"
