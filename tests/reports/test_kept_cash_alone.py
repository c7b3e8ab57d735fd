"""A cash holding by itself, in a portfolio that keeps cash."""

from datetime import date

from reports.limits import Limits
from reports.timeseries import time_series
from tests.reports.conftest import looking
from tests.reports.filled import book, portfolio, trade


def test_interest_that_stays_in_it_is_no_flow_out_of_it(migrated: str) -> None:
    book(
        migrated,
        [
            trade("D", "DEPOSIT", "2024-01-02", amount="1000", security_id="CASH_USD"),
            trade("I", "INTEREST", "2024-01-03", amount="10", security_id="CASH_USD"),
        ],
        portfolio("USD", cash="explicit"),
    )
    with looking(migrated) as snapshot:
        found = time_series(snapshot, "P1", None, date(2024, 1, 3), "CASH_USD", Limits())
    assert found is not None
    assert [day.end_value for day in found.days] == [1000, 1010]
    assert [day.flow_at_end for day in found.days] == [0, 0]
