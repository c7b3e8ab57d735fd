"""`portfolio migrate`: the tables of the database, brought up to date."""

import click

from cli.failures import told_plainly
from cli.printing import console, json_option, masked, print_json
from cli.servers import database_url
from cli.settings import Settings
from migrations.upgrade import current, upgrade


@click.command()
@json_option
@click.pass_obj
def migrate(settings: Settings, as_json: bool) -> None:
    """Create the tables, or bring older ones up to date."""
    url = database_url(settings)
    with told_plainly():
        before = current(url)
        upgrade(url)
        after = current(url)
    if as_json:
        print_json({"before": before, "revision": after})
    elif before == after:
        console().print(f"{masked(url)} is at revision {after} already")
    else:
        console().print(f"{masked(url)} is at revision {after} now")
