"""`portfolio value --all`: what every portfolio was worth on a day, into a table."""

from datetime import UTC, date, datetime

import click

from cli.failures import told_plainly
from cli.printing import console, json_option, print_json
from cli.servers import database_url
from cli.settings import Settings
from reports.all_valuations import value_all
from reports.limits import Limits


@click.command()
@click.option("--all", "is_all", is_flag=True, required=True, help="Each portfolio there is.")
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Day in UTC.  [default: today]"
)
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1, 64))
@json_option
@click.pass_obj
def value(
    settings: Settings, is_all: bool, day: datetime | None, processes: int, as_json: bool
) -> None:
    """Write what portfolios were worth at the end of a day to the table `valuations`."""
    assert is_all
    on: date = (day or datetime.now(UTC)).date()
    limits = Limits(
        price_max_age_days=settings.price_max_age_days,
        fx_max_age_days=settings.fx_max_age_days,
        cross_currency=settings.fx_cross_currency,
    )
    with told_plainly():
        written = value_all(database_url(settings), on, limits, processes)
    if as_json:
        print_json({"on": on.isoformat(), **{n: getattr(written, n) for n in written.__slots__}})
    else:
        console().print(
            f"{written.positions} positions of {written.portfolios} portfolios on {on}, "
            f"{written.unvalued} of them without a value"
        )
