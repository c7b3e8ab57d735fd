"""Batches of reference data into a real PostgreSQL: exactly, once, whole, by version."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions

from migrations.upgrade import upgrade
from streams.in_force import AnyKind, gather
from streams.reference_tables import connect, write
from streams.writer import ProgressMoved
from tests.streams.reference import TIMESTAMP, Sent, expected, log, price
from tests.wire.reference import DAY, FULL, INSTRUMENT, PRICE, RATE
from wire.reference import (
    KINDS,
    OF_BUSINESS_DATES,
    OF_FX_RATES,
    OF_INSTRUMENTS,
    OF_MARKET_PRICES,
    Identity,
)

D = Decimal


@pytest.fixture
def database(database_url: str) -> Iterator[extensions.connection]:
    upgrade(database_url)
    with closing(connect(database_url)) as connection:
        yield connection


def store(database: extensions.connection, records: list[Sent], at: int | None = None) -> None:
    """A batch of one topic, from the offset of its first record or from `at`."""
    place = records[0].topic, 0
    write(
        database,
        gather(records),
        expected={place: records[0].offset if at is None else at},
        progress={place: records[-1].offset + 1},
    )


def rows(database: extensions.connection, table: str) -> list[dict[str, Any]]:
    with database, database.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in found:
        assert isinstance(row.pop("updated_at"), datetime)
    return found


def in_force(database: extensions.connection, kind: AnyKind) -> dict[Identity, Any]:
    """As `expected` says it."""
    found: dict[Identity, Any] = {}
    for row in rows(database, kind.name):
        offset = row.pop("source_offset")
        content = kind.content(**row)
        found[kind.identity_of(content)] = content, offset
    return found


def dead(database: extensions.connection) -> list[int]:
    return sorted(row["offset"] for row in rows(database, "dead_letters"))


def test_every_field_of_each_kind_is_stored_as_it_was_written(
    database: extensions.connection,
) -> None:
    for kind, event in FULL:
        store(database, log([event], kind, start=5), at=0)
    assert rows(database, "instruments") == [
        INSTRUMENT
        | {
            "maturity_date": date(2040, 2, 29), "multiplier": D("0.5"), "version": 3,
            "source_offset": 5,
        }
    ]  # fmt: skip
    assert rows(database, "market_prices") == [
        PRICE | {"price_date": date(2024, 1, 31), "price": D("184.4"), "source_offset": 5}
    ]
    assert rows(database, "fx_rates") == [
        RATE | {"rate_date": date(2024, 1, 31), "rate": D("0.9213"), "source_offset": 5}
    ]
    assert rows(database, "business_dates") == [
        DAY | {"business_date": date(2024, 7, 4), "source_offset": 5}
    ]


# Whatever COPY or SQL may take for something else.
NASTY = ["\\N", "\\.", "\\", "a\\", "\\t", "'; DROP TABLE instruments; --", "NULL", " ", "%s", "{}"]


def test_texts_are_stored_as_they_are(database: extensions.connection) -> None:
    events = [INSTRUMENT | {"security_id": f"S{n}", "name": text} for n, text in enumerate(NASTY)]
    store(database, log(events, OF_INSTRUMENTS))
    assert [row["name"] for row in rows(database, "instruments")] == NASTY
    # And compared as they are: nothing of it is other content.
    store(database, log(events, OF_INSTRUMENTS, start=len(NASTY)))
    assert dead(database) == []


@pytest.mark.parametrize(
    ("kind", "event", "change"),
    [
        (OF_INSTRUMENTS, INSTRUMENT, {"rating": "D"}),
        (OF_INSTRUMENTS, INSTRUMENT, {"rating": None}),
        (OF_MARKET_PRICES, PRICE, {"price": "184.400000000001"}),
        (OF_FX_RATES, RATE, {"rate": "1"}),
        (OF_BUSINESS_DATES, DAY, {"is_business_day": True}),
    ],
)
def test_the_rules_of_versions_hold_between_batches(
    database: extensions.connection,
    kind: AnyKind,
    event: dict[str, object],
    change: dict[str, object],
) -> None:
    version = int(str(event["version"]))
    higher, lower = event | {"version": version + 1}, event | {"version": version - 1}
    history = [
        event, event, lower, lower | change,  # a duplicate, and what is superseded
        event | change,  # a conflict
        higher | change, event | change, higher,  # a correction, what it superseded, a conflict
    ]  # fmt: skip
    for offset, each in enumerate(history):
        store(database, log([each], kind, start=offset))
    found, conflicts = expected(kind, log(history, kind))
    assert in_force(database, kind) == found
    assert dead(database) == conflicts == [4, 7]


def test_a_log_cut_anyhow_comes_to_the_same(database: extensions.connection) -> None:
    random = Random(40)
    events: list[Mapping[str, object] | bytes] = []
    for _ in range(3000):
        choice = random.random()
        if choice < 0.02:
            events.append(random.choice([b"{", b"", b"\xff\x00", b'{"price":1}']))
            continue
        events.append(
            price(
                f"S{random.randrange(40)}",
                price_date=f"2024-01-{random.randrange(1, 8):02}",
                price=str(random.randrange(-1, 4)),
                version=random.randrange(1, 5),
            )
        )
    history, at = log(events), 0
    while at < len(history):
        upto = at + random.choice([1, 2, 10, 100, 400])
        store(database, history[at:upto])
        at = upto
    found, refused = expected(OF_MARKET_PRICES, history)
    assert in_force(database, OF_MARKET_PRICES) == found
    assert dead(database) == refused
    assert len(refused) > 500


def test_a_dead_letter_says_what_it_was_and_why(database: extensions.connection) -> None:
    value = b'{"security_id":"A","price":"-1"}'
    store(database, [Sent("market_prices", 0, 9, TIMESTAMP, b"\x00k\\", value)], at=0)
    [letter] = rows(database, "dead_letters")
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("market_prices", 0, 9)
    assert (bytes(letter["key"]), bytes(letter["value"])) == (b"\x00k\\", value)
    assert letter["received_at"] == datetime.fromtimestamp(TIMESTAMP / 1000, UTC)
    assert letter["as_of"] is None
    assert [(error["field"], error["rule"]) for error in letter["errors"]] == [
        ("price_date", "field_must_be_given"),
        ("price", "decimal_must_not_be_negative"),
        ("currency", "field_must_be_given"),
    ]


def test_a_dead_letter_without_key_value_or_time_is_kept(database: extensions.connection) -> None:
    store(database, [Sent("fx_rates", 0, 0, -1, None, None)])
    [letter] = rows(database, "dead_letters")
    assert (letter["key"], letter["value"]) == (None, None)


def test_the_message_of_a_conflict_is_that_of_a_transaction(
    database: extensions.connection,
) -> None:
    store(database, log([price(), price(price="2")]))
    [letter] = rows(database, "dead_letters")
    assert [(error["field"], error["rule"]) for error in letter["errors"]] == [
        ("version", "version_must_be_higher_to_correct")
    ]


def test_a_batch_of_several_topics_is_stored_whole_or_not_at_all(
    database: extensions.connection,
) -> None:
    records = [record for kind, event in FULL for record in log([event, b"{"], kind)]
    places = {(kind.name, 0): 0 for kind in KINDS}
    moved = dict.fromkeys(places, 2)
    wrong = places | {("fx_rates", 0): 1}
    with pytest.raises(ProgressMoved):
        write(database, gather(records), expected=wrong, progress=moved)
    assert [rows(database, kind.name) for kind in KINDS] == [[], [], [], []]
    assert dead(database) == []
    write(database, gather(records), expected=places, progress=moved)
    assert [len(rows(database, kind.name)) for kind in KINDS] == [1, 1, 1, 1]
    assert dead(database) == [1, 1, 1, 1]


def test_a_batch_is_stored_once_whoever_stores_it(
    database: extensions.connection, database_url: str
) -> None:
    batch = log([price(), price(price="2")])
    store(database, batch)
    with closing(connect(database_url)) as other, pytest.raises(ProgressMoved) as moved:
        store(other, batch)
    assert moved.value.found == {("market_prices", 0): 2}
    assert dead(database) == [1]


def test_the_second_of_two_writers_waits_and_finds_it_done(
    database: extensions.connection, database_url: str
) -> None:
    store(database, log([price()]))
    batch = log([price(version=2, price="7")], start=1)
    outcomes: list[str] = []

    def second() -> None:
        with closing(connect(database_url)) as other:
            try:
                store(other, batch)
            except ProgressMoved:
                outcomes.append("moved")

    with closing(psycopg2.connect(database_url)) as first:
        with first, first.cursor() as cursor:
            cursor.execute("SELECT 1 FROM store_progress WHERE topic = 'market_prices' FOR UPDATE")
            thread = threading.Thread(target=second)
            thread.start()
            thread.join(0.3)
            assert thread.is_alive()
            cursor.execute("UPDATE store_progress SET next_offset = 2")
        thread.join(10)
    assert outcomes == ["moved"]
    assert rows(database, "market_prices")[0]["version"] == 1
