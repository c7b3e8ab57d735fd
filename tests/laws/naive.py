"""The fold as one would write it on the back of an envelope: sort, then book one by one.

It shares nothing with the calculator but the records that go in: numbers are fractions, lots
are plain lists searched from the start each time, and nothing is ever taken back.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from calculator import FxRate, Transaction

KINDS = {"BUY": 0, "TRANSFER_IN": 0, "DEPOSIT": 0, "SELL": 2, "TRANSFER_OUT": 2, "WITHDRAWAL": 2}
UNUSED_AMOUNT = ("TRANSFER_OUT", "WITHDRAWAL")
LIMIT = 10**26
BOTH = ("local", "base")

Numbers = dict[str, Fraction]


def r(number: Fraction) -> Fraction:
    return Fraction(round(number * 10**12), 10**12)


def in_force(events: Iterable[Any]) -> dict[Any, Any]:
    """The highest version of each identity; of equal ones the first."""
    best: dict[Any, Any] = {}
    for event in events:
        key = event.portfolio_id, getattr(event, "transaction_id", None)
        if key not in best or event.version > best[key].version:
            best[key] = event
    return best


def order_of(trade: Transaction) -> tuple[datetime, int, str]:
    return trade.transaction_date, KINDS.get(trade.transaction_type, 1), trade.transaction_id


class NaiveRates:
    """What every day says of every pair, looked for one by one."""

    def __init__(self, records: Iterable[FxRate], cross: str | None, max_age: int) -> None:
        self.cross, self.max_age = cross, max_age
        best: dict[tuple[str, str, date], FxRate] = {}
        for rate in records:
            key = rate.from_currency, rate.to_currency, rate.rate_date
            if key not in best or rate.version > best[key].version:
                best[key] = rate
        self.known = {key: Fraction(rate.rate) for key, rate in best.items()}

    def leg(self, one: str, other: str, day: date) -> list[Fraction]:
        """Direct, then inverse."""
        found = []
        if (one, other, day) in self.known:
            found.append(self.known[one, other, day])
        if (other, one, day) in self.known:
            found.append(1 / self.known[other, one, day])
        return found

    def found(self, one: str, other: str, day: date) -> Fraction | None:
        for age in range(self.max_age + 1):
            then = day - timedelta(days=age)
            choices = self.leg(one, other, then)
            if self.cross not in (None, one, other):
                first, second = self.leg(one, self.cross, then), self.leg(self.cross, other, then)
                choices += [first[0] * second[0]] if first and second else []
            for choice in map(r, choices):
                if 0 < choice < 10**9:
                    return choice
        return None


def units_of(trade: Transaction) -> Fraction:
    units = Fraction(trade.quantity or 0)
    if trade.transaction_type in ("DEPOSIT", "WITHDRAWAL") and not units:
        units = Fraction(trade.gross_transaction_amount or 0)
    return units


def amount_of(trade: Transaction) -> Fraction:
    product = r(Fraction(trade.quantity or 0) * Fraction(trade.price or 0))
    gross = trade.gross_transaction_amount
    return product if gross is None else Fraction(gross)


class NaiveHolding:
    """The books of one holding while they are written."""

    def __init__(self, method: str, base: str | None, rates: NaiveRates) -> None:
        self.method, self.base, self.rates = method, base, rates
        self.currency: str | None = None
        self.lots: list[dict[str, Any]] = []  # by age
        self.quantity = Fraction(0)
        self.cost = dict.fromkeys(BOTH, Fraction(0))
        self.gain = dict.fromkeys(BOTH, Fraction(0))
        self.dates: list[datetime] = []  # of what is booked

    def book(self, trade: Transaction) -> tuple[Any, ...]:
        """(status or reason, amounts where it is booked, the rate that was looked up)"""
        found = None
        needs_rate = trade.fx_rate is None and self.uses_rate(trade)
        if needs_rate and self.base is not None and self.base != trade.trade_currency:
            found = self.rates.found(trade.trade_currency, self.base, trade.transaction_date.date())
        result = self.result_of(trade, found)
        if result[0] == "BOOKED":
            self.dates.append(trade.transaction_date)
        return (*result, found)

    def uses_rate(self, trade: Transaction) -> bool:
        return trade.transaction_type not in UNUSED_AMOUNT

    def result_of(self, trade: Transaction, found: Fraction | None) -> tuple[Any, ...]:
        kind = KINDS.get(trade.transaction_type, 1)
        rate = Fraction(1)
        if self.base not in (None, trade.trade_currency):
            given = found if trade.fx_rate is None else Fraction(trade.fx_rate)
            if given is None and trade.transaction_type not in UNUSED_AMOUNT:
                return ("fx_rate_must_be_known",)
            rate = given or Fraction(0)
        if kind != 1 and self.currency not in (None, trade.trade_currency):
            return ("trade_currency_must_match_the_holding",)
        units = units_of(trade)
        if kind == 2 and units > self.quantity:
            return ("quantity_must_not_exceed_holding",)
        amount = amount_of(trade)
        money = {"local": amount, "base": r(amount * rate)}
        fees = {"local": Fraction(trade.trade_fee), "base": r(Fraction(trade.trade_fee) * rate)}
        if kind == 1:
            return self.neutral(trade, money)
        if kind == 0:
            return self.increase(trade, units, money, {c: money[c] + fees[c] for c in BOTH})
        return self.decrease(trade, units, money, {c: money[c] - fees[c] for c in BOTH})

    def neutral(self, trade: Transaction, money: Numbers) -> tuple[Any, ...]:
        if max(money.values()) >= LIMIT:
            return ("amount_must_fit",)
        if trade.transaction_type in ("DIVIDEND", "INTEREST"):
            money = dict.fromkeys(BOTH, Fraction(0))
        return ("BOOKED", money, money, None, [])

    def increase(
        self, trade: Transaction, units: Fraction, money: Numbers, net: Numbers
    ) -> tuple[Any, ...]:
        totals = [self.quantity + units, *(self.cost[c] + net[c] for c in BOTH)]
        if max(totals) >= LIMIT or max(net.values()) >= LIMIT:
            return ("amount_must_fit",)
        self.currency = trade.trade_currency
        self.quantity += units
        if self.method == "AVCO" and self.lots:
            self.lots[0]["quantity"] += units
            for c in BOTH:
                self.lots[0][c] += net[c]
        else:
            self.lots.append(
                {
                    "id": "POOL" if self.method == "AVCO" else trade.transaction_id,
                    "acquired_at": trade.transaction_date,
                    "quantity": units,
                    "unit_cost": r(net["base"] / units),
                    **net,
                }
            )
        self.cost = {c: self.cost[c] + net[c] for c in BOTH}
        return ("BOOKED", money, net, None, [])

    def in_order_of_relief(self) -> list[dict[str, Any]]:
        match self.method:
            case "LIFO":
                return self.lots[::-1]
            case "HIFO":
                return sorted(self.lots, key=lambda lot: -lot["unit_cost"])
            case "LOFO":
                return sorted(self.lots, key=lambda lot: lot["unit_cost"])
            case _:
                return self.lots

    def parts(self, units: Fraction) -> list[dict[str, Any]]:
        taken = []
        for lot in self.in_order_of_relief():
            part = min(units, lot["quantity"])
            if part:
                share = {c: r(lot[c] * part / lot["quantity"]) for c in BOTH}
                taken.append({"lot": lot, "quantity": part, **share})
            units -= part
        assert not units
        return taken

    def decrease(
        self, trade: Transaction, units: Fraction, money: Numbers, proceeds: Numbers
    ) -> tuple[Any, ...]:
        parts = self.parts(units)
        cost = {c: sum((part[c] for part in parts), Fraction(0)) for c in BOTH}
        gain = None
        if trade.transaction_type == "SELL":
            gain = {c: proceeds[c] - cost[c] for c in BOTH}
            after = {c: self.gain[c] + gain[c] for c in BOTH}
            amounts = [*money.values(), *gain.values(), *after.values()]
            if max(map(abs, amounts)) >= LIMIT:
                return ("amount_must_fit",)
            self.gain = after
            for c in BOTH:
                for part in parts[:-1]:
                    part["proceeds_" + c] = r(proceeds[c] * part["quantity"] / units)
                rest = sum((part["proceeds_" + c] for part in parts[:-1]), Fraction(0))
                parts[-1]["proceeds_" + c] = proceeds[c] - rest
        for part in parts:
            for name in ("quantity", *BOTH):
                part["lot"][name] -= part[name]
            part["id"], part["acquired_at"] = part["lot"]["id"], part.pop("lot")["acquired_at"]
        self.lots = [lot for lot in self.lots if lot["quantity"]]
        self.quantity -= units
        self.cost = {c: self.cost[c] - cost[c] for c in BOTH}
        minus = {c: -cost[c] for c in BOTH}
        return ("BOOKED", minus, minus, gain, parts)
