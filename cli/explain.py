"""`portfolio explain`: where the cost of a sale came from, and where that of a purchase went."""

from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from calculator import (
    FxRate,
    Kind,
    Rates,
    ReliefMethod,
    TransactionType,
    cash_entry_id,
    plain,
)
from cli.asking import Api
from cli.printing import console, json_option, print_json, table
from cli.settings import Settings

DISPOSAL_COLUMNS = (
    "lot_id",
    "acquired_at",
    "quantity",
    "cost",
    "proceeds",
    "realized_gain_loss",
    "cost_local",
    "proceeds_local",
    "realized_gain_loss_local",
)
CONSUMER_COLUMNS = ("transaction_id", "disposed_at", *DISPOSAL_COLUMNS[2:])
INCREASES = tuple(each.value for each in TransactionType if each.kind is Kind.INCREASE)


@click.command()
@click.argument("portfolio_id")
@click.argument("transaction_id")
@json_option
@click.pass_obj
def explain(settings: Settings, portfolio_id: str, transaction_id: str, as_json: bool) -> None:
    """How a transaction was booked: the lots a sale consumed, or who consumed a purchase."""
    with closing(Api(settings)) as api:
        rates = Rates(settings.fx_cross_currency, settings.fx_max_age_days)
        found = explanation(api, portfolio_id, transaction_id, rates)
    if as_json:
        print_json(found)
    else:
        console().print(described(found))


def explanation(
    api: Api, portfolio_id: str, transaction_id: str, rates: Rates | None = None
) -> dict[str, Any]:
    """The result and, of a booked increase, what later decreases took of its lot (AVCO: of the
    pool it went into, so nothing can be told); of a rate that was found what it was made of; and
    the cash entry it caused. `rates` is empty as yet; without it, that is left out."""
    result = api.get("portfolios", portfolio_id, "transactions", transaction_id)
    consumers: list[dict[str, Any]] = []
    is_pooled = False
    if result["status"] == "BOOKED" and result["transaction_type"] in INCREASES:
        holding = "portfolios", portfolio_id, "positions", result["security_id"]
        is_pooled = ReliefMethod(api.get(*holding)["cost_basis_method"]).pools
        if not is_pooled:
            consumers = _consumers(api, result)
    return {
        "transaction": result,
        "consumed_by": consumers,
        "is_pooled": is_pooled,
        "rates": [_shown(rate) for rate in _rates(api, result, rates)],
        "cash_entry": _cash_entry(api, result),
    }


def _cash_entry(api: Api, result: dict[str, Any]) -> dict[str, Any] | None:
    """None where it moved no cash, or is a cash entry itself."""
    if result["status"] != "BOOKED" or result["cash_movement"] is not None:
        return None
    entry = cash_entry_id(result["transaction_id"])
    return api.find("portfolios", result["portfolio_id"], "transactions", entry)


def _rates(api: Api, result: dict[str, Any], rates: Rates | None) -> tuple[FxRate, ...]:
    """What the applied rate is made of; nothing where there is none, or where the store does not
    show yet, or not any more, what the books were made with."""
    if rates is None or result["applied_fx_rate"] is None:
        return ()
    currency, base_currency = result["trade_currency"], result["base_currency"]
    day = datetime.fromisoformat(result["transaction_date"]).date()
    since = day - timedelta(days=rates.max_age_days)
    for one, other in rates.legs(currency, base_currency):
        for item in api.items(
            "fx-rates", from_currency=one, to_currency=other,
            from_=since.isoformat(), to=(day + timedelta(days=1)).isoformat(),
        ):  # fmt: skip
            rates.put(
                FxRate(
                    from_currency=one, to_currency=other,
                    rate_date=date.fromisoformat(item["rate_date"]), rate=Decimal(item["rate"]),
                )
            )  # fmt: skip
    resolved = rates.resolve(currency, base_currency, day)
    is_applied = resolved is not None and resolved.rate == Decimal(result["applied_fx_rate"])
    return resolved.made_of if resolved is not None and is_applied else ()


def _shown(rate: FxRate) -> dict[str, str]:
    return {
        "from_currency": rate.from_currency,
        "to_currency": rate.to_currency,
        "rate_date": rate.rate_date.isoformat(),
        "rate": plain(rate.rate),
    }


