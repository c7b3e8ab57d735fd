import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api import outcomes
from api.main import create_app
from api.settings import ApiSettings
from tests.api.serving import client_of, served
from tests.api.stand_in import Books
from tests.api.test_ingest import buy

WAIT = {"wait": "applied", "timeout": "20"}


@pytest.fixture(scope="module")
def books(settings: ApiSettings) -> Iterator[Books]:
    books = Books(settings.kafka, settings.partitions)
    with served(books.app) as books.url:
        yield books
    books.close()


@pytest.fixture(scope="module")
def api(settings: ApiSettings, books: Books) -> Iterator[httpx.Client]:
    with client_of(create_app(replace(settings, worker_urls=(books.url,)))) as client:
        yield client


@pytest.fixture
def portfolio_id() -> str:
    return f"O-{uuid.uuid4().hex}"


def outcome(api: httpx.Client, event: dict[str, Any]) -> dict[str, Any]:
    response = api.post("/ingest/transaction", params=WAIT, json=event)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    assert set(found) == {"outcome", "result"}
    return found


def test_waiting_says_what_was_booked(api: httpx.Client, portfolio_id: str) -> None:
    found = outcome(api, buy(portfolio_id=portfolio_id, trade_fee="0.50"))
    assert found["outcome"] == "booked"
    assert found["result"]["status"] == "BOOKED"
    assert found["result"]["net_cost"] == "10.5"


def test_waiting_says_what_was_rejected_and_why(api: httpx.Client, portfolio_id: str) -> None:
    found = outcome(api, buy(portfolio_id=portfolio_id, transaction_type="SELL"))
    assert found["outcome"] == "rejected"
    assert found["result"]["reason"] == "quantity_must_not_exceed_holding"


def test_the_same_content_again_is_a_duplicate(api: httpx.Client, portfolio_id: str) -> None:
    event = buy(portfolio_id=portfolio_id)
    first = outcome(api, event)
    again = event | {"quantity": 10.00, "transaction_date": "2024-01-10T01:00:00+01:00"}
    found = outcome(api, again)
    assert found["outcome"] == "duplicate"
    assert found["result"]["source_offset"] == first["result"]["source_offset"]


def test_other_content_under_the_same_version_is_a_conflict(
    api: httpx.Client, portfolio_id: str
) -> None:
    event = buy(portfolio_id=portfolio_id)
    outcome(api, event)
    found = outcome(api, event | {"quantity": "11"})
    assert found["outcome"] == "conflict"
    assert found["result"]["quantity"] == "10"


def test_a_lower_version_is_superseded(api: httpx.Client, portfolio_id: str) -> None:
    event = buy(portfolio_id=portfolio_id)
    assert outcome(api, event | {"version": 3})["outcome"] == "booked"
    found = outcome(api, event | {"version": 2})
    assert found["outcome"] == "superseded"
    assert found["result"]["version"] == 3


def test_a_cancellation_is_cancelled_and_again_a_duplicate(
    api: httpx.Client, portfolio_id: str
) -> None:
    event = {
        "portfolio_id": portfolio_id,
        "transaction_id": "T1",
        "transaction_type": "CANCEL",
        "version": 2,
    }
    assert outcome(api, event)["outcome"] == "cancelled"
    assert outcome(api, event)["outcome"] == "duplicate"
    assert outcome(api, buy(portfolio_id=portfolio_id, transaction_id="T1"))["outcome"] == (
        "superseded"
    )


def test_a_list_has_its_outcomes_in_order(api: httpx.Client, portfolio_id: str) -> None:
    first, second = buy(portfolio_id=portfolio_id), buy(portfolio_id=portfolio_id + "2")
    events = [first, second, first, first | {"version": 2, "price": "2"}]
    response = api.post("/ingest/transactions", params=WAIT, json={"transactions": events})
    assert response.status_code == 200
    found = response.json()["outcomes"]
    assert [each["outcome"] for each in found] == ["superseded", "booked", "superseded", "booked"]
    assert found[3]["result"]["gross_cost"] == "20"


