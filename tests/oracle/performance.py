"""A second opinion on the days of a portfolio, from its transactions, prices and rates: one Decimal
at a time, with nothing of `reports` or `analytics`. Days are plain dicts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

from tests.oracle.market import Held, Market, Worth

CONTEXT = Context(prec=120, rounding=ROUND_HALF_EVEN)
STEP = Decimal("1e-12")
ZERO, ONE = Decimal(0), Decimal(1)
ONE_DAY = timedelta(days=1)
IN, OUT = ("BUY", "TRANSFER_IN", "DEPOSIT"), ("SELL", "TRANSFER_OUT", "WITHDRAWAL")
INCOME, CHARGES = ("DIVIDEND", "INTEREST"), ("FEE", "TAX")
PAYMENTS = INCOME + CHARGES
# When on its day a transaction is a flow; all others at the end.
OF_PORTFOLIO = dict.fromkeys(("BUY", "SELL", "DEPOSIT", "WITHDRAWAL", *INCOME), "NET")
OF_POSITION = dict.fromkeys(("BUY", "DEPOSIT"), "BEGIN")
IN_KIND = ("TRANSFER_IN", "TRANSFER_OUT", "DEPOSIT", "WITHDRAWAL")  # at the value of the day

Row = Mapping[str, Any]
Rows = Sequence[Row]
Day = dict[str, Any]


def r(amount: Decimal) -> Decimal:
    return amount.quantize(STEP)


def day_of(row: Row) -> date:
    day: date = row["transaction_date"].date()
    return day


def moved(row: Row) -> Decimal:
    """The units."""
    if row["cash_movement"] is not None:
        return Decimal(row["cash_movement"])
    units: Decimal = row["quantity"] or row["gross_transaction_amount"]
    if row["transaction_type"] in IN:
        return units
    return -units if row["transaction_type"] in OUT else ZERO


def moves(row: Row) -> bool:
    """Whether it moves units and cost."""
    return row["cash_movement"] is not None or row["transaction_type"] in IN + OUT


def gross_local(row: Row) -> Decimal:
    amount = row["gross_transaction_amount"]
    if amount is not None:
        return Decimal(amount)
    return (
        ZERO
        if row["quantity"] is None or row["price"] is None
        else r(row["quantity"] * row["price"])
    )


def is_kept(row: Row) -> bool:
    """Whether it is of a cash holding."""
    return row["cash_movement"] is not None


def days_from(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


class Holding:
    """What one holding was on each day, from its BOOKED rows of `transactions`."""

    def __init__(self, rows: Rows, market: Market, base: str, last: date, keeps_cash: bool) -> None:
        self.market, self.base, self.keeps_cash = market, base, keeps_cash
        self.currency = next((row for row in rows if moves(row)), rows[0])["trade_currency"]
        held = Held(rows[0]["security_id"], self.currency, base, keeps_cash)
        self.on: dict[date, list[Row]] = {}
        for row in rows:
            self.on.setdefault(day_of(row), []).append(row)
        self.units: dict[date, Decimal] = {}
        self.cost: dict[date, Decimal] = {}
        self.values: dict[date, Decimal | None] = {}
        self.worths: dict[date, Worth] = {}
        units = cost = ZERO
        for day in days_from(min(self.on) - ONE_DAY, last):
            for row in filter(moves, self.on.get(day, ())):
                units += moved(row)
                cost += row["net_cost"]
            self.units[day], self.cost[day] = units, cost
            self.worths[day] = market.worth(held, day)
            value = self.worths[day].of(units) if units else ZERO
            self.values[day] = None if value is None else r(value)

    def value(self, day: date) -> Decimal | None:
        return self.values.get(day, ZERO)

    def value_local(self, day: date) -> Decimal:
        """In the trade currency; nothing where there is no value in base currency."""
        worth, units = self.worths.get(day), self.units.get(day)
        if worth is None or worth.local is None or not units or self.value(day) is None:
            return ZERO
        return r(units * worth.local)

    def is_stale(self, day: date) -> bool:
        if not self.units.get(day) or self.value(day) is None:
            return False
        return self.worths[day].is_stale

    def rate(self, row: Row) -> Decimal | None:
        """Of the day, where cash is kept; else the transaction's own, which it has or looked up."""
        if row["trade_currency"] == self.base:
            return ONE
        own: Decimal | None = row["fx_rate"] or row["applied_fx_rate"]
        if own is not None and not self.keeps_cash:
            return own
        found = self.market.rate(row["trade_currency"], self.base, day_of(row))
        return own if found is None else found[1]

    def gross(self, row: Row) -> Decimal:
        """In base currency; nothing where no rate is known."""
        return r(gross_local(row) * (self.rate(row) or ZERO))

    def is_known(self, day: date) -> bool:
        """Its value at the end, and that of what came and went in kind."""
        in_kind = any(
            is_kept(row) or row["transaction_type"] in IN_KIND for row in self.on.get(day, ())
        )
        return self.value(day) is not None and not (in_kind and self.worths[day].of(ONE) is None)

    def is_counted(self, day: date) -> bool:
        return self.is_known(day) and self.value(day - ONE_DAY) is not None

    def flow(self, row: Row) -> tuple[Decimal, Decimal] | None:
        """Into the holding, in base and in trade currency."""
        kind = row["transaction_type"]
        worth = self.worths[day_of(row)]
        if kind in PAYMENTS:
            return self.paid(row)
        if kind in ("BUY", "SELL") and not is_kept(row):
            # Of a sale what it had cost, which left with a sign, and what was gained.
            amount = row["net_cost"] - (row["realized_gain_loss"] or ZERO)
            local = row["net_cost_local"] - (row["realized_gain_loss_local"] or ZERO)
            if self.keeps_cash and self.currency != self.base and worth.rate is not None:
                amount = r(local * worth.rate)
            return amount, local
        value = worth.of(moved(row))
        assert value is not None, "else the day is not counted"
        return r(value), r(moved(row) * (worth.local or ZERO))

    def paid(self, row: Row) -> tuple[Decimal, Decimal] | None:
        rate, local = self.rate(row), gross_local(row)
        if rate is None:
            return None
        if row["transaction_type"] in CHARGES:
            return self.gross(row), self.in_trade_currency(row, self.gross(row), local)
        fee = row["trade_fee"]
        # What becomes cash is rounded once, as the cash is.
        amount = r((local - fee) * rate) if self.keeps_cash else r(local * rate) - r(fee * rate)
        return -amount, -self.in_trade_currency(row, amount, local - fee)

    def in_trade_currency(self, row: Row, amount: Decimal, local: Decimal) -> Decimal:
        """What is paid in another currency than that of the holding, at the rate of the day."""
        if row["trade_currency"] == self.currency:
            return local
        rate = self.worths[day_of(row)].rate
        return r(amount / rate) if rate else ZERO

    def local_gain(self, day: date) -> Decimal:
        """In base currency, had the rate stood still since the begin of the day."""
        flows = self.flows(day, None)
        gain = self.value_local(day) - self.value_local(day - ONE_DAY)
        worths = (self.worths.get(each) for each in (day - ONE_DAY, day))
        rates = [worth.rate for worth in worths if worth is not None and worth.rate is not None]
        if not rates:  # and so no value
            return -_sum(amount for _, amount, _ in flows)
        return (gain - _sum(local for _, _, local in flows)) * rates[0]

    def flows(self, day: date, portfolio: "Portfolio | None") -> list[tuple[str, Decimal, Decimal]]:
        """(when, amount into it, in trade currency), of a whole portfolio or of it by itself."""
        if not self.is_counted(day):
            before, after = self.value(day - ONE_DAY), self.value(day)
            return [
                ("BEGIN", -(before or ZERO), -self.value_local(day - ONE_DAY)),
                ("END", after or ZERO, self.value_local(day)),
            ]
        found = []
        for row in self.on.get(day, ()):
            stays = is_kept(row) and row["transaction_type"] in PAYMENTS
            if stays or (portfolio is not None and portfolio.stays_inside(row)):
                continue
            amount = self.flow(row)
            times = OF_POSITION if portfolio is None else OF_PORTFOLIO
            if amount is not None:
                found.append((times.get(row["transaction_type"], "END"), *amount))
        return found