def _consumers(api: Api, increase: dict[str, Any]) -> list[dict[str, Any]]:
    """Oldest first."""
    found = api.items(
        "portfolios", increase["portfolio_id"], "disposals",
        security_id=increase["security_id"], from_=increase["transaction_date"],
    )  # fmt: skip
    return [taken for taken in found if taken["lot_id"] == increase["transaction_id"]][::-1]


def described(found: dict[str, Any]) -> RenderableType:
    """The explanation for people."""
    result = found["transaction"]
    parts: list[RenderableType] = [Text(_headline(result), style="bold")]
    parts += [Text(line) for line in _terms(result, found["rates"])]
    if found["cash_entry"] is not None:
        parts.append(Text(_caused(found["cash_entry"])))
    if result["status"] == "CANCELLED":
        parts.append(Text(_cancellation(result)))
    if result["disposals"]:
        parts.append(
            table(
                "lots it consumed, in order of relief",
                DISPOSAL_COLUMNS,
                [[taken[name] for name in DISPOSAL_COLUMNS] for taken in result["disposals"]],
            )
        )
    if found["is_pooled"]:
        parts.append(Text("It went into a pool (AVCO): what was taken from it has no single lot."))
    elif found["consumed_by"]:
        parts.append(
            table(
                "who consumed its lot",
                CONSUMER_COLUMNS,
                [[taken[name] for name in CONSUMER_COLUMNS] for taken in found["consumed_by"]],
            )
        )
    elif result["status"] == "BOOKED" and result["transaction_type"] in INCREASES:
        parts.append(Text("Nothing has consumed its lot yet."))
    return Group(*parts)


def _headline(result: dict[str, Any]) -> str:
    what = (result["transaction_type"], result["quantity"], result["security_id"])
    said = " ".join(str(part) for part in what if part is not None)
    when = f" on {result['transaction_date']}" if result["transaction_date"] else ""
    return f"{result['portfolio_id']} {result['transaction_id']}: {said}{when}: {result['status']}"


def _cancellation(result: dict[str, Any]) -> str:
    place = f"{result['source_topic']}, partition {result['source_partition']}"
    return (
        f"Version {result['version']} cancelled this transaction (offset {result['source_offset']}"
        f" of {place}), so it moves nothing; a higher version would revive it."
        " What it was, its earlier versions in the inputs say."
    )


def _terms(result: dict[str, Any], rates: list[dict[str, str]]) -> list[str]:
    """What was asked for and what came out, a line each; what is not known has no line."""
    local, base = result["trade_currency"], result["base_currency"]
    lines = [
        ("price", result["price"], local),
        ("amount before fees", result["gross_transaction_amount"], local),
        ("fee", result["trade_fee"], local),
        (f"rate {local} to {base}", result["fx_rate"], ""),
        (f"rate {local} to {base}", result["applied_fx_rate"], _source(rates)),
        ("reason", result["reason"], ""),
        ("detail", result["detail"], ""),
        ("cash moved", result.get("cash_movement"), local),
        ("caused by", result.get("cause_transaction_id"), ""),
        ("net cost", result["net_cost"], base),
        ("net cost, local", result["net_cost_local"], local),
        ("gain", result["realized_gain_loss"], base),
        ("gain, local", result["realized_gain_loss_local"], local),
    ]
    return [f"  {name:<20} {value} {unit}".rstrip() for name, value, unit in lines if value]


def _caused(entry: dict[str, Any]) -> str:
    """The cash entry, in the form of the terms."""
    moved, day = entry["cash_movement"], entry["transaction_date"][:10]
    what = f"{moved} {entry['trade_currency']}" if moved is not None else entry["status"]
    return f"  {'its cash entry':<20} {what} on {day}: {entry['transaction_id']}"


def _source(rates: list[dict[str, str]]) -> str:
    """Of which day, and by which rates of the topic."""
    made_of = " and ".join(
        f"{each['rate']} {each['from_currency']} to {each['to_currency']}" for each in rates
    )
    return f"of {rates[0]['rate_date']}: {made_of}" if rates else "found in fx_rates"
