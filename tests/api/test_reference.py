import json
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from api.settings import ApiSettings
from cli.servers import Connections
from migrations.schema import business_dates, fx_rates, instruments, market_prices
from tests.api.guarded import guarded
from tests.api.holders import hold
from tests.api.test_history import pages, store
from tests.api.test_ingest import errors_of, problem_of, record_at
from tests.api.test_limited_keys import ends
from tests.wire.reference import DAY, FULL, INSTRUMENT, PRICE, RATE
from wire.reference import Kind

PATHS = {
    "instruments": "/instruments", "market_prices": "/market-prices", "fx_rates": "/fx-rates",
    "business_dates": "/business-dates",
}  # fmt: skip
EACH = pytest.mark.parametrize(("kind", "event"), FULL, ids=[kind.name for kind, _ in FULL])


def listed(kind: Kind[Any], *events: object) -> dict[str, list[object]]:
    return {kind.name: list(events)}


@EACH
def test_a_list_is_in_kafka_by_identity_when_202_comes(
    api: httpx.Client, servers: Connections, kind: Kind[Any], event: dict[str, object]
) -> None:
    body = json.dumps(listed(kind, event, event), indent=1)
    response = api.post(f"/ingest{PATHS[kind.name]}", content=body)
    assert response.status_code == 202, response.text
    accepted = response.json()
    end = accepted.pop("next_offsets")["0"]
    assert accepted == {"message": "accepted", "count": 2, "topic": kind.name}
    key, value = record_at(servers, kind.name, 0, end - 1)
    assert key.decode() == "|".join(str(event[name]) for name in kind.identity)
    assert json.loads(value) == event


@EACH
def test_one_malformed_record_keeps_all_of_the_list_out(
    api: httpx.Client, servers: Connections, kind: Kind[Any], event: dict[str, object]
) -> None:
    before = ends(servers, kind.name)
    bad = event | {"version": 0, "colour": "red"}
    found = errors_of(api.post(f"/ingest{PATHS[kind.name]}", json=listed(kind, event, bad)))
    assert sorted(found) == [
        (f"/{kind.name}/1/colour", "field_must_be_known"),
        (f"/{kind.name}/1/version", "version_must_be_a_positive_integer"),
    ]
    assert ends(servers, kind.name) == before


@EACH
def test_what_is_no_list_of_the_kind_is_refused(
    api: httpx.Client, kind: Kind[Any], event: dict[str, object]
) -> None:
    path = f"/ingest{PATHS[kind.name]}"
    assert errors_of(api.post(path, json=event))
    assert errors_of(api.post(path, json=listed(kind))) == [
        (f"/{kind.name}", "list_must_not_be_empty")
    ]
    assert errors_of(api.post(path, json={"transactions": [event]}))
    assert errors_of(api.post(path, json=listed(kind, event), params={"wait": "applied"})) == [
        ("/query/wait", "parameter_must_be_known")
    ]
    many = f'{{"{kind.name}":[{",".join(["{}"] * 10_001)}]}}'
    assert errors_of(api.post(path, content=many), 413) == [(f"/{kind.name}", "list_must_fit")]


@EACH
def test_a_key_for_some_portfolios_reads_and_does_not_write(
    settings: ApiSettings,
    migrated: str,
    servers: Connections,
    kind: Kind[Any],
    event: dict[str, object],
) -> None:
    with guarded(settings, migrated) as api:
        limited = hold(migrated, "read", "write", portfolios=["P1"])
        before = ends(servers, kind.name)
        # Also where it is malformed: nothing is told about what is refused anyway.
        for body in (listed(kind, event), listed(kind, {})):
            refused = problem_of(api.post(f"/ingest{PATHS[kind.name]}", limited, body), 403)
            assert "for all" in refused["detail"]
        assert ends(servers, kind.name) == before
        assert api.get(PATHS[kind.name], limited).json() == {"items": [], "next": None}
        everywhere = hold(migrated, "write")
        posted = api.post(f"/ingest{PATHS[kind.name]}", everywhere, listed(kind, event))
        assert posted.status_code == 202


