from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal, FloatOperation, localcontext

import pytest

from calculator import (
    POOL,
    Booked,
    Holding,
    Lot,
    Transaction,
    TransactionType,
    book,
    plain,
)
from tests.calculator.trading import METHODS, a_holding, a_lot, book_on, taken, trade

COLUMNS = (
    "gross_cost_local", "net_cost_local", "realized_gain_loss_local",
    "gross_cost", "net_cost", "realized_gain_loss",
)  # fmt: skip


def columns(outcome: Booked) -> list[str | None]:
    values = [getattr(outcome, name) for name in COLUMNS]
    return [None if value is None else plain(value) for value in values]


INCREASE_ROW = ["1000", "1010", None]
INCOME_ROW = ["0", "0", None]
CHARGE_ROW = ["1000", "1000", None]
# The lot: 10 units for 500 USD, which were 400 CHF on the day. Half of it goes.
TABLE: dict[str, tuple[list[str | None], list[str | None]]] = {
    "BUY": (INCREASE_ROW, ["900", "909", None]),
    "TRANSFER_IN": (INCREASE_ROW, ["900", "909", None]),
    "DEPOSIT": (INCREASE_ROW, ["900", "909", None]),
    "DIVIDEND": (INCOME_ROW, INCOME_ROW),
    "INTEREST": (INCOME_ROW, INCOME_ROW),
    "FEE": (CHARGE_ROW, ["900", "900", None]),
    "TAX": (CHARGE_ROW, ["900", "900", None]),
    "SELL": (["-250", "-250", "740"], ["-200", "-200", "691"]),
    "TRANSFER_OUT": (["-250", "-250", None], ["-200", "-200", None]),
    "WITHDRAWAL": (["-250", "-250", None], ["-200", "-200", None]),
}


def test_the_table_of_columns_names_every_type() -> None:
    assert set(TABLE) == set(TransactionType)


@pytest.mark.parametrize("transaction_type", TransactionType)
def test_each_type_fills_its_columns_in_both_currencies(transaction_type: str) -> None:
    holding = a_holding(a_lot("B", 0, "10", "400", "500"), base="CHF")
    transaction = trade("t", transaction_type, 1, 5, amount=1000, fee=10, fx_rate="0.9")
    local, base = TABLE[transaction_type]
    assert columns(book_on(holding, transaction)) == local + base


@pytest.mark.parametrize("transaction_type", TransactionType)
@pytest.mark.parametrize("fx_rate", [None, "0.9"])
@pytest.mark.parametrize("base", [None, "USD"])
def test_in_one_currency_both_halves_are_the_same_and_the_rate_is_not_used(
    transaction_type: str, fx_rate: str | None, base: str | None
) -> None:
    holding = a_holding(a_lot("B", 0, "10", "500"), base=base)
    transaction = trade("t", transaction_type, 1, 5, amount=1000, fee=10, fx_rate=fx_rate)
    local, _ = TABLE[transaction_type]
    assert columns(book_on(holding, transaction)) == local + local


@pytest.mark.parametrize("transaction_type", TransactionType)
def test_the_amount_is_quantity_times_price_where_it_is_not_given(transaction_type: str) -> None:
    holding = a_holding(a_lot("B", 0, "10", "400", "500"), base="CHF")
    transaction = trade("t", transaction_type, 1, 5, 200, fee=10, fx_rate="0.9")
    local, base = TABLE[transaction_type]
    assert columns(book_on(holding, transaction)) == local + base


def test_where_price_and_amount_are_given_the_amount_wins() -> None:
    outcome = book_on(a_holding(), trade("t", "BUY", 0, 5, 1, amount=1000))
    assert plain(outcome.gross_cost) == "1000"


def test_an_amount_of_zero_is_an_amount() -> None:
    outcome = book_on(a_holding(), trade("t", "BUY", 0, 5, 3, amount=0))
    assert plain(outcome.net_cost) == "0"


@pytest.mark.parametrize(
    ("quantity", "price", "amount"),
    [
        ("0.000000000001", "0.5", "0"),  # a tie, down to the even one
        ("0.000000000003", "0.5", "0.000000000002"),  # a tie, up to the even one
        ("0.000000000001", "0.500000000001", "0.000000000001"),
        ("3.333333333333", "3", "9.999999999999"),
    ],
)
def test_quantity_times_price_is_rounded_half_even_to_twelve_places(
    quantity: str, price: str, amount: str
) -> None:
    outcome = book_on(a_holding(), trade("t", "BUY", 0, quantity, price))
    assert plain(outcome.gross_cost) == amount


def test_amount_and_fee_become_base_currency_each_for_itself() -> None:
    # Together 0.5e-12 + 0.5e-12 would be a whole step; each alone rounds to none.
    transaction = trade("t", "BUY", 0, 1, amount="0.000000000001", fee="0.000000000001",
                        fx_rate="0.5")  # fmt: skip
    outcome = book_on(a_holding(base="CHF"), transaction)
    assert columns(outcome)[3:5] == ["0", "0"]


