from decimal import Decimal

import pytest

from calculator import Booked, Holding, Reason, Rejection, Transaction, book, plain
from calculator.booking import LOTS_RELIEVED_MAX
from tests.calculator.trading import (
    a_holding,
    a_lot,
    book_on,
    booked,
    refused,
    settled,
    taken,
    trade,
)

# -- refusals, in the order of precedence

ENORMOUS = "99999999999999999999999999"  # 10^26 - 1
CROWDED = a_holding(*(a_lot(f"B{n:05}", 0, "1", "1") for n in range(LOTS_RELIEVED_MAX + 1)))
CASES: dict[Reason, tuple[Holding, Transaction, str]] = {
    Reason.FX_RATE_MUST_BE_KNOWN: (
        a_holding(base="CHF"),
        trade("t", "BUY", 0, 1, 5),
        "needs the rate from USD to CHF",
    ),
    Reason.TRADE_CURRENCY_MUST_MATCH_THE_HOLDING: (
        a_holding(currency="EUR"),
        trade("t", "BUY", 0, 1, 5),
        "traded in USD, held in EUR",
    ),
    Reason.QUANTITY_MUST_NOT_EXCEED_HOLDING: (
        a_holding(a_lot("B", 0, "10", "100")),
        trade("t", "SELL", 1, "12.50", 5),
        "needs 12.5, holds 10",
    ),
    Reason.AMOUNT_MUST_FIT: (
        a_holding(),
        trade("t", "BUY", 0, 1, amount=ENORMOUS, fee=1),
        "an amount or total would be 100000000000000000000000000, which must stay below 10^26",
    ),
    Reason.LOTS_MUST_FIT: (
        CROWDED,
        trade("t", "TRANSFER_OUT", 1, LOTS_RELIEVED_MAX + 1),
        "takes more than 50000 lots; bring it in parts",
    ),
}


