"""Returns as tables and a line, with all that is to be said against them."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from analytics.benchmark import NoPriceReturn
from cli.charts import POINTS_MIN, LineChart
from cli.printing import amount, percent, table

TIME_WEIGHTED = ("period", "from", "to", "begin_value", "end_value", "net", "net_a_year", "gross")
OF_BENCHMARK = ("benchmark", "excess")
OF_CURRENCIES = ("local", "by_currency")
MONEY_WEIGHTED = (
    "period",
    "from",
    "to",
    "begin_value",
    "net_flow",
    "end_value",
    "xirr_a_year",
    "over_period",
    "modified_dietz",
)
WITHOUT_BENCHMARK = {
    NoPriceReturn.PRICE_MUST_BE_KNOWN: "no price of the benchmark at begin or end",
    NoPriceReturn.PRICE_MUST_BE_RECENT: "no recent price of the benchmark",
    NoPriceReturn.CURRENCY_MUST_NOT_CHANGE: "the currency of the benchmark changes",
    NoPriceReturn.FX_RATE_MUST_BE_KNOWN: "no rate for the currency of the benchmark",
}
SHOWN_MAX = 5  # breaks and segments of a period; JSON has all of them

Item = Mapping[str, Any]


def time_weighted(answer: Item, drawn: Item | None = None) -> RenderableType:
    """The returns of all periods; `drawn`: the parts of one of them, as a line."""
    periods = answer["periods"]
    has_benchmark = any(each["benchmark"] is not None for each in periods)
    has_currencies = any(each["currency_effect"] is not None for each in periods)
    columns = [*TIME_WEIGHTED]
    columns += OF_BENCHMARK if has_benchmark else ()
    columns += OF_CURRENCIES if has_currencies else ()
    rows = [
        [
            *_of_period(each),
            *(_of_benchmark(each) if has_benchmark else ()),
            *(_of_currencies(each) if has_currencies else ()),
        ]
        for each in periods
    ]
    return Group(
        *_with_remarks(f"time-weighted returns of {_what(answer)}", columns, rows, periods),
        *(line for each in periods for line in _breaks(each)),
        *(_parts(each) for each in periods if each["breakdown"]),
        *(made for each in periods for made in _contributions(each)),
        *_chart(drawn),
    )


def money_weighted(answer: Item) -> RenderableType:
    """The rates of all periods."""
    periods = answer["periods"]
    rows = [
        [
            name_of(each), each["from"], each["to"], amount(each["begin_value"]),
            amount(each["net_flow"]), amount(each["end_value"]), percent(each["xirr"]),
            percent(each["over_period"]), percent(each["modified_dietz"]),
        ]
        for each in periods
    ]  # fmt: skip
    title = f"money-weighted returns of {_what(answer)}"
    return Group(*_with_remarks(title, MONEY_WEIGHTED, rows, periods))


def name_of(period: Item) -> str:
    return period["name"] or "explicit"


def _what(answer: Item) -> str:
    holding = f"{answer['security_id']} in " if answer["security_id"] else ""
    unit = f", in {answer['base_currency']}" if answer["base_currency"] else ""
    return f"{holding}{answer['portfolio_id']}{unit}"


def _with_remarks(
    title: str, columns: Sequence[str], rows: Sequence[list[object]], periods: Sequence[Item]
) -> list[RenderableType]:
    """A table, and what is to be said of its rows."""
    lines: list[RenderableType] = [table(title, columns, rows)]
    for each in periods:
        remarks = _remarks(each)
        if remarks:
            lines.append(Text(f"{name_of(each)}: {'; '.join(remarks)}", style="yellow"))
    if any(each["stale_days"] or each["unvalued_days"] for each in periods):
        meaning = (
            "On stale days a holding was valued at an old price; on unvalued days one without a"
            " price or rate is in no figure."
        )
        lines.append(Text(meaning, style="yellow"))
    return lines


def _remarks(period: Item) -> list[str]:
    said = [period["reason"]] if period["reason"] else []
    net = period.get("net")
    if net is not None:
        said += ["broken"] if net["breaks"] or len(net["segments"]) > 1 else []
        said += [] if net["segments"] else ["no day with capital"]
    benchmark = period.get("benchmark")
    if benchmark is not None and benchmark["reason"]:
        said.append(WITHOUT_BENCHMARK[benchmark["reason"]])
    said += [period["no_rate"]] if period.get("no_rate") else []
    if period.get("roots"):
        said.append("several rates: " + ", ".join(str(percent(each)) for each in period["roots"]))
    said += [
        f"{period[f'{name}_days']} {name} days"
        for name in ("stale", "unvalued")
        if period[f"{name}_days"]
    ]
    return said


def _of_period(period: Item) -> list[object]:
    net, gross = period["net"] or {}, period["gross"] or {}
    return [
        name_of(period), period["from"], period["to"],
        amount(period["begin_value"]), amount(period["end_value"]),
        percent(net.get("total_return")), percent(net.get("annualized_return")),
        percent(gross.get("total_return")),
    ]  # fmt: skip


def _of_benchmark(period: Item) -> list[object]:
    found = period["benchmark"] or {}
    return [percent(found.get("total_return")), percent(found.get("excess_arithmetic"))]


def _of_currencies(period: Item) -> list[object]:
    found = period["currency_effect"] or {}
    return [percent(found.get("local")), percent(found.get("currency"))]


def _breaks(period: Item) -> list[Text]:
    """Where days were not linked, and what is linked between them."""
    net = period["net"]
    if net is None or not net["breaks"]:
        return []
    broken = [
        f"{each['valuation_date']} (capital {amount(each['capital'])}, gain {amount(each['gain'])})"
        for each in net["breaks"]
    ]
    linked = [
        f"{each['from']} to {each['to']}: {percent(each['total_return'])}"
        for each in net["segments"]
    ]
    name = name_of(period)
    return [
        Text(f"{name} is broken on {_few(broken, ', ')}", style="red"),
        Text(f"{name} is linked {_few(linked, '; ')}" if linked else f"{name}: nothing is linked"),
    ]


def _few(texts: Sequence[str], between: str) -> str:
    more = len(texts) - SHOWN_MAX
    return between.join(texts[:SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


def _parts(period: Item) -> RenderableType:
    columns = ["from", "to", "net", "gross"]
    has_benchmark = period["benchmark"] is not None
    columns += ["benchmark"] if has_benchmark else []
    rows = [
        [each["from"], each["to"], *(percent(each[name]) for name in columns[2:])]
        for each in period["breakdown"]
    ]
    return table(f"{name_of(period)}, in parts", columns, rows)


def _contributions(period: Item) -> list[RenderableType]:
    return [
        table(
            f"{name_of(period)}, who brought {percent(segment['total_return'])}",
            ("name", "contribution", "local", "by_currency"),
            [
                [each["name"], *(percent(each[n]) for n in ("contribution", "local", "currency"))]
                for each in segment["parts"]
            ],
        )
        for segment in period["contributions"]
    ]


def _chart(period: Item | None) -> list[RenderableType]:
    """Of the parts of a period, linked; a part without a return is a gap."""
    parts = period["breakdown"] if period is not None else []
    if len(parts) < POINTS_MIN:
        return []
    days = [date.fromisoformat(parts[0]["from"]) - timedelta(days=1)]
    days += [date.fromisoformat(each["to"]) for each in parts]
    lines = {"net": _linked([each["net"] for each in parts])}
    if any(each["benchmark"] is not None for each in parts):
        lines["benchmark"] = _linked([each["benchmark"] for each in parts])
    gaps = sum(1 for each in parts if each["net"] is None)
    said = [Text(f"{gaps} parts have no return: gaps.", style="yellow")] if gaps else []
    title = f"cumulative return, {parts[0]['from']} to {parts[-1]['to']}"
    return [LineChart(title=title, days=days, lines=lines, unit=" %"), *said]


def _linked(returns: Sequence[str | None]) -> list[float]:
    """Per cent since the beginning, which is 0."""
    growth, points = 1.0, [0.0]
    for each in returns:
        growth *= 1 + float(each or 0)
        points.append(math.nan if each is None else (growth - 1) * 100)
    return points
