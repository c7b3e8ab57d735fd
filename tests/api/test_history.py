import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from psycopg2 import connect
from sqlalchemy import Table, create_engine, insert

from api.history import SHOWN_BYTES_MAX
from api.stored_documents import DeadLetter
from migrations.schema import dead_letters, lot_disposals, portfolios, transactions
from tests.api.test_ingest import problem_of

DAY = datetime(2024, 1, 1, tzinfo=UTC)
TRANSACTIONS = "/portfolios/P1/transactions"
DISPOSALS = "/portfolios/P1/disposals"
MEGABYTE = 1024 * 1024


def store(database_url: str, table: Table, rows: list[dict[str, Any]]) -> None:
    engine = create_engine("postgresql+psycopg2://", creator=lambda: connect(database_url))
    with engine.begin() as connection:
        connection.execute(insert(table), rows)
    engine.dispose()


def transaction(transaction_id: str, day: int | None, **changes: object) -> dict[str, Any]:
    row: dict[str, Any] = {
        "portfolio_id": "P1",
        "transaction_id": transaction_id,
        "security_id": "ACME",
        "transaction_type": "SELL",
        "transaction_date": None if day is None else DAY + timedelta(days=day),
        "quantity": Decimal(10),
        "price": Decimal("0.000000000001"),
        "trade_fee": Decimal(0),
        "fx_rate": Decimal("100000000"),
        "version": 1,
        "status": "CANCELLED" if day is None else "BOOKED",
        "source_topic": "raw_transactions",
        "source_partition": 3,
        "source_offset": 7,
        "as_of": 5,
    }
    return row | changes


def pages(api: httpx.Client, path: str, **parameters: object) -> Iterator[list[dict[str, Any]]]:
    """The items of every page, following `next`."""
    cursor: dict[str, str] = {}
    while True:
        response = api.get(path, params={k: str(v) for k, v in parameters.items()} | cursor)
        assert response.status_code == 200, response.text
        answer = response.json()
        assert set(answer) == {"items", "next"}
        yield answer["items"]
        if answer["next"] is None:
            return
        cursor = {"cursor": answer["next"]}


def ids(api: httpx.Client, path: str, **parameters: object) -> list[str]:
    found = pages(api, path, **parameters)
    return [item["transaction_id"] for page in found for item in page]


