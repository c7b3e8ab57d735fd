"""What the books show, in a few tables: portfolios, one holding list, one sale, what waits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from rich.console import Group, RenderableType

from calculator import EXACT, plain
from cli import explain
from cli.ask import POSITION_COLUMNS
from cli.asking import Api
from cli.printing import table

PORTFOLIO_COLUMNS = (
    "portfolio_id",
    "name",
    "cost_basis_method",
    "base_currency",
    "holdings",
    "cost",
    "realized_gain_loss",
)
NOT_BOOKED_COLUMNS = ("portfolio_id", "transaction_id", "security_id", "status", "reason", "detail")
NOT_BOOKED = ("PENDING", "REJECTED")
# A sale that shows how relief works and still fits a screen.
LOTS_OF_A_TELLING_SALE = range(2, 6)

Item = dict[str, Any]


def tell(api: Api) -> dict[str, Any]:
    """What is told, as JSON. Figures of a portfolio are the sums of its positions."""
    portfolios: list[Item] = []
    positions: list[Item] = []
    not_booked: list[Item] = []
    for portfolio in api.items("portfolios"):
        portfolio_id = portfolio["portfolio_id"]
        held = api.get("portfolios", portfolio_id, "positions")["positions"]
        portfolios.append({**portfolio, **_sums(held)})
        positions += held
        for status in NOT_BOOKED:
            not_booked += api.items("portfolios", portfolio_id, "transactions", status=status)
    return {
        "portfolios": portfolios,
        "positions": positions,
        "sale": _telling_sale(api, [portfolio["portfolio_id"] for portfolio in portfolios]),
        "not_booked": not_booked,
    }


def shown(told: Mapping[str, Any]) -> RenderableType:
    """The same for people: the positions of the first portfolio alone."""
    parts: list[RenderableType] = [
        table("portfolios", PORTFOLIO_COLUMNS, _cells(told["portfolios"], PORTFOLIO_COLUMNS))
    ]
    if told["portfolios"]:
        first = told["portfolios"][0]["portfolio_id"]
        held = [one for one in told["positions"] if one["portfolio_id"] == first]
        parts.append(
            table(f"positions of {first}", POSITION_COLUMNS, _cells(held, POSITION_COLUMNS))
        )
    if told["sale"] is not None:
        parts.append(explain.described(told["sale"]))
    parts.append(
        table(
            "not booked, and why",
            NOT_BOOKED_COLUMNS,
            _cells(told["not_booked"], NOT_BOOKED_COLUMNS),
        )
    )
    return Group(*parts)


def _sums(positions: Sequence[Item]) -> Item:
    with localcontext(EXACT):
        cost = sum((Decimal(one["cost"]) for one in positions), Decimal(0))
        gain = sum((Decimal(one["realized_gain_loss"]) for one in positions), Decimal(0))
    held = sum(one["quantity"] != "0" for one in positions)
    return {"holdings": held, "cost": plain(cost), "realized_gain_loss": plain(gain)}


def _telling_sale(api: Api, portfolio_ids: Sequence[str]) -> dict[str, Any] | None:
    """The newest sale of the first portfolio that has one over a few lots."""
    for portfolio_id in portfolio_ids:
        disposals = api.items("portfolios", portfolio_id, "disposals")
        sales = Counter(one["transaction_id"] for one in disposals if one["proceeds"] is not None)
        for transaction_id, lots in sales.items():
            if lots in LOTS_OF_A_TELLING_SALE:
                return explain.explanation(api, portfolio_id, transaction_id)
    return None


def _cells(items: Sequence[Item], columns: Sequence[str]) -> list[list[object]]:
    return [[item[column] for column in columns] for item in items]