def test_a_holding_in_rebooking_is_waited_for(
    api: httpx.Client, books: Books, portfolio_id: str
) -> None:
    books.refusals = 3
    assert outcome(api, buy(portfolio_id=portfolio_id))["outcome"] == "booked"
    assert books.refusals == 0


def test_a_list_of_any_length_is_asked_for_in_a_few_questions(
    api: httpx.Client, books: Books, portfolio_id: str
) -> None:
    events = [buy(portfolio_id=f"{portfolio_id}{n % 99}") for n in range(10_000)]
    books.questions = 0
    response = api.post("/ingest/transactions", params=WAIT, json={"transactions": events})
    assert response.status_code == 200
    found = response.json()["outcomes"]
    assert [each["outcome"] for each in found] == ["booked"] * 10_000
    assert [each["result"]["transaction_id"] for each in found] == [
        event["transaction_id"] for event in events
    ]
    assert books.questions < 100


def test_results_that_are_too_much_for_one_answer_are_left_out(
    api: httpx.Client, portfolio_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcomes, "RESULTS_BYTES_MAX", 1000)
    events = [buy(portfolio_id=portfolio_id) for _ in range(2)]
    response = api.post("/ingest/transactions", params=WAIT, json={"transactions": events})
    assert response.status_code == 202
    assert outcome(api, events[0])["outcome"] == "duplicate"


def test_waiting_too_long_is_answered_like_not_waiting(
    api: httpx.Client, books: Books, portfolio_id: str
) -> None:
    books.refusals = 10_000
    started = time.monotonic()
    waiting = {"wait": "applied", "timeout": "0.5"}
    event = buy(portfolio_id=portfolio_id)
    one = api.post("/ingest/transaction", params=waiting, json=event)
    some = api.post("/ingest/transactions", params=waiting, json={"transactions": [event]})
    books.refusals = 0
    assert time.monotonic() - started < 3
    assert (one.status_code, some.status_code) == (202, 202)
    assert one.json()["transaction_id"] == event["transaction_id"]
    assert some.json()["count"] == 1


def test_each_portfolio_record_has_its_outcome(api: httpx.Client, portfolio_id: str) -> None:
    first = {"portfolio_id": portfolio_id, "base_currency": "EUR", "cost_basis_method": "FIFO"}
    second = first | {"portfolio_id": portfolio_id + "2", "opened_on": "2024-02-29", "name": "Zoë"}
    records = [first, second, first | {"version": 3}]
    response = api.post("/ingest/portfolios", params=WAIT, json={"portfolios": records})
    assert response.status_code == 200
    found = response.json()["outcomes"]
    assert [each["outcome"] for each in found] == ["superseded", "booked", "booked"]
    assert [each["result"]["version"] for each in found] == [3, 1, 3]
    assert found[1]["result"]["name"] == "Zoë"

    records = [second, second | {"base_currency": "USD"}, first | {"version": 2}]
    response = api.post("/ingest/portfolios", params=WAIT, json={"portfolios": records})
    found = response.json()["outcomes"]
    assert [each["outcome"] for each in found] == ["duplicate", "conflict", "superseded"]
    assert found[1]["result"]["base_currency"] == "EUR"

    records = [second | {"version": 2}] * 2
    response = api.post("/ingest/portfolios", params=WAIT, json={"portfolios": records})
    found = response.json()["outcomes"]
    assert [each["outcome"] for each in found] == ["booked", "duplicate"]


def test_waiting_without_a_worker_is_202(settings: ApiSettings, portfolio_id: str) -> None:
    with client_of(create_app(settings)) as alone:
        waiting = {"wait": "applied", "timeout": "1"}
        response = alone.post(
            "/ingest/transaction", params=waiting, json=buy(portfolio_id=portfolio_id)
        )
    assert response.status_code == 202
