"""`portfolio performance`: what a portfolio earned over periods, by the API's returns."""

from collections.abc import Mapping
from contextlib import closing
from datetime import date
from typing import Any

import click

from analytics.periods import Grain, Horizon
from cli import returns
from cli.asking import Api
from cli.days import DAY, demand_order, text, today
from cli.printing import console, json_option, print_json
from cli.settings import Settings

GROUPINGS = ("position", "asset_class", "sector", "currency", "country", "rating", "issuer")
# How finely a line is drawn: up to so many days by day, by month, else by quarter.
DAILY_DAYS_MAX = 93
MONTHLY_DAYS_MAX = 3660

Item = dict[str, Any]


@click.command()
@click.argument("portfolio_id")
@click.option(
    "--period",
    "names",
    multiple=True,
    type=click.Choice([each.value for each in Horizon], case_sensitive=False),
    help="Ends with --to; may be given several times.  [default: all of them]",
)
@click.option("--from", "from_", type=DAY, help="A period from this day to that of --to.")
@click.option("--to", type=DAY, help="The last day, in UTC.  [default: today]")
@click.option(
    "--breakdown",
    type=click.Choice([each.value.lower() for each in Grain], case_sensitive=False),
    help="Parts of each period; since inception, where none is named.",
)
@click.option("--benchmark", metavar="SECURITY_ID", help="Whose prices to compare with.")
@click.option("--contribution", type=click.Choice(GROUPINGS), help="What each part brought.")
@click.option("--currency-effect", is_flag=True, help="The return, local and by currencies.")
@click.option("--security", "security_id", metavar="SECURITY_ID", help="Of this holding alone.")
@click.option("--mwr", is_flag=True, help="Money-weighted: XIRR and Modified Dietz.")
@json_option
@click.pass_obj
def performance(
    settings: Settings,
    portfolio_id: str,
    names: tuple[str, ...],
    from_: date | None,
    to: date | None,
    breakdown: str | None,
    benchmark: str | None,
    contribution: str | None,
    currency_effect: bool,
    security_id: str | None,
    mwr: bool,
    as_json: bool,
) -> None:
    """Returns of a portfolio: time-weighted, net and gross of fees, or money-weighted.

    Percentages and amounts are rounded to two places; --json prints them exactly.
    """
    demand_order(from_, to)
    of_time_weighted = {
        "breakdown": breakdown.upper() if breakdown else None,
        "benchmark": benchmark,
        "contribution": contribution,
        "currency_effect": currency_effect,
    }
    if mwr:
        _refuse(of_time_weighted)
    asked = question(names, from_, to, security_id=security_id, **of_time_weighted)
    with closing(Api(settings)) as api:
        _demand_prices(api, benchmark)
        kind = ("performance", "mwr") if mwr else ("performance",)
        answer = api.post("portfolios", portfolio_id, *kind, question=asked)
        if as_json:
            print_json(answer)
        elif mwr:
            console().print(returns.money_weighted(answer))
        else:
            console().print(returns.time_weighted(answer, curve(api, answer, benchmark)))


def _refuse(of_time_weighted: Item) -> None:
    given = [name.replace("_", "-") for name, value in of_time_weighted.items() if value]
    if given:
        raise click.UsageError(f"--{given[0]} is of time-weighted returns, and not of --mwr")


def question(
    names: tuple[str, ...] = (),
    from_: date | None = None,
    to: date | None = None,
    **others: object,
) -> Item:
    """As the API takes it; what is not asked for is left out."""
    periods: list[str | Item] = list(names)
    if from_ is not None:
        periods.append({"from": text(from_), "to": text(to or today())})
    if others.get("breakdown") and not periods:
        periods = [Horizon.SINCE_INCEPTION.value]
    found = {"to": text(to), "periods": periods, **others}
    return {name: value for name, value in found.items() if value}


def _demand_prices(api: Api, benchmark: str | None) -> None:
    """Of a benchmark that has none nothing could be told."""
    if benchmark is None:
        return
    if not api.get("market-prices", security_id=benchmark, limit=1)["items"]:
        raise click.ClickException(f"--benchmark: no price of {benchmark} is known")


def curve(api: Api, answer: Mapping[str, Any], benchmark: str | None = None) -> Item | None:
    """The longest of the periods once more, in parts that make a line; None: none has days."""
    there = [each for each in answer["periods"] if each["from"] is not None]
    if not there:
        return None
    longest = max(there, key=_days)
    asked = question(
        from_=date.fromisoformat(longest["from"]),
        to=date.fromisoformat(longest["to"]),
        breakdown=grain_of(_days(longest)).value,
        benchmark=benchmark,
        security_id=answer["security_id"],
    )
    drawn = api.post("portfolios", answer["portfolio_id"], "performance", question=asked)
    period: Item = drawn["periods"][0]
    return period


def _days(period: Mapping[str, Any]) -> int:
    return (date.fromisoformat(period["to"]) - date.fromisoformat(period["from"])).days + 1


def grain_of(days: int) -> Grain:
    """Of the parts that a line over so many days is drawn of."""
    if days <= DAILY_DAYS_MAX:
        return Grain.DAILY
    return Grain.MONTHLY if days <= MONTHLY_DAYS_MAX else Grain.QUARTERLY