def test_every_reason_has_its_case() -> None:
    assert list(CASES) == list(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_names_its_reason_and_says_what_is_needed_and_what_there_is(
    reason: Reason,
) -> None:
    holding, transaction, detail = CASES[reason]
    assert refused(holding, transaction) == Rejection(reason, detail)


def test_of_several_reasons_the_first_is_given() -> None:
    """One sale that breaks all of them, mended one by one."""
    full = a_lot("B", 0, "10", "100")
    huge = "1" + "0" * 26
    broken = trade("t", "SELL", 1, 11, amount=huge)
    reasons = [
        refused(a_holding(full, base="CHF", currency="EUR"), broken).reason,
        refused(a_holding(full, currency="EUR"), broken).reason,
        refused(a_holding(full), broken).reason,
        refused(a_holding(full), trade("t", "SELL", 1, 10, amount=huge)).reason,
        refused(CROWDED, trade("t", "SELL", 1, LOTS_RELIEVED_MAX + 1, amount=1)).reason,
    ]
    assert reasons == list(Reason)


def test_as_many_lots_as_a_result_can_name_are_relieved_at_once() -> None:
    whole, half = str(LOTS_RELIEVED_MAX), f"{LOTS_RELIEVED_MAX}.5"
    outcome = book(CROWDED, CROWDED.lots, trade("t", "SELL", 1, whole, 2))
    assert isinstance(outcome, Booked)
    assert len(outcome.disposals) == LOTS_RELIEVED_MAX
    # The half lot would be one more.
    assert refused(CROWDED, trade("t", "SELL", 1, half, 2)).reason is Reason.LOTS_MUST_FIT


@pytest.mark.parametrize("transaction_type", ["TRANSFER_OUT", "WITHDRAWAL"])
def test_a_decrease_that_uses_no_amount_needs_neither_rate_nor_amount(
    transaction_type: str,
) -> None:
    holding = a_holding(a_lot("B", 0, "10", "100"), base="CHF")
    outcome = book_on(holding, trade("t", transaction_type, 1, 10, amount="1" + "0" * 30))
    assert taken(outcome) == [("B", "10", "100")]


@pytest.mark.parametrize("transaction_type", ["DIVIDEND", "INTEREST", "FEE", "TAX"])
def test_income_and_charges_may_be_in_another_currency_than_the_holding(
    transaction_type: str,
) -> None:
    holding = a_holding(a_lot("B", 0, "10", "100"), currency="EUR")
    assert book_on(holding, trade("t", transaction_type, 1, amount=5)).lot is None


@pytest.mark.parametrize("transaction_type", ["DIVIDEND", "INTEREST", "FEE", "TAX", "SELL", "BUY"])
def test_all_but_two_types_wait_for_the_rate(transaction_type: str) -> None:
    holding = a_holding(a_lot("B", 0, "10", "100"), base="CHF")
    refusal = refused(holding, trade("t", transaction_type, 1, 1, 5))
    assert refusal.reason is Reason.FX_RATE_MUST_BE_KNOWN
    assert refusal.status == "PENDING"


@pytest.mark.parametrize(
    ("transaction", "fits"),
    [
        (trade("t", "BUY", 1, 1, amount="99999999999999999999999999.999999999999"), True),
        (trade("t", "BUY", 1, 1, amount=ENORMOUS, fee=1), False),  # net cost
        (trade("t", "BUY", 1, 1, amount=ENORMOUS, fee="0.999999999999"), True),
        (trade("t", "BUY", 1, "999999999999999", "999999999999999"), False),  # amount
        (trade("t", "BUY", 1, "1" + "0" * 26, 0), False),  # quantity
        (trade("t", "DIVIDEND", 1, amount="1" + "0" * 26), False),  # amount, though it costs 0
        (trade("t", "FEE", 1, amount="1" + "0" * 26), False),
        (trade("t", "FEE", 1, amount=ENORMOUS), True),
    ],
)
def test_amounts_and_quantities_stay_below_ten_to_the_26(
    transaction: Transaction, fits: bool
) -> None:
    outcome = book(a_holding(), (), transaction)
    assert isinstance(outcome, Booked) is fits
    if not fits:
        assert isinstance(outcome, Rejection)
        assert outcome.reason is Reason.AMOUNT_MUST_FIT


@pytest.mark.parametrize("transaction_type", ["BUY", "FEE", "DIVIDEND", "SELL"])
def test_the_amount_in_base_currency_must_fit_too(transaction_type: str) -> None:
    holding = a_holding(a_lot("B", 0, "10", "100"), base="CHF")
    half = trade("t", transaction_type, 1, 1, amount="5" + "0" * 25, fx_rate="1.999")
    whole = trade("t", transaction_type, 1, 1, amount="5" + "0" * 25, fx_rate="2")
    assert isinstance(book(holding, holding.lots, half), Booked)
    assert refused(holding, whole).reason is Reason.AMOUNT_MUST_FIT


@pytest.mark.parametrize("total", ["quantity", "cost", "cost_local"])
def test_totals_of_the_holding_must_fit(total: str) -> None:
    holding = a_holding(a_lot("B", 0, "1", "1"))
    setattr(holding, total, Decimal(ENORMOUS))
    assert refused(holding, trade("t", "BUY", 1, 1, 1)).reason is Reason.AMOUNT_MUST_FIT
    assert isinstance(book(holding, (), trade("t", "BUY", 1, "0.5", 1)), Booked)


@pytest.mark.parametrize("total", ["realized_gain_loss", "realized_gain_loss_local"])
@pytest.mark.parametrize(("gain_so_far", "price"), [(ENORMOUS, 2), (f"-{ENORMOUS}", 0)])
def test_gains_so_far_must_fit_up_and_down(total: str, gain_so_far: str, price: int) -> None:
    holding = a_holding(a_lot("B", 0, "1", "1"))
    assert isinstance(book(holding, holding.lots, trade("t", "SELL", 1, 1, price)), Booked)
    setattr(holding, total, Decimal(gain_so_far))
    assert refused(holding, trade("t", "SELL", 1, 1, price)).reason is Reason.AMOUNT_MUST_FIT


def test_the_first_booked_increase_gives_the_holding_its_currency() -> None:
    """Not the first to arrive, and not one that was refused."""
    ledger = settled(
        trade("B1", "BUY", 1, 1, 5, currency="EUR"),
        trade("B2", "BUY", 2, 1, 5),
        trade("B0", "BUY", 0, 1, 5),
    )
    assert plain(booked(ledger, "B0").net_cost) == "5"
    assert plain(booked(ledger, "B2").net_cost) == "5"
    entry = ledger.journal.entry("P", "B1")
    assert entry is not None
    assert entry.outcome == Rejection(
        Reason.TRADE_CURRENCY_MUST_MATCH_THE_HOLDING, "traded in EUR, held in USD"
    )