def test_proceeds_and_fee_of_a_sale_become_base_currency_each_for_itself() -> None:
    """0.5e-12 is a tie, down to zero; a fee that was not rounded would leave half a step."""
    holding = a_holding(a_lot("B", 0, "1", "0", "0"), base="CHF")
    sale = trade("t", "SELL", 1, 1, amount=1, fee="0.000000000001", fx_rate="0.5")
    assert columns(book_on(holding, sale))[5] == "0.5"


def test_a_rate_beside_equal_currencies_is_ignored_even_where_it_is_absurd() -> None:
    transaction = trade("t", "BUY", 0, 1, 5, fx_rate="999999999")
    assert plain(book_on(a_holding(base="USD"), transaction).net_cost) == "5"


@pytest.mark.parametrize(("kind", "quantity"), [("DEPOSIT", None), ("DEPOSIT", 0), ("DEPOSIT", 70)])
def test_a_deposit_takes_its_amount_where_it_has_no_quantity(
    kind: str, quantity: int | None
) -> None:
    outcome = book_on(a_holding(), trade("t", kind, 0, quantity, amount=100))
    assert outcome.lot is not None
    assert plain(outcome.lot.quantity) == str(quantity or 100)


@pytest.mark.parametrize("quantity", [None, 0])
def test_a_withdrawal_takes_its_amount_where_it_has_no_quantity(quantity: int | None) -> None:
    holding = a_holding(a_lot("B", 0, "100", "100"))
    outcome = book_on(holding, trade("t", "WITHDRAWAL", 1, quantity, amount=40))
    assert taken(outcome) == [("B", "40", "40")]


def test_an_increase_opens_a_lot_with_its_whole_cost_fee_included() -> None:
    outcome = book_on(a_holding(base="CHF"), trade("t", "BUY", 3, 4, 25, fee=1, fx_rate="0.5"))
    assert outcome.lot == a_lot("t", 3, "4", "50.5", "101")
    assert outcome.disposals == ()


def test_the_remainder_of_a_division_stays_in_the_lot() -> None:
    holding = a_holding(a_lot("B", 0, "3", "100"))
    outcome = book_on(holding, trade("t", "SELL", 1, 1, 50))
    assert taken(outcome) == [("B", "1", "33.333333333333")]
    assert outcome.lot is not None
    assert plain(outcome.lot.cost) == "66.666666666667"


def test_all_of_a_lot_takes_all_of_its_cost() -> None:
    holding = a_holding(a_lot("B", 0, "3", "33.333333333334"))
    outcome = book_on(holding, trade("t", "SELL", 1, 3, 50))
    assert taken(outcome) == [("B", "3", "33.333333333334")]
    assert outcome.lot is None


def test_a_share_is_exact_before_it_is_rounded_however_many_digits_it_has() -> None:
    # cost * taken has 50 digits; with 28 of them the last place would be wrong.
    cost, quantity = "99999999999999999999999999.999999999999", "3.000000000001"
    holding = a_holding(a_lot("B", 0, quantity, cost))
    outcome = book_on(holding, trade("t", "TRANSFER_OUT", 1, "1.000000000001"))
    exact = (10**38 - 1) * 1000000000001 * 2 // 3000000000001
    assert outcome.disposals[0].cost == Decimal(f"{(exact + 1) // 2}E-12")


def test_proceeds_are_shared_by_quantity_and_the_last_disposal_takes_the_remainder() -> None:
    lots = [a_lot(f"B{day}", day, "1", "10") for day in range(3)]
    transaction = trade("t", "SELL", 3, 3, amount=100, fee=0)
    outcome = book_on(a_holding(*lots), transaction)
    proceeds = [plain(part.proceeds or Decimal(-1)) for part in outcome.disposals]
    assert proceeds == ["33.333333333333", "33.333333333333", "33.333333333334"]


def test_proceeds_are_rounded_in_each_currency_for_itself() -> None:
    lots = [a_lot(f"B{day}", day, "1", "10", "20") for day in range(3)]
    transaction = trade("t", "SELL", 3, 3, amount=100, fee=1, fx_rate="0.5")
    outcome = book_on(a_holding(*lots, base="CHF"), transaction)
    shares = [(part.proceeds_local, part.proceeds) for part in outcome.disposals]
    assert shares == [(Decimal(33), Decimal("16.5"))] * 3
    assert plain(outcome.realized_gain_loss or Decimal(-1)) == "19.5"
    assert plain(outcome.realized_gain_loss_local or Decimal(-1)) == "39"


def test_the_fee_of_a_sale_may_be_larger_than_its_amount() -> None:
    outcome = book_on(a_holding(a_lot("B", 0, "1", "10")), trade("t", "SELL", 1, 1, 2, fee=5))
    assert plain(outcome.realized_gain_loss or Decimal(0)) == "-13"