# -- what is in force

IN_FORCE = {"version": 2, "source_offset": 7}


def price(security_id: str, day: int) -> dict[str, Any]:
    return IN_FORCE | {
        "security_id": security_id, "price_date": date(2024, 1, day), "price": Decimal("1.500"),
        "currency": "USD",
    }  # fmt: skip


def rate(bought: str, paid: str, day: int) -> dict[str, Any]:
    return IN_FORCE | {
        "from_currency": bought, "to_currency": paid, "rate_date": date(2024, 1, day),
        "rate": Decimal("0.000000000001"),
    }  # fmt: skip


@pytest.fixture
def stocked(history_api: httpx.Client, migrated: str) -> httpx.Client:
    store(migrated, market_prices, [price(s, day) for day in range(1, 6) for s in ("b", "B", "A")])
    store(
        migrated, fx_rates,
        [rate(a, b, day) for day in (1, 2, 3) for a, b in (("USD", "EUR"), ("USD", "CHF"), ("EUR", "USD"))],
    )  # fmt: skip
    store(
        migrated, business_dates,
        [
            IN_FORCE | {"calendar": c, "business_date": date(2024, 1, n), "is_business_day": n > 1}
            for c in ("DEFAULT", "XNYS") for n in (1, 2, 3)
        ],
    )  # fmt: skip
    rows = [
        IN_FORCE | {
            "security_id": f"S{n}", "instrument_currency": "USD" if n % 2 else "EUR",
            "asset_class": f"class {n % 3}", "country_of_risk": "US" if n > 2 else None,
            "issuer": "I|1", "multiplier": Decimal("0.010"), "maturity_date": date(2030, 1, 1),
        }
        for n in range(6)
    ]  # fmt: skip
    store(migrated, instruments, rows)
    return history_api


def found(api: httpx.Client, path: str, *names: str, **asked: object) -> list[tuple[object, ...]]:
    """The items as these fields of theirs, whatever the size of pages."""
    lists = []
    for limit in (1, 2, 7, 1000):
        parts = list(pages(api, path, limit=limit, **asked))
        assert all(len(part) == limit for part in parts[:-1])
        lists.append([tuple(item[name] for name in names) for part in parts for item in part])
    assert all(each == lists[0] for each in lists)
    return lists[0]


def test_prices_are_listed_newest_first_and_then_by_security(stocked: httpx.Client) -> None:
    every = [(f"2024-01-0{day}", s) for day in (5, 4, 3, 2, 1) for s in ("A", "B", "b")]
    names = ("price_date", "security_id")
    path = "/market-prices"
    assert found(stocked, path, *names) == every
    assert found(stocked, path, *names, security_id="b") == [one for one in every if one[1] == "b"]
    among = {"from": "2024-01-02", "to": "2024-01-04"}
    assert found(stocked, path, *names, **among) == every[6:12]
    assert found(stocked, path, *names, security_id="B", **among) == [every[7], every[10]]
    assert found(stocked, path, *names, security_id="C") == []
    assert stocked.get(path).json()["items"][0] | {"updated_at": ""} == {
        "security_id": "A", "price_date": "2024-01-05", "price": "1.5", "currency": "USD",
        "version": 2, "source_offset": 7, "updated_at": "",
    }  # fmt: skip


def test_rates_are_listed_newest_first_and_then_by_currencies(stocked: httpx.Client) -> None:
    names = ("rate_date", "from_currency", "to_currency")
    pairs = (("EUR", "USD"), ("USD", "CHF"), ("USD", "EUR"))
    every = [(f"2024-01-0{day}", *pair) for day in (3, 2, 1) for pair in pairs]
    path = "/fx-rates"
    assert found(stocked, path, *names) == every
    assert found(stocked, path, *names, from_currency="EUR", to="2024-01-03") == every[3::3]
    assert found(stocked, path, *names, to_currency="CHF") == every[1::3]
    assert stocked.get(path).json()["items"][0]["rate"] == "0.000000000001"