class Portfolio:
    """The holdings of a portfolio, from all of its BOOKED rows of `transactions`. A cash entry is of
    the day of its cause here, whenever it settles."""

    def __init__(self, rows: Rows, market: Market, base: str, last: date, cash: str) -> None:
        self.by_id = {row["transaction_id"]: row for row in rows}
        traded = [self.by_id.get(row["cause_transaction_id"], row) for row in rows]
        rows = [
            {**row, "transaction_date": cause["transaction_date"]}
            for row, cause in zip(rows, traded, strict=True)
        ]
        keeps_cash = cash != "securities_only"
        self.first, self.last = min(map(day_of, rows)), last
        with localcontext(CONTEXT):
            self.holdings = {
                name: Holding(
                    [row for row in rows if row["security_id"] == name],
                    market,
                    base,
                    last,
                    keeps_cash,
                )
                for name in sorted({row["security_id"] for row in rows})
            }

    def stays_inside(self, row: Row) -> bool:
        """Whether its other side within the portfolio has a known value."""
        of_cash = row["transaction_id"] + "~cash"
        other = self.by_id.get(row["cause_transaction_id"] or of_cash)
        return other is not None and self.holdings[other["security_id"]].is_counted(day_of(row))

    def days(self, security: str | None = None) -> list[Day]:
        """Of all of it, or of one holding by itself: from the first transaction on."""
        with localcontext(CONTEXT):
            if security is None:
                dates = days_from(self.first, self.last)
                return [_day(list(self.holdings.values()), day, self) for day in dates]
            holding = self.holdings[security]
            return [_day([holding], day, None) for day in days_from(min(holding.on), self.last)]

    def gains(self, security: str) -> dict[date, tuple[Decimal, Decimal]]:
        """Of each day what one holding gained, and what of it had no rate moved."""
        holding, gains = self.holdings[security], {}
        days = self.days(security)
        with localcontext(CONTEXT):
            for day in days:
                flows = day["flow_at_begin"] + day["flow_at_end"]
                gain = day["end_value"] - day["begin_value"] - flows
                gains[day["date"]] = gain, holding.local_gain(day["date"])
        return gains


