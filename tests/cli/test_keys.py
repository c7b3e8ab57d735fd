"""`portfolio keys` on a real database."""

from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from api.keys import new_key, read_key
from cli import keys
from migrations.upgrade import upgrade
from tests.cli.portfolio import Portfolio
from tests.system.system import free_port


@pytest.fixture
def empty(tmp_path: Path, database_url: str) -> Portfolio:
    """A database that nobody migrated."""
    kafka = f"127.0.0.1:{free_port()}"
    return Portfolio(
        {"DATA_DIR": str(tmp_path), "DATABASE_URL": database_url, "KAFKA_BOOTSTRAP": kafka}
    )


@pytest.fixture
def portfolio(empty: Portfolio) -> Portfolio:
    upgrade(empty.environment["DATABASE_URL"])
    return empty


def rows(portfolio: Portfolio) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(portfolio.environment["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM api_keys")
        found = cursor.fetchall()
    connection.close()
    return found


def test_a_key_is_shown_once_and_kept_as_a_hash_alone(portfolio: Portfolio) -> None:
    said = portfolio.json("keys", "add", "desk", "--scope", "read", "--scope", "write")
    key = read_key(said["key"])
    assert key is not None
    assert key.key_id == said["key_id"]
    [row] = rows(portfolio)
    assert key.secret_sha256 in map(bytes, (v for v in row if isinstance(v, memoryview)))
    assert key.secret not in str(row)
    for shown in (portfolio("keys", "list"), portfolio("keys", "list", "--json")):
        assert key.key_id in shown.output
        assert key.secret not in shown.output
        assert key.secret_sha256.hex() not in shown.output


def test_for_people_stdout_has_the_key_alone(portfolio: Portfolio) -> None:
    said = portfolio("keys", "add", "desk", "--scope", "read")
    assert read_key(said.stdout.strip()) is not None
    assert "not shown again" in said.stderr.replace("\n", " ")


def test_a_list_says_what_each_key_is_for(portfolio: Portfolio) -> None:
    portfolio("keys", "add", "all", "--scope", "admin")
    some = ("--portfolio", "P2", "--portfolio", "P1", "--days", "7", "--scope", "read")
    portfolio("keys", "add", "some", *some, "--scope", "read")
    every, limited = portfolio.json("keys", "list")["keys"]
    assert (every["name"], every["scopes"], every["portfolios"]) == ("all", ["admin"], None)
    assert (every["expires_at"], every["revoked_at"]) == (None, None)
    assert (limited["scopes"], limited["portfolios"]) == (["read"], ["P1", "P2"])
    created, ends = (datetime.fromisoformat(limited[n]) for n in ("created_at", "expires_at"))
    assert (ends - created).days == 7
    shown = portfolio("keys", "list").stdout
    for text in ("P1 P2", "never", limited["expires_at"]):
        assert text in shown


def test_a_key_is_revoked_by_its_id_or_by_itself_and_stays_so(portfolio: Portfolio) -> None:
    made = portfolio.json("keys", "add", "a", "--scope", "read")
    other = portfolio.json("keys", "add", "b", "--scope", "read")
    first = portfolio.json("keys", "revoke", made["key_id"])
    assert first["revoked_at"]
    assert portfolio.json("keys", "revoke", made["key_id"]) == first
    said = portfolio("keys", "revoke", other["key"]).output
    assert other["key_id"] in said
    assert other["key"] not in said
    assert all(row["revoked_at"] for row in portfolio.json("keys", "list")["keys"])


def test_a_key_that_is_not_known_cannot_be_revoked(portfolio: Portfolio) -> None:
    assert (
        "there is no key 0123456789ab" in portfolio("keys", "revoke", "0123456789ab", code=1).stderr
    )


def test_what_may_be_most_of_a_key_is_not_repeated(portfolio: Portfolio) -> None:
    made = portfolio.json("keys", "add", "a", "--scope", "read")
    said = portfolio("keys", "revoke", made["key"][:-1], code=2).output
    assert "KEY_ID must be" in said
    assert made["key"][:-1] not in said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("desk",), "--scope"),
        (("desk", "--scope", "all"), "all"),
        (("", "--scope", "read"), "NAME: "),
        (("a\x1b[31m", "--scope", "read"), "NAME: "),
        (("desk", "--scope", "read", "--portfolio", "a|b"), "--portfolio: "),
        (("desk", "--scope", "read", "--days", "0"), "--days"),
        (("desk", "--scope", "admin", "--portfolio", "P1"), "admin key is for everything"),
    ],
)
def test_what_makes_no_sense_is_refused_and_makes_no_key(
    portfolio: Portfolio, arguments: tuple[str, ...], why: str
) -> None:
    assert why in portfolio("keys", "add", *arguments, code=2).stderr
    assert rows(portfolio) == []


@pytest.mark.parametrize(
    "command", [("list",), ("add", "a", "--scope", "read"), ("revoke", "0" * 12)]
)
def test_a_database_that_was_not_migrated_is_said(
    empty: Portfolio, command: tuple[str, ...]
) -> None:
    assert "`portfolio migrate`" in empty("keys", *command, code=1).stderr


def test_a_database_that_is_away_is_said_without_its_password(portfolio: Portfolio) -> None:
    url = f"postgresql://me:secret@127.0.0.1:{free_port()}/books"
    said = Portfolio(portfolio.environment | {"DATABASE_URL": url})("keys", "list", code=1).stderr
    assert said.startswith("Error: PostgreSQL: ")
    assert "secret" not in said


# -- a key for the time of a command


def test_a_command_is_lent_a_key_to_read_with_where_one_is_needed(portfolio: Portfolio) -> None:
    beyond = Portfolio(portfolio.environment | {"API_HOST": "0.0.0.0"}).settings
    with keys.lent(beyond) as settings:
        [row] = portfolio.json("keys", "list")["keys"]
        key = read_key(settings.api_key or "")
        assert key is not None
        assert (row["key_id"], row["scopes"], row["revoked_at"]) == (key.key_id, ["read"], None)
    [row] = portfolio.json("keys", "list")["keys"]
    assert row["revoked_at"]


def test_a_lent_key_ends_with_a_command_that_fails(portfolio: Portfolio) -> None:
    beyond = Portfolio(portfolio.environment | {"API_KEYS": "required"}).settings
    with pytest.raises(ZeroDivisionError), keys.lent(beyond):
        raise ZeroDivisionError
    [row] = portfolio.json("keys", "list")["keys"]
    assert row["revoked_at"]


def test_none_is_lent_where_none_is_needed_or_one_is_set(portfolio: Portfolio) -> None:
    own = {"API_HOST": "0.0.0.0", "API_KEY": new_key().text}
    for told in ({}, own):
        given = Portfolio(portfolio.environment | told).settings
        with keys.lent(given) as settings:
            assert settings is given
    assert rows(portfolio) == []
