"""`portfolio value`: what a portfolio is worth, or what every one was worth, into a table."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from cli.asking import Api, Unanswerable
from cli.charts import POINTS_MIN, LineChart
from cli.days import DAY, text, today
from cli.failures import told_plainly
from cli.printing import amount, console, json_option, percent, print_json, table
from cli.servers import database_url
from cli.settings import Settings

COLUMNS = (
    "security_id",
    "quantity",
    "price",
    "market_value",
    "weight",
    "gain_loss",
    "day_change",
    "quality",
)
CHART_DAYS = 365
PRICE_MUST_BE_RECENT = "price_must_be_recent"
STYLES = {"valued": "", "stale": "yellow", "unvalued": "red"}


@click.command()
@click.argument("portfolio_id", required=False)
@click.option("--all", "is_all", is_flag=True, help="Each there is, into the table valuations.")
@click.option("--on", "day", type=DAY, help="At the end of this day, in UTC.  [default: live]")
@click.option(
    "--processes", default=2, show_default=True, type=click.IntRange(1, 64), help="With --all."
)
@json_option
@click.pass_obj
def value(
    settings: Settings,
    portfolio_id: str | None,
    is_all: bool,
    day: date | None,
    processes: int,
    as_json: bool,
) -> None:
    """What a portfolio is worth, position by position, and how it came there in a year.

    Amounts are rounded to two places; --json prints them exactly.
    """
    if (portfolio_id is None) is not is_all:
        raise click.UsageError("it takes either a PORTFOLIO_ID or --all")
    if portfolio_id is None:
        _value_all(settings, day or today(), processes, as_json)
        return
    with closing(Api(settings)) as api:
        answer = api.get("portfolios", portfolio_id, "valuation", on=text(day))
        if as_json:
            print_json(answer)
        else:
            console().print(shown(answer, year_to(api, answer)))


def _value_all(settings: Settings, day: date, processes: int, as_json: bool) -> None:
    # Who asks about one need not wait for what values all.
    from reports.all_valuations import value_all
    from reports.limits import Limits

    limits = Limits(
        price_max_age_days=settings.price_max_age_days,
        fx_max_age_days=settings.fx_max_age_days,
        cross_currency=settings.fx_cross_currency,
    )
    with told_plainly():
        written = value_all(database_url(settings), day, limits, processes)
    if as_json:
        print_json({"on": day.isoformat(), **{n: getattr(written, n) for n in written.__slots__}})
    else:
        console().print(
            f"{written.positions} positions of {written.portfolios} portfolios on {day}, "
            f"{written.unvalued} of them without a value"
        )


def year_to(api: Api, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The days before and with that of a valuation; none where it has no total, or they are out of
    all bounds."""
    if answer["total"] is None:
        return []
    first_day = date.fromisoformat(answer["on"]) - timedelta(days=CHART_DAYS)
    try:
        series = api.get(
            "portfolios", answer["portfolio_id"], "timeseries",
            from_=text(first_day), to=answer["on"],
        )  # fmt: skip
    except Unanswerable:
        return []
    days: list[dict[str, Any]] = series["days"]
    return days


def shown(answer: Mapping[str, Any], days: Sequence[Mapping[str, Any]]) -> RenderableType:
    """A valuation and the days before it, for people."""
    unit = answer["base_currency"]
    title = f"value of {answer['portfolio_id']} on {answer['on']}" + (
        f", in {unit}" if unit else ""
    )
    found = table(title, COLUMNS, _rows(answer))
    total = answer["total"]
    if total is None:
        why = "No total: holdings are kept in several base currencies; send a portfolio record."
        return Group(found, Text(why, style="red"))
    found.add_section()
    found.add_row(
        "total", "", "", amount(total["market_value"]), "",
        amount(total["unrealized_gain_loss"]), amount(total["day_change"]), total["quality"],
        style="bold",
    )  # fmt: skip
    return Group(found, *total_lines(total), *_chart(days, unit))


def _rows(answer: Mapping[str, Any]) -> list[list[object]]:
    rows = [_row(each) for each in answer["positions"]]
    for each in answer["unsettled"]:
        name, *rest = _row(each)
        rows.append([f"{name}, unsettled", *rest])
    return rows


def _row(position: Mapping[str, Any]) -> list[object]:
    price = position["price"]
    return [
        position["security_id"],
        position["quantity"],
        None if price is None else f"{price} {position['price_currency']}",
        amount(position["market_value"]),
        percent(position["weight"]),
        amount(position["unrealized_gain_loss"]),
        amount(position["day_change"]),
        _quality(position),
    ]


def _quality(position: Mapping[str, Any]) -> str:
    """With what is missing, by the names of the requirements."""
    reasons = [
        f"{reason} ({position['price_date']})" if reason == PRICE_MUST_BE_RECENT else reason
        for reason in position["reasons"]
    ]
    quality: str = position["quality"]
    return f"{quality}: {', '.join(reasons)}" if reasons else quality


def total_lines(total: Mapping[str, Any]) -> list[Text]:
    """Of what the total is made, and how good it is."""
    gain = (
        f"cost {amount(total['cost'])}, unrealized gain {amount(total['unrealized_gain_loss'])}:"
        f" {amount(total['price_gain_loss'])} by prices,"
        f" {amount(total['currency_gain_loss'])} by currencies"
    )
    quality = total["quality"]
    counts = ", ".join(f"{total[name]} {name}" for name in STYLES)
    lines = [Text(gain), Text(f"positions: {counts}", style=STYLES[quality])]
    if total["unvalued"]:
        cost = amount(total["cost_unvalued"])
        lines.append(Text(f"A cost of {cost} has no value, and is in no figure above.", "red"))
    changed = total["day_change_positions"]
    if changed != total["valued"] + total["stale"]:
        lines.append(Text(f"The day change is that of {changed} positions.", "yellow"))
    return lines


def _chart(days: Sequence[Mapping[str, Any]], unit: str) -> list[RenderableType]:
    if len(days) < POINTS_MIN or not any(float(day["end_value"]) for day in days):
        return []
    chart = LineChart(
        title=f"value since {days[0]['date']}, in {unit}",
        days=[date.fromisoformat(day["date"]) for day in days],
        lines={"value": [float(day["end_value"]) for day in days]},
    )
    return [chart, *_quality_of(days)]


def _quality_of(days: Sequence[Mapping[str, Any]]) -> list[Text]:
    poor = {name: sum(1 for day in days if day[name]) for name in ("stale", "unvalued")}
    if not any(poor.values()):
        return []
    return [
        Text(
            f"Of these {len(days)} days {poor['stale']} have stale positions, and"
            f" {poor['unvalued']} have unvalued ones, whose worth is not in the value.",
            style="yellow",
        )
    ]