@pytest.mark.parametrize("transaction_type", ["TRANSFER_OUT", "WITHDRAWAL"])
def test_only_a_sale_has_proceeds_and_gains(transaction_type: str) -> None:
    holding = a_holding(a_lot("B", 0, "10", "100"))
    outcome = book_on(holding, trade("t", transaction_type, 1, 4, 20, fee=3))
    (part,) = outcome.disposals
    assert (part.proceeds, part.proceeds_local, part.realized_gain_loss) == (None, None, None)
    assert outcome.realized_gain_loss is None


def test_gains_of_the_disposals_add_up_to_the_gain_of_the_sale() -> None:
    lots = [a_lot(f"B{day}", day, "7", "33", "31") for day in range(3)]
    transaction = trade("t", "SELL", 3, 17, amount="100.01", fee="0.07", fx_rate="1.37")
    outcome = book_on(a_holding(*lots, base="CHF"), transaction)
    assert sum(part.realized_gain_loss or 0 for part in outcome.disposals) == (
        outcome.realized_gain_loss
    )
    assert sum(part.realized_gain_loss_local or 0 for part in outcome.disposals) == (
        outcome.realized_gain_loss_local
    )


# -- purity


class ReadCounting:
    """Lots that count how many of them are read."""

    def __init__(self, lots: Iterable[Lot]) -> None:
        self.lots = list(lots)
        self.reads = 0

    def __iter__(self) -> Iterator[Lot]:
        for lot in self.lots:
            self.reads += 1
            yield lot


@pytest.mark.parametrize(
    ("transaction", "reads"),
    [
        (trade("t", "BUY", 9, 1, 1), 0),
        (trade("t", "DIVIDEND", 9, amount=1), 0),
        (trade("t", "SELL", 9, 1, 1), 1),
        (trade("t", "SELL", 9, 10, 1), 1),
        (trade("t", "SELL", 9, 11, 1), 2),
        (trade("t", "SELL", 9, 30, 1), 3),
        (trade("t", "SELL", 9, 1, amount="1" + "0" * 26), 0),
        (trade("t", "SELL", 9, 999, 1), 0),
    ],
)
def test_booking_reads_no_more_lots_than_it_relieves(transaction: Transaction, reads: int) -> None:
    holding = a_holding(*(a_lot(f"B{day}", day, "10", "100") for day in range(8)))
    lots = ReadCounting(holding.lots)
    book(holding, lots, transaction)
    assert lots.reads == reads


@pytest.mark.parametrize("method", METHODS)
def test_booking_changes_neither_the_holding_nor_its_lots(method: str) -> None:
    holding = a_holding(
        a_lot(POOL if method == "AVCO" else "B", 0, "10", "100"), method=method, base="CHF"
    )
    before = [getattr(holding, name, None) for name in Holding.__slots__ if name != "lots"]
    lots = list(holding.lots)
    for kind in TransactionType:
        book(holding, holding.lots, trade("t", kind, 1, 3, 20, fee=1, fx_rate="0.9"))
    assert [getattr(holding, name, None) for name in Holding.__slots__ if name != "lots"] == before
    assert list(holding.lots) == lots


def test_the_same_booking_twice_is_the_same_outcome() -> None:
    holding = a_holding(a_lot("B", 0, "3", "100"))
    transaction = trade("t", "SELL", 1, 1, 50)
    assert book_on(holding, transaction) == book_on(holding, transaction)


def test_the_context_of_the_caller_does_not_matter() -> None:
    holding = a_holding(a_lot("B", 0, "3", "100"))
    transaction = trade("t", "SELL", 1, 1, 50)
    expected = book_on(holding, transaction)
    with localcontext(prec=3, rounding="ROUND_UP"):
        assert book_on(holding, transaction) == expected


FLOATS = [
    (transaction_type, field)
    for transaction_type, fields in {
        "BUY": ("quantity", "price", "gross_transaction_amount", "trade_fee", "fx_rate"),
        "SELL": ("quantity", "price", "gross_transaction_amount", "trade_fee", "fx_rate"),
        "FEE": ("quantity", "price", "gross_transaction_amount", "fx_rate"),
        "DIVIDEND": ("quantity", "price", "gross_transaction_amount", "fx_rate"),
        "TRANSFER_OUT": ("quantity",),
    }.items()
    for field in fields
]


@pytest.mark.parametrize(("transaction_type", "field"), FLOATS)
def test_a_float_never_becomes_a_cost(transaction_type: str, field: str) -> None:
    transaction = trade("t", transaction_type, 1, 1, 5, fee=1, fx_rate="0.9")
    spoiled = replace(transaction, **{field: 0.1})  # type: ignore[arg-type]
    holding = a_holding(a_lot("B", 0, "10", "100"), base="CHF")
    with pytest.raises((FloatOperation, TypeError)):
        book(holding, holding.lots, spoiled)


def test_lots_that_do_not_add_up_to_the_holding_are_our_bug_and_stop_everything() -> None:
    holding = a_holding(a_lot("B", 0, "1", "1"))
    holding.quantity = Decimal(2)
    with pytest.raises(AssertionError):
        book(holding, holding.lots, trade("t", "SELL", 1, 2, 1))