def test_business_dates_are_of_calendars(stocked: httpx.Client) -> None:
    names = ("business_date", "calendar", "is_business_day")
    assert found(stocked, "/business-dates", *names, calendar="XNYS") == [
        ("2024-01-03", "XNYS", True), ("2024-01-02", "XNYS", True), ("2024-01-01", "XNYS", False),
    ]  # fmt: skip
    assert len(found(stocked, "/business-dates", *names)) == 6
    assert len(found(stocked, "/business-dates", *names, **{"from": "2024-01-03"})) == 2


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({}, ["S0", "S1", "S2", "S3", "S4", "S5"]),
        ({"instrument_currency": "USD"}, ["S1", "S3", "S5"]),
        ({"asset_class": "class 0"}, ["S0", "S3"]),
        ({"asset_class": "class 0", "instrument_currency": "EUR"}, ["S0"]),
        ({"country_of_risk": "US"}, ["S3", "S4", "S5"]),
        ({"issuer": "I|1", "country_of_risk": "US"}, ["S3", "S4", "S5"]),
        ({"issuer": "i|1"}, []),
        ({"sector": "x"}, []),
        ({"product_type": "x"}, []),
    ],
)
def test_instruments_are_filtered_by_what_is_asked(
    stocked: httpx.Client, asked: dict[str, str], ids: list[str]
) -> None:
    assert [one for (one,) in found(stocked, "/instruments", "security_id", **asked)] == ids


def test_one_instrument_is_shown_or_unknown(stocked: httpx.Client) -> None:
    response = stocked.get("/instruments/S4")
    assert response.status_code == 200
    item = response.json()
    assert item == stocked.get("/instruments").json()["items"][4]
    assert set(item) == {column.name for column in instruments.c}
    assert (item["multiplier"], item["maturity_date"]) == ("0.01", "2030-01-01")
    assert problem_of(stocked.get("/instruments/S9"), 404)["type"].endswith(":not-found")


def test_a_cursor_only_fits_the_list_and_filters_it_came_from(stocked: httpx.Client) -> None:
    cursor = {"cursor": stocked.get("/market-prices", params={"limit": 2}).json()["next"]}
    assert stocked.get("/market-prices", params=cursor | {"limit": "5"}).status_code == 200
    problem_of(stocked.get("/market-prices", params=cursor | {"security_id": "A"}), 422)
    problem_of(stocked.get("/business-dates", params=cursor), 422)
    problem_of(stocked.get("/instruments", params=cursor), 422)


@pytest.mark.parametrize(
    ("path", "query", "pointer"),
    [
        ("/instruments", "from=2024-01-01", "/query/from"),
        ("/instruments", "country_of_risk=us", "/query/country_of_risk"),
        ("/instruments", "instrument_currency=US", "/query/instrument_currency"),
        ("/instruments", "issuer=%00", "/query/issuer"),
        ("/instruments", "asset_class=", "/query/asset_class"),
        ("/instruments/a%7Cb", "", "/path/security_id"),
        ("/market-prices", "from=2024-01-01T00:00:00Z", "/query/from"),
        ("/market-prices", "to=2024-02-30", "/query/to"),
        ("/market-prices", "currency=USD", "/query/currency"),
        ("/fx-rates", "from_currency=", "/query/from_currency"),
        ("/business-dates", "calendar=%20", "/query/calendar"),
    ],
)
def test_bad_parameters_are_422_and_named(
    api: httpx.Client, path: str, query: str, pointer: str
) -> None:
    assert [where for where, _ in errors_of(api.get(f"{path}?{query}"))] == [pointer]


def test_the_records_of_the_tests_are_of_every_kind() -> None:
    assert [event for _, event in FULL] == [INSTRUMENT, PRICE, RATE, DAY]
