"""What a portfolio held and was worth on a day, read from the contract alone."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any

from tests.oracle.market import Held, Market, Worth
from tests.oracle.performance import CONTEXT, ZERO, Rows, day_of, moved, moves, r

Said = dict[str, Any]
QUALITIES = ("valued", "stale", "unvalued")
SUMMED = (
    "market_value", "cost", "unrealized_gain_loss", "price_gain_loss", "currency_gain_loss",
)  # fmt: skip


def positions_on(rows: Rows, day: date) -> list[Said]:
    """From the rows that are not cancelled: also of what only waits or was refused."""
    found = []
    for security in sorted({row["security_id"] for row in rows}):
        until = [row for row in rows if row["security_id"] == security and day_of(row) <= day]
        if until:
            found.append(_position(security, until))
    return found


def _position(security: str, rows: Rows) -> Said:
    booked = [row for row in rows if row["status"] == "BOOKED"]
    moving = [row for row in booked if moves(row)]
    dates = [row["transaction_date"] for row in booked]
    with localcontext(CONTEXT):
        return {
            "security_id": security,
            "quantity": sum(map(moved, moving), ZERO),
            "cost": sum((row["net_cost"] for row in moving), ZERO),
            "cost_local": sum((row["net_cost_local"] for row in moving), ZERO),
            "realized_gain_loss": _sum(row["realized_gain_loss"] for row in booked),
            "realized_gain_loss_local": _sum(row["realized_gain_loss_local"] for row in booked),
            "first_transaction_date": min(dates, default=None),
            "last_transaction_date": max(dates, default=None),
            "trade_currency": next((row["trade_currency"] for row in moving), None),
            "base_currency": next((row["base_currency"] for row in moving), None),
        }


def unsettled_on(rows: Rows, day: date) -> list[Said]:
    """What trades up to the day still owe a cash holding, below zero what it owes."""
    by_id = {row["transaction_id"]: row for row in rows}
    found: dict[str, Said] = {}
    with localcontext(CONTEXT):
        for row in rows:
            cause = by_id.get(row["cause_transaction_id"])
            if cause is None or row["status"] != "BOOKED":
                continue
            is_settled, is_traded = day_of(row) <= day, day_of(cause) <= day
            if is_settled is is_traded:
                continue
            name = row["security_id"]
            held = found.setdefault(name, dict.fromkeys(("quantity", "cost", "cost_local"), ZERO))
            amounts = row["cash_movement"], row["net_cost"], row["net_cost_local"]
            for each, amount in zip(("quantity", "cost", "cost_local"), amounts, strict=True):
                held[each] += -amount if is_settled else amount
            held |= {each: row[each] for each in ("security_id", "trade_currency", "base_currency")}
    return [found[name] for name in sorted(found)]


def valuation_on(rows: Rows, market: Market, day: date, record: Said) -> Said:
    """`record`: of the portfolio, empty where there is none."""
    held = [each for each in positions_on(rows, day) if each["quantity"]]
    unsettled = unsettled_on(rows, day)
    bases = {each["base_currency"] for each in (*held, *unsettled)}
    bases |= {record["base_currency"]} if record else set()
    keeps_cash = record.get("cash_management", "securities_only") != "securities_only"
    with localcontext(CONTEXT):
        valued = [_valued(each, market, day, keeps_cash) for each in (*held, *unsettled)]
        is_one = len(bases) <= 1
        if is_one:
            _weigh(valued)
        return {
            "base_currency": next(iter(bases), None) if is_one else None,
            "positions": valued[: len(held)],
            "unsettled": valued[len(held) :],
            "total": _total(valued, len(held)) if is_one else None,
        }


def _valued(held: Said, market: Market, day: date, keeps_cash: bool) -> Said:
    of = Held(held["security_id"], held["trade_currency"], held["base_currency"], keeps_cash)
    now, before = market.worth(of, day), market.worth(of, day - timedelta(days=1))
    units = held["quantity"]
    value, local = now.of(units), None if now.local is None else r(units * now.local)
    cost_now = None if value is None or now.rate is None else r(held["cost_local"] * now.rate)
    gain = None if value is None else r(value) - held["cost"]
    currency = None if cost_now is None else cost_now - held["cost"]
    then = before.of(units)
    change = None if value is None or then is None else value - then
    kept = ("security_id", "quantity", "cost", "cost_local", "trade_currency", "base_currency")
    return {name: held[name] for name in kept} | {
        "price": None if now.price is None else now.price.price,
        "price_currency": None if now.price is None else now.price.currency,
        "price_date": None if now.price is None else now.price.price_date,
        "multiplier": now.multiplier,
        "fx_rate": now.rate,
        "fx_rate_date": now.rate_date,
        "market_value": None if value is None else r(value),
        "market_value_local": local,
        "unrealized_gain_loss": gain,
        "unrealized_gain_loss_local": None if local is None else local - held["cost_local"],
        "price_gain_loss": None if gain is None or currency is None else gain - currency,
        "currency_gain_loss": currency,
        "day_change": None if change is None else r(change),
        "day_change_fraction": r(change / abs(then)) if change is not None and then else None,
        "weight": None,
        "quality": _quality(now, value),
        "reasons": list(_reasons(now)),
    }


def _quality(now: Worth, value: Decimal | None) -> str:
    if value is None:
        return "unvalued"
    return "stale" if now.is_stale else "valued"


def _reasons(now: Worth) -> Iterable[str]:
    if now.price is None:
        yield "price_must_be_known"
    if now.is_stale:
        yield "price_must_be_recent"
    if now.rate is None or (now.price is not None and now.local is None):
        yield "fx_rate_must_be_known"


def _weigh(positions: Sequence[Said]) -> None:
    """What rounding leaves over goes to the largest, of equals to the first."""
    valued = [each for each in positions if each["market_value"] is not None]
    total = _sum(each["market_value"] for each in valued)
    if total <= 0:
        return
    for each in valued:
        each["weight"] = r(each["market_value"] / total)
    largest = max(valued, key=lambda each: abs(each["market_value"]))
    largest["weight"] += 1 - _sum(each["weight"] for each in valued)


def _total(positions: Sequence[Said], held: int) -> Said:
    """The first so many are positions, the rest is not settled."""
    valued = [each for each in positions if each["market_value"] is not None]
    changed = [each for each in valued if each["day_change"] is not None]
    counts = Counter(each["quality"] for each in positions[:held])
    qualities = {each["quality"] for each in positions}
    change = _sum(each["day_change"] for each in changed)
    before = _sum(each["market_value"] for each in changed) - change
    return {name: _sum(each[name] for each in valued) for name in SUMMED} | {
        "cost_unvalued": _sum(each["cost"] for each in positions if each["market_value"] is None),
        "day_change": change,
        "day_change_fraction": r(change / before) if before > 0 else None,
        "day_change_positions": sum(each["day_change"] is not None for each in positions[:held]),
        "quality": next((each for each in reversed(QUALITIES) if each in qualities), QUALITIES[0]),
        **{name: counts[name] for name in QUALITIES},
    }


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount or ZERO for amount in amounts), ZERO)
