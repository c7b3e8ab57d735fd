"""What goes wrong between a trade and its line in the file, at random and by script."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from samples.lines import Line, at, instant, line
from samples.market import LISTINGS, Market


def entered_late(lines: list[Line], rng: Random) -> list[Line]:
    """One line in twenty-five is typed in days or months after its day."""
    late = []
    for entry in lines:
        if rng.random() < 0.04:
            entry = entry.but(entry.entered + timedelta(days=rng.randrange(1, 120)))
        late.append(entry)
    return late


def entered_twice(lines: list[Line], rng: Random) -> list[Line]:
    """One line in a hundred comes again, exactly as it was."""
    again = [
        entry.but(entry.entered + timedelta(days=rng.choice([0, 0, 1, 30])))
        for entry in lines
        if rng.random() < 0.01
    ]
    return lines + again


def corrected(lines: list[Line], rng: Random) -> list[Line]:
    """One purchase in eighty was noted with a wrong fee, and is corrected later."""
    corrections = []
    for entry in lines:
        if entry.columns["transaction_type"] == "BUY" and rng.random() < 0.0125:
            fee = Decimal(entry.columns["trade_fee"]) + rng.randrange(1, 10)
            later = entry.entered + timedelta(days=rng.randrange(1, 40))
            corrections.append(entry.but(later, trade_fee=f"{fee:f}", version="2"))
    return lines + corrections


class Script:
    """The stories that README.md tells, each in a holding that is not traded otherwise."""

    def __init__(self, market: Market, base_currencies: dict[str, str]) -> None:
        self.market = market
        self.base_currencies = base_currencies
        self.lines: list[Line] = []

    def note(
        self,
        portfolio_id: str,
        name: str,
        kind: str,
        security_id: str,
        traded: date,
        quantity: int,
        entered: date | None = None,
        /,
        **changes: str,
    ) -> Line:
        """A trade at the day's close; entered the same evening unless told otherwise."""
        listing, base = LISTINGS[security_id], self.base_currencies[portfolio_id]
        day = self.market.trading_day(traded)
        rate = None
        if listing.currency != base:
            rate = self.market.rate(day, listing.currency, base)
        entry = line(
            at(entered or day, 22),
            transaction_id=f"T{portfolio_id[2:]}-{name}",
            portfolio_id=portfolio_id,
            security_id=security_id,
            instrument_id=listing.isin,
            transaction_type=kind,
            transaction_date=instant(at(day, listing.utc_hours[0]), listing.currency),
            quantity=Decimal(quantity),
            price=self.market.price(day, listing),
            trade_currency=listing.currency,
            currency="USD",
            fx_rate=rate,
        ).but(**changes)
        self.lines.append(entry)
        return entry

    def again(self, entry: Line, entered: date, **changes: str) -> None:
        """A further line about the same transaction."""
        self.lines.append(entry.but(at(entered, 22), **changes))

    def cancel(self, entry: Line, entered: date, version: str = "2") -> None:
        """The line that voids a transaction says no more than it must."""
        kept = {name: entry.columns[name] for name in ("transaction_id", "portfolio_id")}
        self.lines.append(line(at(entered, 22), **kept, transaction_type="CANCEL", version=version))

    def play(self) -> list[Line]:
        self.oversold()
        self.without_rate()
        self.wrong_currency()
        self.mistaken()
        self.cancelled()
        return self.lines

    def oversold(self) -> None:
        """A sale of 100 when only 60 were known: the purchase of 50 more comes a year late."""
        self.note("P-1001", "FIRST-BUY", "BUY", "PG.XETR", date(2018, 2, 5), 60)
        self.note("P-1001", "OVERSOLD", "SELL", "PG.XETR", date(2018, 6, 11), 100)
        entered = date(2019, 6, 14)
        self.note("P-1001", "LATE-BUY", "BUY", "PG.XETR", date(2018, 3, 12), 50, entered)
        # Nobody ever finds what this one sold.
        self.note("P-1002", "NEVER-HELD", "SELL", "AMD", date(2020, 3, 9), 500)

    def without_rate(self) -> None:
        """Purchases without their rate: of one the reference data has it, of one a correction
        brings it, and of one, in kroner by mistake, nobody knows it."""
        self.note("P-1002", "NO-RATE", "BUY", "XOM", date(2021, 4, 6), 80, fx_rate="")
        kroner = {"trade_currency": "NOK", "fx_rate": ""}
        self.note("P-1002", "IN-KRONER", "BUY", "HD", date(2021, 4, 6), 20, **kroner)
        found = self.note("P-1002", "RATE-FOUND", "BUY", "JPM", date(2021, 4, 6), 30)
        self.lines[-1] = found.but(fx_rate="")
        self.again(found, date(2021, 5, 20), version="2")

    def wrong_currency(self) -> None:
        """A holding in sterling, and a purchase that claims to have been paid in dollars."""
        day = date(2019, 9, 2)
        self.note("P-1003", "IN-POUNDS", "BUY", "PFE.XLON", day, 200)
        rate = self.market.rate(day, "USD", "GBP")
        changes = {"trade_currency": "USD", "fx_rate": f"{rate:f}"}
        self.note("P-1003", "IN-DOLLARS", "BUY", "PFE.XLON", date(2019, 9, 9), 100, **changes)

    def mistaken(self) -> None:
        """A purchase noted under another share, and corrections that cross on their way."""
        moved = self.note("P-1004", "WRONG-SHARE", "BUY", "LLY.XSWX", date(2019, 1, 14), 25)
        day = self.market.trading_day(date(2019, 1, 14))
        pepsi = LISTINGS["PEP.XSWX"]
        right = {"security_id": "PEP.XSWX", "instrument_id": pepsi.isin, "version": "2"}
        price = f"{self.market.price(day, pepsi):f}"
        self.again(moved, date(2019, 2, 1), **right, price=price)
        crossed = self.note("P-1001", "CROSSED", "BUY", "WMT.XTKS", date(2020, 8, 3), 40)
        self.again(crossed, date(2020, 8, 1), version="2", quantity="45")

    def cancelled(self) -> None:
        """A purchase voided, one voided before it came, and one voided and taken back."""
        voided = self.note("P-1005", "VOID", "BUY", "AAPL", date(2018, 10, 1), 15)
        self.cancel(voided, date(2018, 10, 9))
        early = self.note("P-1003", "VOID-FIRST", "BUY", "KO", date(2022, 1, 10), 70)
        self.cancel(early, date(2022, 1, 7))
        revived = self.note("P-1004", "REVIVED", "BUY", "HD", date(2021, 7, 6), 12)
        self.cancel(revived, date(2021, 7, 8))
        self.again(revived, date(2021, 7, 9), version="3")
