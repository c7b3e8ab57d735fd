"""A second opinion on the days of a portfolio, from its transactions, prices and rates: one Decimal
at a time, with nothing of `reports` or `analytics`.

Days are plain dicts. Cash is not kept: what trades pay comes from outside and goes there.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any, NamedTuple

CONTEXT = Context(prec=120, rounding=ROUND_HALF_EVEN)
STEP = Decimal("1e-12")
ZERO = Decimal(0)
FX_AGE = 7
SOMETHING = ("begin_value", "end_value", "counted_fees", "flow_at_begin", "flow_at_end")
IN_KIND = ("TRANSFER_IN", "TRANSFER_OUT", "DEPOSIT", "WITHDRAWAL")
NETTED = ("BUY", "SELL", "DEPOSIT", "WITHDRAWAL", "DIVIDEND", "INTEREST")
IN, OUT = ("BUY", "TRANSFER_IN", "DEPOSIT"), ("SELL", "TRANSFER_OUT", "WITHDRAWAL")

Rows = Sequence[Mapping[str, Any]]


class Market(NamedTuple):
    """Prices by security and day as (price, currency); rates by pair and day."""

    prices: Mapping[str, Mapping[date, tuple[Decimal, str]]]
    rates: Mapping[tuple[str, str], Mapping[date, Decimal]]
    multipliers: Mapping[str, Decimal]
    cross: str | None = "USD"


def r(amount: Decimal) -> Decimal:
    return amount.quantize(STEP)


def rate_on(market: Market, one: str, other: str, day: date) -> Decimal | None:
    """The newest of eight days: direct, turned round, or by way of the cross currency."""
    if one == other:
        return Decimal(1)
    for age in range(FX_AGE + 1):
        quotes = _quotes(market, one, other, day - timedelta(days=age))
        for rate in (r(quote) for quote in quotes if quote is not None):
            if 0 < rate < 10**9:
                return rate
    return None


def _quotes(market: Market, one: str, other: str, on: date) -> list[Decimal | None]:
    def leg(a: str, b: str) -> tuple[Decimal, Decimal] | None:
        straight, back = (market.rates.get(pair, {}).get(on) for pair in ((a, b), (b, a)))
        if straight is not None:
            return straight, Decimal(1)
        return None if back is None else (Decimal(1), back)

    straight, back = (market.rates.get(p, {}).get(on) for p in ((one, other), (other, one)))
    found = [straight, None if back is None else 1 / back]
    if market.cross is not None and market.cross not in (one, other):
        first, second = leg(one, market.cross), leg(market.cross, other)
        if first is not None and second is not None:
            found.append(first[0] * second[0] / (first[1] * second[1]))
    return found


def unit_value(
    market: Market, security: str, currency: str, base: str, day: date
) -> tuple[Decimal, Decimal] | None:
    """(in trade currency, base currency per unit of that), not rounded."""
    days = [each for each in market.prices.get(security, {}) if each <= day]
    if not days:
        return None
    price, price_currency = market.prices[security][max(days)]
    to_local = rate_on(market, price_currency, currency, day)
    to_base = rate_on(market, currency, base, day)
    if to_local is None or to_base is None:
        return None
    return price * market.multipliers.get(security, Decimal(1)) * to_local, to_base


def base_amount(row: Mapping[str, Any], amount: Decimal) -> Decimal:
    if row["trade_currency"] == row["base_currency"]:
        return r(amount)
    return r(r(amount) * row["fx_rate"])


class Holding:
    """What one holding was on each day."""

    def __init__(self, rows: Rows, market: Market, base: str) -> None:
        self.rows, self.market, self.base = rows, market, base
        moves = [row for row in rows if row["transaction_type"] in IN + OUT]
        self.currency = (moves or rows)[0]["trade_currency"]
        self.security = rows[0]["security_id"]

    def units(self, day: date) -> Decimal:
        held = ZERO
        for row in self.rows:
            if row["transaction_date"].date() <= day:
                held += moved(row)
        return held

    def cost(self, day: date) -> Decimal:
        rows = (row for row in self.rows if row["transaction_date"].date() <= day)
        return sum((row["net_cost"] for row in rows if moved(row)), ZERO)

    def value(self, day: date) -> Decimal | None:
        held = self.units(day)
        if not held:
            return ZERO
        worth = unit_value(self.market, self.security, self.currency, self.base, day)
        return None if worth is None else r(held * worth[0] * worth[1])

    def on(self, day: date) -> Rows:
        return [row for row in self.rows if row["transaction_date"].date() == day]

    def is_known(self, day: date) -> bool:
        """Its value, and that of what came and went in kind."""
        in_kind = any(row["transaction_type"] in IN_KIND for row in self.on(day))
        worth = unit_value(self.market, self.security, self.currency, self.base, day)
        return self.value(day) is not None and (worth is not None or not in_kind)

    def is_counted(self, day: date) -> bool:
        return self.is_known(day) and self.value(day - timedelta(days=1)) is not None

    def flows(self, day: date) -> list[tuple[str, Decimal]]:
        """(type, amount into the holding)."""
        before, after = self.value(day - timedelta(days=1)), self.value(day)
        if not self.is_counted(day):
            return [("LEAVES", -(before or ZERO)), ("COMES", after or ZERO)]
        found = []
        for row in self.on(day):
            amount = self.flow(row, day)
            if amount is not None:
                found.append((row["transaction_type"], amount))
        return found

    def flow(self, row: Mapping[str, Any], day: date) -> Decimal | None:
        match row["transaction_type"]:
            case "BUY":
                return Decimal(row["net_cost"])
            case "SELL":
                return Decimal(row["net_cost"] - row["realized_gain_loss"])
            case "DIVIDEND" | "INTEREST":
                amount = base_amount(row, row["gross_transaction_amount"])
                return base_amount(row, row["trade_fee"]) - amount
            case "FEE" | "TAX":
                return Decimal(row["net_cost"])
            case _:
                worth = unit_value(self.market, self.security, self.currency, self.base, day)
                return None if worth is None else r(moved(row) * worth[0] * worth[1])


def moved(row: Mapping[str, Any]) -> Decimal:
    units: Decimal = row["quantity"] or row["gross_transaction_amount"]
    if row["transaction_type"] in IN:
        return units
    return -units if row["transaction_type"] in OUT else ZERO


def days_of(
    rows: Rows, market: Market, base: str, first: date, last: date
) -> list[dict[str, Decimal]]:
    """Of a portfolio, from its BOOKED rows of `transactions`."""
    with localcontext(CONTEXT):
        securities = sorted({row["security_id"] for row in rows})
        holdings = [
            Holding([row for row in rows if row["security_id"] == each], market, base)
            for each in securities
        ]
        found, day = [], first
        while day <= last:
            found.append(_day(holdings, rows, day))
            day += timedelta(days=1)
        return found


def _day(holdings: Iterable[Holding], rows: Rows, day: date) -> dict[str, Decimal]:
    before = day - timedelta(days=1)
    begin = sum((each.value(before) or ZERO for each in holdings), ZERO)
    end = sum((each.value(day) or ZERO for each in holdings), ZERO)
    flows = [flow for each in holdings for flow in each.flows(day)]
    netted = [amount for kind, amount in flows if kind in NETTED]
    at_begin = sum((amount for kind, amount in flows if kind == "LEAVES"), ZERO)
    at_end = sum((amount for _, amount in flows), ZERO) - at_begin - sum(netted, ZERO)
    net = sum(netted, ZERO)
    if begin + at_begin + max(net, ZERO) > 0:
        at_begin, at_end = at_begin + max(net, ZERO), at_end + min(net, ZERO)
    else:
        at_begin += sum((amount for amount in netted if amount > 0), ZERO)
        at_end += sum((amount for amount in netted if amount < 0), ZERO)
    today = [row for row in rows if row["transaction_date"].date() == day]
    return {
        "begin_value": begin,
        "flow_at_begin": at_begin,
        "flow_at_end": at_end,
        "end_value": end,
        "income": _paid(today, "DIVIDEND", "INTEREST"),
        "fees": _paid(today, "FEE"),
        "counted_fees": _paid(
            [row for each in holdings if each.is_counted(day) for row in each.on(day)], "FEE"
        ),
        "taxes": _paid(today, "TAX"),
        "realized_gain_loss": sum((row["realized_gain_loss"] or ZERO for row in today), ZERO),
        "unrealized_gain_loss": end
        - sum((each.cost(day) for each in holdings if each.value(day) is not None), ZERO),
        "unvalued": Decimal(sum(not each.is_known(day) for each in holdings)),
    }


def _paid(rows: Rows, *types: str) -> Decimal:
    amounts = (
        base_amount(row, row["gross_transaction_amount"])
        for row in rows
        if row["transaction_type"] in types
    )
    return sum(amounts, ZERO)


def linked(days: Iterable[Mapping[str, Decimal]], fees: bool = False) -> Decimal | None:
    """The return of all days; None where one of them has no capital, though something happened."""
    with localcontext(CONTEXT):
        factor = Decimal(1)
        for day in days:
            capital = day["begin_value"] + day["flow_at_begin"]
            gain = day["end_value"] - capital - day["flow_at_end"]
            gain += day["counted_fees"] if fees else ZERO
            if capital > 0:
                factor *= 1 + gain / capital
            elif any(day[name] for name in SOMETHING):
                return None
        return r(factor - 1)