def _day(holdings: Sequence[Holding], day: date, portfolio: Portfolio | None) -> Day:
    begin = _sum(each.value(day - ONE_DAY) for each in holdings)
    end = _sum(each.value(day) for each in holdings)
    flows = [(when, amount) for each in holdings for when, amount, _ in each.flows(day, portfolio)]
    at_begin = _sum(amount for when, amount in flows if when == "BEGIN")
    at_end = _sum(amount for when, amount in flows if when == "END")
    came = _sum(amount for when, amount in flows if when == "NET" and amount > 0)
    went = _sum(amount for when, amount in flows if when == "NET" and amount < 0)
    net = came + went
    if begin + at_begin + max(net, ZERO) > 0:
        came, went = max(net, ZERO), min(net, ZERO)
    today = [(each, row) for each in holdings for row in each.on.get(day, ())]
    return {
        "date": day,
        "begin_value": begin,
        "flow_at_begin": at_begin + came,
        "flow_at_end": at_end + went,
        "end_value": end,
        "income": _sum(each.gross(row) for each, row in today if row["transaction_type"] in INCOME),
        "fees": _sum(each.gross(row) for each, row in today if row["transaction_type"] == "FEE"),
        "counted_fees": _sum(
            each.gross(row)
            for each, row in today
            if row["transaction_type"] == "FEE" and each.is_counted(day)
        ),
        "taxes": _sum(each.gross(row) for each, row in today if row["transaction_type"] == "TAX"),
        "realized_gain_loss": _sum(row["realized_gain_loss"] for _, row in today),
        "unrealized_gain_loss": end
        - _sum(each.cost.get(day) for each in holdings if each.value(day) is not None),
        "stale": sum(each.is_stale(day) for each in holdings),
        "unvalued": sum(not each.is_known(day) for each in holdings),
    }


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount or ZERO for amount in amounts), ZERO)
