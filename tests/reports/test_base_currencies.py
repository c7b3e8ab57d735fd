"""Portfolios without a record: each transaction is kept in its own currency."""

from datetime import date

import pytest

from reports.history import read_history
from reports.limits import Limits
from reports.performance import performance
from reports.questions import Asked, SeveralBaseCurrencies
from tests.reports.conftest import looking
from tests.reports.filled import book, trade

ASKED = Asked(to=date(2024, 1, 31))


def test_a_fee_in_another_currency_than_the_trades_is_not_added_to_them(migrated: str) -> None:
    book(
        migrated,
        [
            trade("B", "BUY", "2024-01-02", "1", "100", currency="EUR"),
            trade("F", "FEE", "2024-01-03", amount="5", currency="USD"),
        ],
    )
    with looking(migrated) as snapshot:
        history = read_history(snapshot, "P1", ASKED.to, has_local=False)
        assert history.base_currency is history.holdings["ACME"].base_currency is None
        for security_id in (None, "ACME"):
            asked = Asked(to=ASKED.to, security_id=security_id)
            with pytest.raises(SeveralBaseCurrencies):
                performance(snapshot, "P1", asked, Limits())


def test_one_currency_is_the_base_of_all(migrated: str) -> None:
    book(
        migrated,
        [
            trade("B", "BUY", "2024-01-02", "1", "100", currency="EUR"),
            trade("F", "FEE", "2024-01-03", amount="5", currency="EUR"),
        ],
    )
    with looking(migrated) as snapshot:
        found = performance(snapshot, "P1", ASKED, Limits())
    assert found is not None
    assert found.base_currency == "EUR"
