"""One line of the sample: the columns of a transaction, and when somebody typed it in."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

COLUMNS = (
    "transaction_id",
    "portfolio_id",
    "security_id",
    "instrument_id",
    "transaction_type",
    "transaction_date",
    "settlement_date",
    "quantity",
    "price",
    "gross_transaction_amount",
    "trade_fee",
    "trade_currency",
    "currency",
    "fx_rate",
    "version",
)


@dataclass(frozen=True, slots=True)
class Line:
    """The lines of the file stand in the order in which they were entered."""

    entered: datetime
    columns: dict[str, str]  # absent columns are absent fields

    def but(self, entered: datetime | None = None, /, **columns: str) -> "Line":
        """The same line with some columns changed; an empty column is absent."""
        changed = {name: text for name, text in (self.columns | columns).items() if text}
        return replace(self, entered=entered or self.entered, columns=changed)


def line(entered: datetime, **columns: str | Decimal | None) -> Line:
    """A line of the columns that are there."""
    return Line(
        entered,
        {
            name: text if isinstance(text, str) else f"{text:f}"
            for name, text in columns.items()
            if text is not None
        },
    )


def at(day: date, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """An instant of the day in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)


def instant(when: datetime, currency: str) -> str:
    """The instant as the exchange's own system writes it: Tokyo in its local time."""
    if currency == "JPY":
        return (when + timedelta(hours=9)).replace(tzinfo=None).isoformat() + "+09:00"
    return when.replace(tzinfo=None).isoformat() + "Z"


def settlement(day: date) -> date:
    """Two working days later."""
    left = 2
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day
