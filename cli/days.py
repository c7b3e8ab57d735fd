"""Days that commands are asked about: of UTC, as everywhere, and none that is yet to come."""

from datetime import UTC, date, datetime

import click

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
    """Neither is needed; where both are there, the one must not be after the other."""
    if first_day is not None and last_day is not None and last_day < first_day:
        raise click.BadParameter(f"{last_day} is before {first_day}", param_hint="'--to'")


def text(day: date | None) -> str | None:
    """As the API takes it."""
    return None if day is None else day.isoformat()
