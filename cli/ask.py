"""`portfolio positions`, `lots` and `transactions`: what the API says, as tables."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date
from typing import Any

import click

from cli.asking import Api
from cli.days import DAY, text
from cli.printing import console, json_option, print_json, table
from cli.settings import Settings

POSITION_COLUMNS = (
    "security_id",
    "quantity",
    "cost",
    "base_currency",
    "cost_local",
    "trade_currency",
    "realized_gain_loss",
    "realized_gain_loss_local",
    "open_lots",
    "last_transaction_date",
)
LOT_COLUMNS = ("lot_id", "acquired_at", "quantity", "cost", "cost_local")
TRANSACTION_COLUMNS = (
    "transaction_id",
    "transaction_date",
    "transaction_type",
    "security_id",
    "quantity",
    "price",
    "trade_currency",
    "net_cost",
    "realized_gain_loss",
    "base_currency",
    "status",
    "reason",
)
# How many lots were open, and by which method, is told of the present alone.
POSITION_COLUMNS_ON_A_DAY = tuple(name for name in POSITION_COLUMNS if name != "open_lots")
STATUSES = ("BOOKED", "REJECTED", "PENDING", "CANCELLED")


@click.command()
@click.argument("portfolio_id")
@click.option("--on", "day", type=DAY, help="At the end of this day, in UTC.  [default: now]")
@json_option
@click.pass_obj
def positions(settings: Settings, portfolio_id: str, day: date | None, as_json: bool) -> None:
    """What a portfolio holds."""
    with closing(Api(settings)) as api:
        answer = api.get("portfolios", portfolio_id, "positions", on=text(day))
    title = f"positions of {portfolio_id}" + (f" on {day}" if day else "")
    columns = POSITION_COLUMNS_ON_A_DAY if day else POSITION_COLUMNS
    _print(answer, as_json, title, columns, answer["positions"])


@click.command()
@click.argument("portfolio_id")
@click.argument("security_id")
@json_option
@click.pass_obj
def lots(settings: Settings, portfolio_id: str, security_id: str, as_json: bool) -> None:
    """The open lots of a holding, in the order in which they would be relieved."""
    with closing(Api(settings)) as api:
        answer = api.get("portfolios", portfolio_id, "positions", security_id, "lots")
    title = f"open lots of {security_id} in {portfolio_id}, next to be relieved first"
    _print(answer, as_json, title, LOT_COLUMNS, answer["lots"])


@click.command()
@click.argument("portfolio_id")
@click.option("--security", help="Of this security alone.")
@click.option("--status", type=click.Choice(STATUSES), help="Of this status alone.")
@click.option("--from", "from_", metavar="DATE", help="Not before this instant, or date.")
@click.option("--to", metavar="DATE", help="Before this instant, or date.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@json_option
@click.pass_obj
def transactions(
    settings: Settings,
    portfolio_id: str,
    security: str | None,
    status: str | None,
    from_: str | None,
    to: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """What became of the transactions of a portfolio, newest first."""
    with closing(Api(settings)) as api:
        found = api.items(
            "portfolios", portfolio_id, "transactions", at_most=limit,
            security_id=security, status=status, from_=from_, to=to,
        )  # fmt: skip
        items = list(found)
        if not items:
            _demand_known(api, portfolio_id)
    title = f"transactions of {portfolio_id}, newest first"
    _print({"items": items}, as_json, title, TRANSACTION_COLUMNS, items)


def _demand_known(api: Api, portfolio_id: str) -> None:
    """Raise where there is no such portfolio, which is not the same as one without transactions."""
    if not api.get("portfolios", portfolio_id, "transactions", limit=1)["items"]:
        api.get("portfolios", portfolio_id, "positions")


def _print(
    answer: Mapping[str, Any],
    as_json: bool,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    if as_json:
        print_json(answer)
    else:
        console().print(table(title, columns, [[row[name] for name in columns] for row in rows]))
