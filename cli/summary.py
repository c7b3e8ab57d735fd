"""`portfolio summary` and `concentration`: a portfolio at a glance, and how much is in little."""

from collections.abc import Mapping
from contextlib import closing
from datetime import date
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from cli.asking import Api
from cli.charts import bar
from cli.days import DAY, demand_order, text
from cli.printing import amount, console, json_option, percent, print_json, table
from cli.settings import Settings
from cli.value import total_lines

Item = Mapping[str, Any]


@click.command()
@click.argument("portfolio_id")
@click.option("--from", "from_", type=DAY, help="The first day.  [default: 1 January]")
@click.option("--to", type=DAY, help="The last day, in UTC.  [default: today]")
@json_option
@click.pass_obj
def summary(
    settings: Settings, portfolio_id: str, from_: date | None, to: date | None, as_json: bool
) -> None:
    """What a portfolio is worth and made of, and what it did since a day.

    Amounts are rounded to two places; --json prints them exactly.
    """
    demand_order(from_, to)
    with closing(Api(settings)) as api:
        answer = api.get("portfolios", portfolio_id, "summary", from_=text(from_), to=text(to))
    if as_json:
        print_json(answer)
    else:
        console().print(_summary(answer))


@click.command()
@click.argument("portfolio_id")
@click.option("--on", "day", type=DAY, help="At the end of this day, in UTC.  [default: today]")
@click.option("--top", type=click.IntRange(1, 100), default=10, show_default=True)
@json_option
@click.pass_obj
def concentration(
    settings: Settings, portfolio_id: str, day: date | None, top: int, as_json: bool
) -> None:
    """The largest positions and issuers of a portfolio, and its Herfindahl index."""
    with closing(Api(settings)) as api:
        answer = api.get("portfolios", portfolio_id, "concentration", on=text(day), top=top)
    if as_json:
        print_json(answer)
    else:
        console().print(_concentration(answer))


def _summary(answer: Item) -> RenderableType:
    unit = f", in {answer['base_currency']}" if answer["base_currency"] else ""
    return Group(
        Text(f"{answer['portfolio_id']}, {answer['from']} to {answer['to']}{unit}", style="bold"),
        *_wealth(answer["total"]),
        Text(
            f"in these days: income {amount(answer['income'])}, fees {amount(answer['fees'])},"
            f" taxes {amount(answer['taxes'])},"
            f" realized gain {amount(answer['realized_gain_loss'])}"
        ),
        *(_allocation(name, shares) for name, shares in answer["allocation"].items() if shares),
        table(
            "transactions of these days",
            ("transaction_type", "number", "amount"),
            [
                [each["transaction_type"], each["count"], amount(each["amount"])]
                for each in answer["activity"]
            ],
        ),
    )


def _wealth(total: Item | None) -> list[Text]:
    if total is None:
        return [Text("No total: holdings are kept in several base currencies.", style="red")]
    return [Text(f"market value {amount(total['market_value'])}"), *total_lines(total)]


def _allocation(grouping: str, shares: list[Item]) -> RenderableType:
    return table(
        f"by {grouping}",
        (grouping, "market_value", "weight", "", "positions"),
        [
            [
                each["name"], amount(each["market_value"]), percent(each["weight"]),
                bar(float(each["weight"] or 0)), each["positions"],
            ]
            for each in shares
        ],
    )  # fmt: skip


def _concentration(answer: Item) -> RenderableType:
    made: list[RenderableType] = []
    for name in ("by_position", "by_issuer"):
        found = answer[name]
        if found is not None:
            made += [_largest(f"{answer['portfolio_id']} on {answer['on']}, {name}", found)]
            made += [_index(found)]
    if not made:
        made = [Text("Nothing in it has a value.", style="red")]
    quality = answer["quality"]
    if quality not in (None, "valued"):
        made.append(Text(f"Of all positions the worst is {quality}.", style="yellow"))
    return Group(*made)


def _largest(title: str, found: Item) -> RenderableType:
    rows = [
        [each["name"], percent(each["share"]), bar(abs(float(each["share"])))]
        for each in found["largest"]
    ]
    return table(title, ("name", "share", ""), rows)


def _index(found: Item) -> Text:
    short = f"; short: {', '.join(found['short'])}" if found["short"] else ""
    return Text(
        f"these together {percent(found['largest_share'])};"
        f" Herfindahl index {float(found['herfindahl_index']):.4f},"
        f" as of {float(found['effective_number']):.1f} equal ones{short}"
    )
