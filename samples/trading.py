"""The ordinary life of a portfolio: savings, purchases, sales, income, charges and transfers."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from random import Random

from samples.lines import Line, at, instant, line, settlement
from samples.market import LISTINGS, Listing, Market, money

DIVIDEND_YIELD_A_QUARTER = Decimal("0.006")
TAX_RATE = Decimal("0.15")
FEE_RATE = Decimal("0.001")
FEE_MIN = {"JPY": Decimal(600)}
QUARTER_ENDS = (3, 6, 9, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who trades what, and in which way."""

    portfolio_id: str
    base_currency: str
    cost_basis_method: str
    name: str
    client_id: str
    booking_center: str
    opened_on: date
    universe: tuple[str, ...]
    cash_currency: str  # of a second cash account, beside the one in the base currency
    monthly: Decimal  # what is paid in, in base currency
    fractions: bool = False  # buys for a round amount instead of a round quantity
    taxed: bool = False


@dataclass(slots=True)
class Desk:
    """One portfolio's trading in the order of its days, never selling what is not there."""

    plan: Plan
    market: Market
    rng: Random
    held: dict[str, Decimal] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def trade_all(self) -> list[Line]:
        month = 0
        for day in self.market.days:
            if day.month != month:
                month = day.month
                self.first_of_month(day)
            # Sales come first: what is bought on a day may be bought at a later hour of it.
            if self.rng.random() < 0.12:
                self.sell(day)
            if self.rng.random() < 0.19:
                self.buy(day, LISTINGS[self.rng.choice(self.plan.universe)])
        return self.lines

    def first_of_month(self, day: date) -> None:
        self.pay_in(day)
        if day.month in QUARTER_ENDS:
            self.earn(day)
            self.charge(day)
        if day.month in (5, 11):
            self.pay_out(day)
        if day.month == 8:
            self.transfer(day)

    def add(self, day: date, kind: str, **columns: str | Decimal | None) -> None:
        """Note one line, entered on the evening of its day."""
        number = len(self.lines) + 1
        entered = at(day, 21) + timedelta(seconds=self.rng.randrange(3_000))
        identity = f"T{self.plan.portfolio_id[2:]}-{number:05}"
        self.lines.append(
            line(
                entered,
                transaction_id=identity,
                portfolio_id=self.plan.portfolio_id,
                transaction_type=kind,
                **columns,
            )
        )

    def rate(self, day: date, currency: str) -> Decimal | None:
        """The exchange rate of a line, where it needs one."""
        if currency == self.plan.base_currency:
            return None
        return self.market.rate(day, currency, self.plan.base_currency)

    # -- shares --

    def execution(self, day: date, listing: Listing) -> dict[str, str | Decimal | None]:
        """The columns that every trade on an exchange has."""
        opens, closes = listing.utc_hours
        rng = self.rng
        when = at(day, rng.randrange(opens, closes), rng.randrange(60), rng.randrange(60))
        return {
            "security_id": listing.security_id,
            "instrument_id": listing.isin,
            "transaction_date": instant(when, listing.currency),
            "settlement_date": settlement(day).isoformat(),
            "trade_currency": listing.currency,
            "currency": "USD",
            "fx_rate": self.rate(day, listing.currency),
        }

    def fee(self, amount: Decimal, currency: str) -> Decimal:
        return max(money(amount * FEE_RATE, currency), FEE_MIN.get(currency, Decimal(5)))

    def buy(self, day: date, listing: Listing) -> None:
        price = self.market.price(day, listing)
        dollars = self.rng.randrange(2_000, 12_001, 100)
        budget = dollars * self.market.rate(day, "USD", listing.currency)
        if self.plan.fractions:
            amount = money(budget, listing.currency)
            quantity = (amount / price).quantize(Decimal("0.000001"), ROUND_DOWN)
            paid = {"quantity": quantity, "price": price, "gross_transaction_amount": amount}
        else:
            quantity = max((budget / price).quantize(Decimal(1), ROUND_DOWN), Decimal(1))
            amount = quantity * price
            paid = {"quantity": quantity, "price": price}
        columns = self.execution(day, listing) | paid
        self.add(day, "BUY", **columns, trade_fee=self.fee(amount, listing.currency))
        self.held[listing.security_id] = self.held.get(listing.security_id, Decimal(0)) + quantity

    def sell(self, day: date) -> None:
        choice = [name for name in self.plan.universe if self.held.get(name)]
        if not choice:
            return
        listing = LISTINGS[self.rng.choice(choice)]
        held = self.held[listing.security_id]
        part = held * self.rng.choice([25, 40, 60, 100]) / 100
        quantity = part.quantize(Decimal(1), ROUND_DOWN) if part != held else held
        if not quantity:
            return
        price = self.market.price(day, listing)
        columns = self.execution(day, listing) | {"quantity": quantity, "price": price}
        self.add(day, "SELL", **columns, trade_fee=self.fee(quantity * price, listing.currency))
        self.held[listing.security_id] = held - quantity

    def transfer(self, day: date) -> None:
        """Once a year some shares come from another custodian and some go to one."""
        incoming, outgoing = self.rng.sample(self.plan.universe, 2)
        listing, quantity = LISTINGS[incoming], Decimal(self.rng.randrange(10, 60))
        columns = self.execution(day, listing) | {"transaction_date": day.isoformat()}
        price = self.market.price(day, listing)
        self.add(day, "TRANSFER_IN", **columns, quantity=quantity, price=price)
        self.held[incoming] = self.held.get(incoming, Decimal(0)) + quantity
        held = self.held.get(outgoing, Decimal(0))
        quantity = (held / 3).quantize(Decimal(1), ROUND_DOWN)
        if quantity:
            columns = self.execution(day, LISTINGS[outgoing]) | {
                "transaction_date": day.isoformat(),
                "fx_rate": None,  # a transfer out leaves at cost and needs no rate
            }
            self.add(day, "TRANSFER_OUT", **columns, quantity=quantity)
            self.held[outgoing] = held - quantity

    def earn(self, day: date) -> None:
        """A dividend on every share that is held, and the tax withheld on it."""
        for name in self.plan.universe:
            if not self.held.get(name):
                continue
            listing = LISTINGS[name]
            worth = self.held[name] * self.market.price(day, listing)
            amount = money(worth * DIVIDEND_YIELD_A_QUARTER, listing.currency)
            columns = self.execution(day, listing) | {"transaction_date": day.isoformat()}
            # The units it was paid on are passed through.
            units = {"quantity": self.held[name], "gross_transaction_amount": amount}
            self.add(day, "DIVIDEND", **columns, **units)
            if self.plan.taxed:
                tax = money(amount * TAX_RATE, listing.currency)
                self.add(day, "TAX", **columns, gross_transaction_amount=tax)

    # -- cash --

    def cash(self, day: date, kind: str, amount: Decimal, currency: str) -> None:
        """One movement on a cash account; its quantity is its amount."""
        self.add(
            day,
            kind,
            security_id=f"CASH.{currency}",
            transaction_date=day.isoformat(),
            gross_transaction_amount=money(amount, currency),
            trade_currency=currency,
            currency=currency,
            fx_rate=self.rate(day, currency),
        )

    def pay_in(self, day: date) -> None:
        self.cash(day, "DEPOSIT", self.plan.monthly, self.plan.base_currency)
        if day.month in QUARTER_ENDS:
            rate = self.market.rate(day, self.plan.base_currency, self.plan.cash_currency)
            self.cash(day, "DEPOSIT", self.plan.monthly * rate / 4, self.plan.cash_currency)

    def pay_out(self, day: date) -> None:
        share = Decimal(self.rng.randrange(20, 80)) / 100
        self.cash(day, "WITHDRAWAL", self.plan.monthly * share, self.plan.base_currency)
        if day.year > self.market.days[0].year:
            rate = self.market.rate(day, self.plan.base_currency, self.plan.cash_currency)
            self.cash(day, "WITHDRAWAL", self.plan.monthly * rate / 10, self.plan.cash_currency)

    def charge(self, day: date) -> None:
        """Interest on the cash, and the custodian's fee."""
        interest = self.plan.monthly * self.rng.randrange(1, 9) / 1_000
        self.cash(day, "INTEREST", interest, self.plan.base_currency)
        self.cash(day, "FEE", self.plan.monthly / 100, self.plan.base_currency)
        if self.plan.taxed:
            self.cash(day, "TAX", interest / 4, self.plan.base_currency)
