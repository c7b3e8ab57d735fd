"""Days that commands are asked about: of UTC, as everywhere, and none that is yet to come."""

from datetime import UTC, date, datetime

import click

from reports.questions import DAYS_MAX
from wire.fields import Broken, calendar_date


def today() -> date:
    return datetime.now(UTC).date()


class Day(click.ParamType):
    """YYYY-MM-DD."""

    name = "date"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        day = calendar_date(value)
        if isinstance(day, Broken):
            self.fail(day.message, param, ctx)
        if day > today():
            self.fail(f"{day} is after today, {today()} in UTC", param, ctx)
        return day


DAY = Day()


def demand_order(first_day: date | None, last_day: date | None) -> None:
    """Neither is needed; the one must not be after the other, nor more than a century before it."""
    if first_day is None:
        return
    last_day = last_day or today()
    if last_day < first_day:
        raise click.BadParameter(f"{last_day} is before {first_day}", param_hint="'--to'")
    if (last_day - first_day).days >= DAYS_MAX:
        message = f"from {first_day} to {last_day} are more than {DAYS_MAX} days"
        raise click.BadParameter(message, param_hint="'--from'")


def text(day: date | None) -> str | None:
    """As the API takes it."""
    return None if day is None else day.isoformat()
