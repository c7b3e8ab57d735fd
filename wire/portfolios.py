"""Portfolio events: from the bytes of any door to a `Portfolio`."""

from calculator import CashManagement, Portfolio, ReliefMethod
from wire.fields import (
    Broken,
    Malformed,
    Members,
    Rule,
    calendar_date,
    currency_code,
    free_text,
    id_text,
    shown,
    version_number,
)
from wire.objects import Form, members_of

FIELDS = (
    "portfolio_id",
    "base_currency",
    "cost_basis_method",
    "name",
    "client_id",
    "booking_center",
    "opened_on",
    "version",
    "cash_management",
)
METHODS = {each.value: each for each in ReliefMethod}
CASH_MANAGEMENTS = {each.value: each for each in CashManagement}


def decode_portfolio(value: bytes | None) -> Portfolio | Malformed:
    """The one decoder of portfolio records: it refuses, it never raises."""
    members = members_of(value)
    if not isinstance(members, Members):
        return Malformed((members,))
    form = Form(members, FIELDS)
    portfolio_id = form.need("portfolio_id", id_text)
    base_currency = form.need("base_currency", currency_code)
    cost_basis_method = form.need("cost_basis_method", _method)
    name = form.take("name", free_text)
    client_id = form.take("client_id", free_text)
    booking_center = form.take("booking_center", free_text)
    opened_on = form.take("opened_on", calendar_date)
    version = form.take("version", version_number) or 1
    cash_management = form.take("cash_management", _cash_management)
    if form.errors:
        return Malformed(tuple(form.errors), form.left_off)
    assert portfolio_id is not None
    assert base_currency is not None
    assert cost_basis_method is not None
    return Portfolio(
        portfolio_id=portfolio_id,
        base_currency=base_currency,
        cost_basis_method=cost_basis_method,
        name=name,
        client_id=client_id,
        booking_center=booking_center,
        opened_on=opened_on,
        version=version,
        cash_management=cash_management or CashManagement.SECURITIES_ONLY,
    )


def _method(value: object) -> ReliefMethod | Broken:
    if type(value) is not str or value not in METHODS:
        return Broken(
            Rule.COST_BASIS_METHOD_MUST_BE_KNOWN, f"{shown(value)} is none of {', '.join(METHODS)}"
        )
    return METHODS[value]


def _cash_management(value: object) -> CashManagement | Broken:
    if type(value) is not str or value not in CASH_MANAGEMENTS:
        return Broken(
            Rule.CASH_MANAGEMENT_MUST_BE_KNOWN,
            f"{shown(value)} is none of {', '.join(CASH_MANAGEMENTS)}",
        )
    return CASH_MANAGEMENTS[value]