@pytest.fixture
def stocked(history_api: httpx.Client, migrated: str) -> httpx.Client:
    rows = [transaction(f"T{n:02}", n // 3) for n in range(12)]
    rows[4] |= {"status": "REJECTED", "security_id": "OTHER"}
    rows += [transaction(f"C{n}", None, security_id=None) for n in range(3)]
    rows += [transaction("elsewhere", 1, portfolio_id="P2")]
    store(migrated, transactions, rows)
    return history_api


NEWEST_FIRST = [
    "T09", "T10", "T11", "T06", "T07", "T08", "T03", "T04", "T05", "T00", "T01", "T02",
    "C0", "C1", "C2",
]  # fmt: skip


def test_pages_of_any_size_make_the_same_list(stocked: httpx.Client) -> None:
    for limit in (1, 2, 3, 4, 5, 7, 11, 12, 13, 14, 15, 16, 1000):
        found = list(pages(stocked, TRANSACTIONS, limit=limit))
        assert [item["transaction_id"] for page in found for item in page] == NEWEST_FIRST
        assert all(len(page) == limit for page in found[:-1])
        assert found[-1]


def test_transactions_are_filtered_by_what_is_asked(stocked: httpx.Client) -> None:
    assert ids(stocked, TRANSACTIONS, status="REJECTED") == ["T04"]
    assert ids(stocked, TRANSACTIONS, status="CANCELLED", limit=2) == ["C0", "C1", "C2"]
    assert ids(stocked, TRANSACTIONS, security_id="OTHER") == ["T04"]
    assert ids(stocked, TRANSACTIONS, security_id="NONE") == []
    assert ids(stocked, "/portfolios/unknown/transactions") == []


def test_from_is_inclusive_and_to_is_not(stocked: httpx.Client) -> None:
    among = {"from": "2024-01-02", "to": "2024-01-03T00:00:00Z", "limit": 2}
    assert ids(stocked, TRANSACTIONS, **among) == ["T03", "T04", "T05"]
    assert ids(stocked, TRANSACTIONS, to="2024-01-01T02:00:00+02:00") == []


def test_numbers_and_instants_are_written_as_on_the_topics(stocked: httpx.Client) -> None:
    first = stocked.get(TRANSACTIONS).json()["items"][0]
    assert first["quantity"] == "10"
    assert first["price"] == "0.000000000001"
    assert first["fx_rate"] == "100000000"
    assert first["trade_fee"] == "0"
    assert first["gross_cost"] is None
    assert first["transaction_date"] == "2024-01-04T00:00:00Z"
    assert first["updated_at"].endswith("Z")
    assert (first["version"], first["source_offset"], first["as_of"]) == (1, 7, 5)
    assert set(first) == {column.name for column in transactions.c}


def test_disposals_are_listed_through_their_transactions(
    stocked: httpx.Client, migrated: str
) -> None:
    rows = [
        {
            "portfolio_id": "P1",
            "transaction_id": f"T{n:02}",
            "lot_id": lot,
            "security_id": "OTHER" if n == 4 else "ACME",
            "acquired_at": DAY,
            "disposed_at": DAY + timedelta(days=n // 3),
            "quantity": Decimal("1.50"),
            "cost": Decimal(2),
            "cost_local": Decimal(2),
            "as_of": 5,
        }
        for n in (3, 4, 10)
        for lot in ("L1", "L2", "L3")
    ]
    store(migrated, lot_disposals, rows)
    found: list[dict[str, Any]] = []
    for limit in (1, 2, 4, 9, 10):
        found = [item for page in pages(stocked, DISPOSALS, limit=limit) for item in page]
        assert [(item["transaction_id"], item["lot_id"]) for item in found] == [
            (transaction_id, lot)
            for transaction_id in ("T10", "T03", "T04")
            for lot in ("L1", "L2", "L3")
        ]
    assert found[0]["quantity"] == "1.5"
    assert found[0]["proceeds"] is None
    assert set(found[0]) == {column.name for column in lot_disposals.c}
    assert ids(stocked, DISPOSALS, security_id="OTHER") == ["T04"] * 3
    assert ids(stocked, DISPOSALS, to="2024-01-02") == []


def test_portfolios_are_listed_by_id(history_api: httpx.Client, migrated: str) -> None:
    rows = [
        {
            "portfolio_id": portfolio_id,
            "base_currency": "EUR",
            "cost_basis_method": "AVCO",
            "name": 'Größe "A"',
            "opened_on": DAY.date(),
            "version": 2,
            "as_of": 1,
        }
        for portfolio_id in ("b", "B", "a:1")
    ]
    store(migrated, portfolios, rows)
    found = [item for page in pages(history_api, "/portfolios", limit=1) for item in page]
    assert [item["portfolio_id"] for item in found] == ["B", "a:1", "b"]
    assert found[0]["opened_on"] == "2024-01-01"
    assert found[0]["name"] == 'Größe "A"'


def letter(offset: int, key: bytes | None, value: bytes | None) -> dict[str, Any]:
    error = {"field": "", "rule": "message_must_be_json", "message": "m"}
    return {
        "topic": "raw_transactions",
        "partition": offset % 2,
        "offset": offset,
        "key": key,
        "value": value,
        "errors": [error],
        "received_at": DAY,
    }


def test_dead_letters_are_text_where_they_can_be(history_api: httpx.Client, migrated: str) -> None:
    letters = [
        letter(0, b"P1", b"{\x00\xc3\xa4"),
        letter(1, None, b"\xff\x00"),
        letter(2, b"", None),
    ]
    store(migrated, dead_letters, letters)
    found: list[dict[str, Any]] = []
    for limit in (1, 2, 3):
        found = [item for page in pages(history_api, "/dead-letters", limit=limit) for item in page]
        assert [item["offset"] for item in found] == [0, 2, 1]
    first, second, third = found
    assert (first["key"], first["key_encoding"]) == ("P1", "utf-8")
    assert (first["value"], first["value_encoding"]) == ("{\0ä", "utf-8")
    assert (third["key"], third["key_encoding"]) == (None, None)
    assert third["value_encoding"] == "base64"
    assert base64.b64decode(third["value"]) == b"\xff\x00"
    assert (second["key"], second["value"]) == ("", None)
    lengths = [(item["key_bytes"], item["value_bytes"]) for item in found]
    assert lengths == [(2, 4), (0, None), (None, 2)]
    assert set(first) == set(DeadLetter.model_fields)
    assert first["errors"][0]["rule"] == "message_must_be_json"
    assert list(pages(history_api, "/dead-letters", **{"from": "2024-01-02"})) == [[]]


def test_of_a_long_dead_letter_the_beginning_is_shown(
    history_api: httpx.Client, migrated: str
) -> None:
    text, junk = "ä" * MEGABYTE, b"\xff" * MEGABYTE
    letters = [
        letter(0, text.encode(), b"x" + text.encode()),  # is cut in the middle of a character
        letter(2, b"", b"\xc3" * SHOWN_BYTES_MAX),
        letter(4, b"", junk),
    ]
    store(migrated, dead_letters, letters)
    first, second, third = history_api.get("/dead-letters").json()["items"]
    assert (first["key"], first["key_bytes"]) == (text[: SHOWN_BYTES_MAX // 2], 2 * MEGABYTE)
    assert first["value"] == "x" + text[: SHOWN_BYTES_MAX // 2 - 1]
    assert (first["value_encoding"], first["value_bytes"]) == ("utf-8", 2 * MEGABYTE + 1)
    assert (second["value_encoding"], second["value_bytes"]) == ("base64", SHOWN_BYTES_MAX)
    assert base64.b64decode(third["value"]) == junk[:SHOWN_BYTES_MAX]
    assert third["value_bytes"] == MEGABYTE


def test_a_page_of_large_items_ends_early(history_api: httpx.Client, migrated: str) -> None:
    store(migrated, dead_letters, [letter(n, None, b"\0" * MEGABYTE) for n in range(30)])
    sizes: list[int] = []
    cursor: dict[str, str] = {}
    offsets: list[int] = []
    while not sizes or cursor["cursor"]:
        answer = history_api.get("/dead-letters", params={"limit": "1000"} | cursor)
        sizes.append(len(answer.content))
        offsets += [item["offset"] for item in answer.json()["items"]]
        cursor = {"cursor": answer.json()["next"]}
    assert max(sizes) < 5 * MEGABYTE
    assert offsets == [*range(0, 30, 2), *range(1, 30, 2)]


@pytest.mark.parametrize(
    ("path", "query", "pointer"),
    [
        (TRANSACTIONS, "limit=0", "/query/limit"),
        (TRANSACTIONS, "limit=1001", "/query/limit"),
        (TRANSACTIONS, "limit=many", "/query/limit"),
        (TRANSACTIONS, "from=yesterday", "/query/from"),
        (TRANSACTIONS, "to=2024-02-30", "/query/to"),
        (TRANSACTIONS, "from=2024-01-01%00", "/query/from"),
        (TRANSACTIONS, "status=booked", "/query/status"),
        (TRANSACTIONS, "security_id=%00", "/query/security_id"),
        (TRANSACTIONS, "security_id=a%7Cb", "/query/security_id"),
        (TRANSACTIONS, "security=ACME", "/query/security"),
        (TRANSACTIONS, "limit=1&status=BOOKED&limit=1", "/query/limit"),
        (TRANSACTIONS, "cursor=", "/query/cursor"),
        (TRANSACTIONS, "cursor=%00", "/query/cursor"),
        (TRANSACTIONS, "cursor=%C3%A4%FF", "/query/cursor"),
        (TRANSACTIONS, "cursor=AAAAAFtd", "/query/cursor"),
        (TRANSACTIONS, "cursor=QUFBQVtudWxsLCL_Il0", "/query/cursor"),  # AAAA[null,"\xff"]
        (DISPOSALS, "status=BOOKED", "/query/status"),
        ("/portfolios/a%00b/transactions", "", "/path/portfolio_id"),
        ("/portfolios/%20/disposals", "", "/path/portfolio_id"),
        ("/dead-letters", "limit=-1", "/query/limit"),
        ("/portfolios", "from=2024-01-01", "/query/from"),
    ],
)
def test_bad_parameters_are_422_and_named(
    api: httpx.Client, path: str, query: str, pointer: str
) -> None:
    [error] = problem_of(api.get(f"{path}?{query}"), 422)["errors"]
    assert error["pointer"] == pointer


@pytest.mark.parametrize(
    ("path", "query", "rule", "message"),
    [
        (TRANSACTIONS, "what=1", "parameter_must_be_known", "there is no such parameter"),
        (TRANSACTIONS, "limit=1&limit=1", "parameter_must_be_given_once", "it is given again"),
        (f"{TRANSACTIONS}/T1", "what=1", "parameter_must_be_known", "there is no such parameter"),
        ("/portfolios/P1/positions/ACME/lots", "on=2024-01-01", "parameter_must_be_known",
         "there is no such parameter"),
        ("/instruments/ACME", "what=1", "parameter_must_be_known", "there is no such parameter"),
        (TRANSACTIONS, "from=2024-01-02&to=2024-01-01", "period_must_not_end_before_it_begins",
         "it is before `from`"),
        ("/market-prices", "from=2024-01-02&to=2024-01-01",
         "period_must_not_end_before_it_begins", "it is before `from`"),
        (TRANSACTIONS, "limit=0", "parameter_must_be_in_range", "it is less than 1"),
        (TRANSACTIONS, "limit=1001", "parameter_must_be_in_range", "it is more than 1000"),
        (TRANSACTIONS, "status=booked", "parameter_must_be_one_of_its_values",
         "it is not 'BOOKED', 'REJECTED', 'PENDING' or 'CANCELLED'"),
        (TRANSACTIONS, "cursor=" + "A" * 2001, "parameter_must_fit", "it has more than 2000 characters"),
        ("/portfolios/P1/concentration", "top=0", "parameter_must_be_in_range", "it is less than 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_parameter_is_said_in_our_words(
    api: httpx.Client, path: str, query: str, rule: str, message: str
) -> None:
    [error] = problem_of(api.get(f"{path}?{query}"), 422)["errors"]
    assert (error["rule"], error["message"]) == (rule, message)


def test_a_list_from_a_day_to_the_same_day_is_not_refused(stocked: httpx.Client) -> None:
    day = {"from": "2024-01-02", "to": "2024-01-02"}
    for path in ("/market-prices", TRANSACTIONS):
        assert stocked.get(path, params=day).json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    "text", ["many", "05", "1e3", "1.0", "1_0", "+5", "%205", "5%0A", "٣", "9" * 5000]
)
def test_a_whole_number_is_digits_alone(api: httpx.Client, text: str) -> None:
    for path in (f"{TRANSACTIONS}?limit={text}", f"/portfolios/P1/concentration?top={text}"):
        [error] = problem_of(api.get(path.replace("+", "%2B")), 422)["errors"]
        assert error["rule"] == "parameter_must_be_an_integer"
        assert error["message"].endswith("is not 1 to 9 digits, with no zero in front")


def test_a_cursor_that_was_tampered_with_is_422(stocked: httpx.Client) -> None:
    cursor = stocked.get(TRANSACTIONS, params={"limit": 2}).json()["next"]
    for index, character in enumerate(cursor):
        changed = cursor[:index] + ("A" if character != "A" else "B") + cursor[index + 1 :]
        problem_of(stocked.get(TRANSACTIONS, params={"cursor": changed}), 422)
    problem_of(stocked.get(TRANSACTIONS, params={"cursor": cursor[:-1]}), 422)
    problem_of(stocked.get(TRANSACTIONS, params={"cursor": cursor + "="}), 422)


def test_a_cursor_only_fits_the_list_and_filters_it_came_from(stocked: httpx.Client) -> None:
    cursor = {"cursor": stocked.get(TRANSACTIONS, params={"limit": 2}).json()["next"]}
    assert stocked.get(TRANSACTIONS, params=cursor | {"limit": "5"}).status_code == 200
    problem_of(stocked.get(TRANSACTIONS, params=cursor | {"status": "BOOKED"}), 422)
    problem_of(stocked.get("/portfolios/P2/transactions", params=cursor), 422)
    problem_of(stocked.get(DISPOSALS, params=cursor), 422)
    problem_of(stocked.get("/portfolios", params=cursor), 422)


def test_a_database_that_was_never_migrated_is_503(api: httpx.Client) -> None:
    response = api.get("/portfolios")
    assert problem_of(response, 503)["type"].endswith("database-empty")
    assert response.headers["retry-after"] == "1"
