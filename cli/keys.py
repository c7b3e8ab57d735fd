"""`portfolio keys`: who may ask the API, and for what."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click
import psycopg2
from psycopg2.errors import UndefinedTable
from psycopg2.extras import RealDictCursor

from api.keys import KEY_ID, Key, Scope, new_key, read_key
from api.settings import needs_keys
from cli.failures import told_plainly
from cli.printing import console, json_option, messages, print_json, table
from cli.servers import ServerError, database_url
from cli.settings import Settings
from wire.fields import Broken, free_text, id_text
from wire.inputs import instant

CONNECT_SECONDS_MAX = 10
DAYS_MAX = 36_500
# What is shown of a key: never its hash, which would tell whether a guess is right.
SHOWN = ("key_id", "name", "scopes", "portfolios", "created_at", "expires_at", "revoked_at")
INSTANTS = ("created_at", "expires_at", "revoked_at")
_COLUMNS = ", ".join(SHOWN)
_ADD = f"""
INSERT INTO api_keys (key_id, name, secret_sha256, scopes, portfolios, expires_at)
VALUES (%s, %s, %s, %s, %s, now() + make_interval(days => %s)) RETURNING {_COLUMNS}
"""
_LIST = f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, key_id"
# Who revokes again learns when it was revoked first.
_REVOKE = f"""
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = %s RETURNING {_COLUMNS}
"""


@click.group()
def keys() -> None:
    """Keys of the API: it asks for one wherever it listens beyond this machine."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What it is for: read answers, write events, admin for both and what is of no portfolio.",
)
@click.option(
    "--portfolio", "portfolios", multiple=True, help="Of this portfolio alone.  [default: of all]"
)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), help="Good for so long.  [default: ever]")
@json_option
@click.pass_obj
def add(
    settings: Settings,
    name: str,
    scopes: Sequence[str],
    portfolios: Sequence[str],
    days: int | None,
    as_json: bool,
) -> None:
    """Make a key, and show it: it cannot be shown again."""
    _demand(free_text(name), "NAME")
    for portfolio_id in portfolios:
        _demand(id_text(portfolio_id), "--portfolio")
    if portfolios and Scope.ADMIN in scopes:
        raise click.UsageError("an admin key is for everything: leave --portfolio or admin out")
    made, row = add_key(settings, name, scopes, portfolios, days)
    if as_json:
        print_json({**row, "key": made.text})
        return
    click.echo(made.text)
    messages().print(
        f"This is {name}, key_id {made.key_id}. Keep it now: it is stored nowhere and not shown "
        "again. Send it as `Authorization: Bearer KEY`; commands take it from API_KEY."
    )


@keys.command("list")
@json_option
@click.pass_obj
def list_keys(settings: Settings, as_json: bool) -> None:
    """All keys, without their secrets."""
    with _database(settings) as database:
        database.execute(_LIST)
        rows = [_shown(row) for row in database.fetchall()]
    if as_json:
        print_json({"keys": rows})
        return
    cells = [[_cell(name, row[name]) for name in SHOWN] for row in rows]
    console().print(table("keys of the API", SHOWN, cells))


@keys.command()
@click.argument("key_id")
@json_option
@click.pass_obj
def revoke(settings: Settings, key_id: str, as_json: bool) -> None:
    """End a key for good. KEY_ID may be the key itself, as where one was found in the open."""
    whole = read_key(key_id)
    known = key_id if whole is None else whole.key_id
    if not KEY_ID.fullmatch(known):
        # It may be most of a key.
        raise click.UsageError("KEY_ID must be as `portfolio keys list` shows it")
    row = revoke_key(settings, known)
    if row is None:
        raise click.ClickException(f"there is no key {known}: see `portfolio keys list`")
    if as_json:
        print_json(row)
    else:
        console().print(f"{known} ({row['name']}) is revoked; the API stops taking it within 30 s")


def add_key(
    settings: Settings,
    name: str,
    scopes: Sequence[str],
    portfolios: Sequence[str] = (),
    days: int | None = None,
) -> tuple[Key, dict[str, Any]]:
    """A new key, and what is shown of it."""
    made = new_key()
    given = sorted(set(scopes)), sorted(set(portfolios)) or None
    with _database(settings) as database:
        database.execute(_ADD, (made.key_id, name, made.secret_sha256, *given, days))
        row = database.fetchone()
    assert row is not None
    return made, _shown(row)


def revoke_key(settings: Settings, key_id: str) -> dict[str, Any] | None:
    """What is shown of it; None: there is none."""
    with _database(settings) as database:
        database.execute(_REVOKE, (key_id,))
        row = database.fetchone()
    return None if row is None else _shown(row)


@contextmanager
def lent(settings: Settings) -> Iterator[Settings]:
    """Settings with a key to read with, of this block alone, where one is needed and none is set."""
    if settings.api_key is not None or not needs_keys(settings.api_host, settings.api_keys):
        yield settings
        return
    made, _ = add_key(settings, "portfolio run", [Scope.READ.value], days=1)
    try:
        yield replace(settings, api_key=made.text)
    finally:
        revoke_key(settings, made.key_id)


@contextmanager
def _database(settings: Settings) -> Iterator[RealDictCursor]:
    """A cursor in a transaction of its own."""
    with told_plainly():
        connection = psycopg2.connect(
            database_url(settings), connect_timeout=CONNECT_SECONDS_MAX, options="-c timezone=UTC"
        )
        try:
            with connection, connection.cursor(cursor_factory=RealDictCursor) as opened:
                yield opened
        except UndefinedTable as error:
            raise ServerError("the database is not up to date: `portfolio migrate`") from error
        finally:
            connection.close()


def _demand(read: object, what: str) -> None:
    if isinstance(read, Broken):
        raise click.UsageError(f"{what}: {read.message}")


def _shown(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row as psycopg2 gives it
    return {
        name: instant(value) if name in INSTANTS and value is not None else value
        for name, value in row.items()
    }


def _cell(name: str, value: object) -> object:
    match name, value:
        case "portfolios", None:
            return "all"
        case "expires_at", None:
            return "never"
        case "scopes" | "portfolios", list():
            return " ".join(map(str, value))
        case _:
            return value
