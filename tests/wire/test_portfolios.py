"""What a well-formed portfolio event means."""

from datetime import date

import pytest

from calculator import CashManagement, Portfolio, ReliefMethod
from tests.wire.events import PORTFOLIO, text_of
from wire.portfolios import decode_portfolio


def test_every_field_arrives_where_it_belongs() -> None:
    text = text_of(
        PORTFOLIO
        | {"name": "Mémoire & Söhne", "client_id": "c/1", "booking_center": "Zürich 北"}
        | {"opened_on": "2024-02-29", "version": "4", "cash_management": "automatic"}
    )
    assert decode_portfolio(text) == Portfolio(
        portfolio_id="P1",
        base_currency="USD",
        cost_basis_method=ReliefMethod.FIFO,
        name="Mémoire & Söhne",
        client_id="c/1",
        booking_center="Zürich 北",
        opened_on=date(2024, 2, 29),
        version=4,
        cash_management=CashManagement.AUTOMATIC,
    )


def test_optional_fields_may_be_absent() -> None:
    assert decode_portfolio(text_of(PORTFOLIO | {"name": None})) == Portfolio(
        portfolio_id="P1", base_currency="USD", cost_basis_method=ReliefMethod.FIFO, version=1
    )


@pytest.mark.parametrize("method", ReliefMethod)
def test_each_method_is_known(method: ReliefMethod) -> None:
    event = decode_portfolio(text_of(PORTFOLIO | {"cost_basis_method": method}))
    assert isinstance(event, Portfolio)
    assert event.cost_basis_method is method


@pytest.mark.parametrize("kept", CashManagement)
def test_each_way_to_keep_cash_is_known_and_none_is_the_default(kept: CashManagement) -> None:
    event = decode_portfolio(text_of(PORTFOLIO | {"cash_management": kept}))
    assert isinstance(event, Portfolio)
    assert event.cash_management is kept
    without = decode_portfolio(text_of(PORTFOLIO | {"cash_management": None}))
    assert (event == without) is (kept is CashManagement.SECURITIES_ONLY)
