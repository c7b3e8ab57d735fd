"""What a key sees and writes that is for some portfolios alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from fastapi import Response

from api.keys import Key
from api.settings import ApiSettings
from cli.servers import Connections
from migrations.schema import dead_letters, lot_disposals, portfolios, transactions
from streams.tables import Tables
from tests.api.guarded import Api, guarded
from tests.api.holders import hold
from tests.api.test_history import DAY, letter, store, transaction
from tests.api.test_ingest import buy, problem_of
from tests.streams.asked import P as UNKNOWN
from tests.streams.asked import Worker


@pytest.fixture
def api(settings: ApiSettings, migrated: str) -> Iterator[Api]:
    with guarded(settings, migrated) as api:
        yield api


def stock(database_url: str) -> None:
    for portfolio_id in ("P1", "P2", "P3"):
        rows = [transaction(f"{portfolio_id}-{n}", n, portfolio_id=portfolio_id) for n in range(3)]
        store(database_url, transactions, rows)
        disposal = {
            "portfolio_id": portfolio_id, "transaction_id": f"{portfolio_id}-0", "lot_id": "L",
            "security_id": "ACME", "acquired_at": DAY, "disposed_at": DAY, "quantity": 1,
            "cost": 1, "cost_local": 1, "as_of": 1,
        }  # fmt: skip
        store(database_url, lot_disposals, [disposal])
        record = {
            "portfolio_id": portfolio_id, "base_currency": "EUR", "cost_basis_method": "FIFO",
            "version": 1, "as_of": 1,
        }  # fmt: skip
        store(database_url, portfolios, [record])


REPORTS = ("positions?on=2024-06-28", "valuation?on=2024-06-28", "timeseries?to=2024-06-28", "summary",
           "concentration")  # fmt: skip
LIVE = (
    "positions", "positions/ACME", "positions/ACME/lots", "transactions/T1", "valuation",
)  # fmt: skip
HISTORY = ("transactions", "disposals")


@pytest.mark.parametrize("rest", [*LIVE, *HISTORY, *REPORTS, "stream"])
def test_another_s_portfolio_is_byte_for_byte_as_one_that_does_not_exist(
    api: Api, rest: str
) -> None:
    stock(api.database_url)
    api.worker.answers[f"/portfolios/P2/{rest}"] = Response(
        '{"secret":1}', media_type="application/json"
    )
    limited = hold(api.database_url, "read", portfolios=["P1"])

    def said(portfolio_id: str) -> tuple[int, bytes, list[tuple[str, str]]]:
        answer = api.get(f"/portfolios/{portfolio_id}/{rest}", limited)
        headers = [(name, value) for name, value in answer.headers.items() if name != "date"]
        return answer.status_code, answer.content.replace(portfolio_id.encode(), b"?"), headers

    assert said("P2") == said("NO")
    assert api.worker.asked == []  # nor does it take another time


def test_what_the_api_says_of_the_hidden_is_what_a_worker_says_of_the_unknown(
    api: Api, tmp_path: Path
) -> None:
    limited = hold(api.database_url, "read", portfolios=["P1"])
    table = Tables(tmp_path).open(0)
    worker = Worker(table)
    for rest in LIVE:
        path = f"/portfolios/{UNKNOWN}/{rest}"
        ours, theirs = api.get(path, limited), worker.get(path)
        assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
        assert ours.headers["content-type"] == theirs.headers["content-type"]
        assert theirs.status_code == 404
    table.close()


def test_a_key_sees_its_own_portfolios_in_lists(api: Api) -> None:
    stock(api.database_url)
    limited = hold(api.database_url, "read", portfolios=["P1", "P3", "NO"])
    everywhere = hold(api.database_url, "read")

    def listed(key: Key) -> list[str]:
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = api.get("/portfolios", key, limit="1", **cursor).json()
            found += [item["portfolio_id"] for item in page["items"]]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    assert listed(limited) == ["P1", "P3"]
    assert listed(everywhere) == ["P1", "P2", "P3"]
    assert listed(hold(api.database_url, "read", portfolios=[])) == []
    for rest in HISTORY:
        items = api.get(f"/portfolios/P1/{rest}", limited).json()["items"]
        assert {item["portfolio_id"] for item in items} == {"P1"}


def test_the_cursor_of_somebody_else_shows_nothing_of_his(api: Api) -> None:
    stock(api.database_url)
    everywhere = hold(api.database_url, "read")
    limited = hold(api.database_url, "read", portfolios=["P1"])
    for path in ("/portfolios/P2/transactions", "/portfolios"):
        cursor = api.get(path, everywhere, limit="1").json()["next"]
        assert api.get(path, limited, cursor=cursor).json() == {"items": [], "next": None}


def test_dead_letters_are_of_the_portfolio_that_their_key_names(api: Api) -> None:
    keys = (b"P1", b"P2", None, b"", b"P1 ", b"a|b", b"\xff", b"P1\n", b"x" * 200)
    letters = [letter(n, key, b"{") for n, key in enumerate(keys)]
    store(api.database_url, dead_letters, letters)

    def seen(*scopes: str, **limits: list[str]) -> list[int]:
        key = hold(api.database_url, *scopes, **limits)  # type: ignore[arg-type]
        return sorted(item["offset"] for item in api.get("/dead-letters", key).json()["items"])

    assert seen("admin") == list(range(len(keys)))
    assert seen("read") == [0, 1]
    assert seen("read", portfolios=["P1", "P3"]) == [0]
    assert seen("read", portfolios=[]) == []


def test_dead_letters_of_reference_data_are_for_who_may_see_all_portfolios(api: Api) -> None:
    letters = [
        letter(n, key, b"{") | {"topic": topic, "partition": 0}
        for topic in ("raw_transactions", "instruments", "market_prices")
        for n, key in enumerate((b"P1", b"P1|2024-01-31", None))
    ]
    store(api.database_url, dead_letters, letters)

    def seen(*scopes: str, **limits: list[str]) -> list[tuple[str, int]]:
        key = hold(api.database_url, *scopes, **limits)  # type: ignore[arg-type]
        items = api.get("/dead-letters", key).json()["items"]
        return sorted((item["topic"], item["offset"]) for item in items)

    reference = [(topic, n) for topic in ("instruments", "market_prices") for n in range(3)]
    own = ("raw_transactions", 0)
    assert seen("admin") == [*reference, own, ("raw_transactions", 1), ("raw_transactions", 2)]
    assert seen("read") == [*reference, own]
    assert seen("read", portfolios=["P1"]) == [own]


# -- what a limited key may write


def ends(servers: Connections, topic: str) -> list[int]:
    consumer = Consumer({**servers.kafka.options, "group.id": "ends"})
    count = len(consumer.list_topics(topic, 10).topics[topic].partitions)
    found = [consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1] for p in range(count)]
    consumer.close()
    return found


RECORD = {"portfolio_id": "P1", "base_currency": "EUR", "cost_basis_method": "FIFO"}


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("/ingest/transaction", buy(portfolio_id="P2"), ["/portfolio_id"]),
        (
            "/ingest/transactions",
            {"transactions": [buy(), buy(portfolio_id="P2"), buy(), buy(portfolio_id="NO")]},
            ["/transactions/1/portfolio_id", "/transactions/3/portfolio_id"],
        ),
        (
            "/ingest/portfolios",
            {"portfolios": [RECORD, RECORD | {"portfolio_id": "P2"}]},
            ["/portfolios/1/portfolio_id"],
        ),
    ],
)
def test_one_event_for_another_s_portfolio_keeps_all_of_the_request_out(
    api: Api, servers: Connections, path: str, body: object, pointers: list[str]
) -> None:
    limited = hold(api.database_url, "write", portfolios=["P1"])
    topic = "portfolios" if "portfolios" in path else "raw_transactions"
    before = ends(servers, topic)
    problem = problem_of(api.post(path, limited, body), 403)
    assert problem["type"] == "urn:portfolio:problem:forbidden"
    assert [error["pointer"] for error in problem["errors"]] == pointers
    assert {error["rule"] for error in problem["errors"]} == {"portfolio_must_be_of_the_key"}
    assert ends(servers, topic) == before


def test_events_for_the_key_s_own_portfolios_are_taken_in(api: Api) -> None:
    limited = hold(api.database_url, "write", portfolios=["P1", "P2"])
    both = {"transactions": [buy(), buy(portfolio_id="P2")]}
    assert api.post("/ingest/transactions", limited, both).json()["count"] == 2
    assert api.post("/ingest/transaction", limited, buy()).status_code == 202
    assert api.post("/ingest/portfolios", limited, {"portfolios": [RECORD]}).status_code == 202


def test_a_key_that_may_only_write_is_not_shown_results(api: Api) -> None:
    writes, both = hold(api.database_url, "write"), hold(api.database_url, "read", "write")
    asked = {"wait": "applied", "timeout": "0.1"}
    for path, body in (
        ("/ingest/transaction", buy()),
        ("/ingest/transactions", {"transactions": [buy()]}),
        ("/ingest/portfolios", {"portfolios": [RECORD]}),
    ):
        refused = problem_of(api.post(path, writes, body, **asked), 403)
        assert "scope read" in refused["detail"]
        assert api.post(path, both, body, **asked).status_code == 202


def test_many_refused_events_are_not_all_listed(api: Api) -> None:
    limited = hold(api.database_url, "write", portfolios=["P1"])
    many = {"transactions": [buy(portfolio_id="P2") for _ in range(150)]}
    assert len(problem_of(api.post("/ingest/transactions", limited, many), 403)["errors"]) == 100
