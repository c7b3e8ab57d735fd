"""What the books show, in a few tables: portfolios, one holding list, one sale, what waits, and what
it all is worth and earned."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal, localcontext
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from analytics.periods import Horizon
from calculator import EXACT, plain
from cli import explain, performance, returns, value
from cli.ask import POSITION_COLUMNS
from cli.asking import Api, Unanswerable
from cli.printing import amount, percent, table

PORTFOLIO_COLUMNS = (
    "portfolio_id",
    "name",
    "cost_basis_method",
    "base_currency",
    "holdings",
    "cost",
    "realized_gain_loss",
)
PERIODS = tuple(
    each.value for each in Horizon if each not in (Horizon.MONTH_TO_DATE, Horizon.QUARTER_TO_DATE)
)
WORTH_COLUMNS = ("portfolio_id", "market_value", "base_currency", "quality", *PERIODS)
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
    portfolio_ids = [portfolio["portfolio_id"] for portfolio in portfolios]
    return {
        "portfolios": portfolios,
        "positions": positions,
        "sale": _telling_sale(api, portfolio_ids),
        "not_booked": not_booked,
        **_worth(api, portfolio_ids),
    }


def _worth(api: Api, portfolio_ids: Sequence[str]) -> dict[str, Any]:
    """Values and returns up to the day of the newest price; of the first portfolio its days, too."""
    newest = api.get("market-prices", limit=1)["items"]
    if not newest or not portfolio_ids:
        return {"valuations": [], "performances": [], "days": [], "curve": None}
    day = newest[0]["price_date"]
    asked = {"to": day, "periods": list(PERIODS)}
    # What one portfolio has no answer to is no reason to say nothing of the others: holdings in
    # several base currencies have no return, and figures may be out of all bounds.
    valuations, performances = [], []
    for one in portfolio_ids:
        with suppress(Unanswerable):
            valuations.append(api.get("portfolios", one, "valuation", on=day))
            performances.append(api.post("portfolios", one, "performance", question=asked))
    if not valuations:
        return {"valuations": [], "performances": [], "days": [], "curve": None}
    first, curve = valuations[0], None
    for told in performances:
        if told["portfolio_id"] == first["portfolio_id"]:
            with suppress(Unanswerable):
                curve = performance.curve(api, told)
    return {
        "valuations": valuations,
        "performances": performances,
        "days": value.year_to(api, first),
        "curve": curve,
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
    return Group(*parts, worth(told))


def worth(told: Mapping[str, Any]) -> RenderableType:
    """What all portfolios are worth and earned, and the first of them in detail."""
    if not told["valuations"]:
        return Group()
    first, earned = told["valuations"][0], told["performances"]
    parts: list[RenderableType] = [
        table(f"value and return on {first['on']}", WORTH_COLUMNS, _worth_rows(told)),
        value.shown(first, told["days"]),
    ]
    of_first = [one for one in earned if one["portfolio_id"] == first["portfolio_id"]]
    parts += [returns.time_weighted(one, told["curve"]) for one in of_first]
    return Group(*parts)


def _worth_rows(told: Mapping[str, Any]) -> list[list[object]]:
    earned = {one["portfolio_id"]: one["periods"] for one in told["performances"]}
    rows: list[list[object]] = []
    for one in told["valuations"]:
        total = one["total"] or {"market_value": None, "quality": "several base currencies"}
        periods = earned.get(one["portfolio_id"], [])
        rows.append(
            [
                one["portfolio_id"], amount(total["market_value"]), one["base_currency"],
                total["quality"],
                *(percent((period["net"] or {}).get("total_return")) for period in periods),
                *[None] * (len(PERIODS) - len(periods)),
            ]
        )  # fmt: skip
    return rows


def further(told: Mapping[str, Any]) -> RenderableType:
    """How to ask for more of it."""
    if not told["valuations"]:
        return Group()
    first = told["valuations"][0]
    name, day = first["portfolio_id"], first["on"]
    return Text(
        f"Next, while it serves: `portfolio performance {name} --to {day} --contribution sector`,"
        f" `portfolio summary {name} --to {day}`, `portfolio concentration {name} --on {day}`."
    )


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
