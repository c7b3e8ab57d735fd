"""What of the topic of instruments changed what is cash, and where."""

import pytest

from calculator import CashManagement, CashRole
from calculator.cash import cash_role
from reports.instruments import Instrument
from streams.known_cash import KnownCash
from streams.known_prices import KnownInstruments
from wire import reference


def test_only_what_changes_what_is_cash_is_followed() -> None:
    found = KnownCash()
    for offset, (security_id, is_cash) in enumerate(
        (("A", False), ("B", True), ("B", True), ("C", True), ("B", False), ("A", False)), 10
    ):
        found.keep(offset, security_id, is_cash=is_cash)
    assert found.move(16)
    assert found.securities == {"C"}
    assert found.since(0, 9) == (["B", "C", "B"], 16)
    assert found.since(11, 9) == (["B", "C", "B"], 16)
    assert found.since(12, 9) == (["C", "B"], 16)
    assert found.since(15, 9) == found.since(16, 9) == ([], 16)
    assert found.since(0, 2) == (["B", "C"], 14)
    assert found.since(14, 2) == (["B"], 16)


def test_whoever_moves_is_told_whether_anything_changed() -> None:
    found = KnownCash()
    found.keep(0, "A", is_cash=False)
    assert not found.move(1)
    found.keep(1, "A", is_cash=True)
    assert found.move(2)
    found.keep(2, "A", is_cash=True)
    assert not found.move(3)


def test_what_was_kept_and_not_moved_past_is_cash_and_not_followed_yet() -> None:
    found = KnownCash()
    found.keep(3, "A", is_cash=True)
    assert (found.securities, found.since(0, 9)) == ({"A"}, ([], 0))
    found.move(4)
    assert found.since(0, 9) == (["A"], 4)


@pytest.mark.parametrize(
    ("asset_class", "product_type", "is_cash"),
    [
        ("cash", None, True),
        ("CASH", "Fund", True),
        ("Equity", "Cash", True),
        (None, "cAsH", True),
        (None, None, False),
        ("Cash Fund", "Account", False),
        ("Equity", None, False),
    ],
)
def test_books_and_values_take_the_same_for_cash(
    asset_class: str | None, product_type: str | None, is_cash: bool
) -> None:
    cash, sent = KnownCash(), reference.Instrument(
        security_id="S", instrument_currency="USD", asset_class=asset_class,
        product_type=product_type,
    )  # fmt: skip
    KnownInstruments(lambda _: None, cash).keep(0, sent)
    assert ("S" in cash.securities) is is_cash
    assert Instrument("S", asset_class=asset_class, product_type=product_type).is_cash is is_cash


@pytest.mark.parametrize("name", ["CASH", "CASH_USD", "CASH_US", "CASH_usd", "CASHUSD", "XCASH"])
def test_and_the_same_names(name: str) -> None:
    role = cash_role(CashManagement.EXPLICIT, name, is_cash=False)
    assert Instrument(name).is_cash is (role is CashRole.HELD)
