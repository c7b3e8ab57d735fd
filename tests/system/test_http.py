import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.system.system import System, free_port

BUY = {
    "transaction_id": "B1",
    "portfolio_id": "P1",
    "security_id": "ACME",
    "transaction_type": "BUY",
    "transaction_date": "2024-01-10",
    "quantity": "10",
    "price": "100",
    "trade_currency": "USD",
}


@pytest.fixture
def api(system: System) -> Iterator[httpx.Client]:
    """A client of an API process in front of a worker and a store."""
    system.worker().start()
    system.store.start()
    port = free_port()
    system.api(port).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:

        def is_ready() -> bool:
            try:
                return client.get("/readyz").status_code == 200
            except httpx.HTTPError:
                return False

        system.wait_until(is_ready, 60, "the API is ready")
        yield client


def post(api: httpx.Client, **fields: object) -> tuple[int, Any]:
    answer = api.post("/ingest/transaction?wait=applied", content=json.dumps(BUY | fields))
    return answer.status_code, answer.json()


def test_a_transaction_can_be_followed_from_the_door_to_every_answer(
    api: httpx.Client, system: System
) -> None:
    status, body = post(api)
    assert (status, body["outcome"], body["result"]["net_cost"]) == (200, "booked", "1000")
    sale: dict[str, object] = {
        "transaction_id": "S1", "transaction_type": "SELL", "price": "150",
        "transaction_date": "2024-02-01",
    }  # fmt: skip
    assert post(api, **sale)[1]["result"]["realized_gain_loss"] == "500"
    late = {"transaction_id": "B0", "transaction_date": "2024-01-05", "price": "50"}
    assert post(api, **late)[1]["outcome"] == "booked"
    changed = api.get("/portfolios/P1/transactions/S1").json()
    assert changed["realized_gain_loss"] == "1000"
    assert [d["lot_id"] for d in changed["disposals"]] == ["B0"]
    lots = api.get("/portfolios/P1/positions/ACME/lots").json()
    assert [(lot["lot_id"], lot["quantity"], lot["cost"]) for lot in lots["lots"]] == [
        ("B1", "10", "1000")
    ]
    assert lots["through"]["raw_transactions"] == 3
    system.wait_settled()
    stored = api.get("/portfolios/P1/transactions").json()["items"]
    assert [row["transaction_id"] for row in stored] == ["S1", "B1", "B0"]
    assert api.get("/portfolios/P1/positions").json()["positions"][0]["quantity"] == "10"


def test_each_outcome_is_told_to_who_waits_for_it(api: httpx.Client) -> None:
    assert post(api)[1]["outcome"] == "booked"
    assert post(api)[1]["outcome"] == "duplicate"
    assert post(api, price="101")[1]["outcome"] == "conflict"
    assert post(api, price="101", version=3)[1]["outcome"] == "booked"
    assert post(api, price="102", version=2)[1]["outcome"] == "superseded"
    oversold = {"transaction_id": "S9", "transaction_type": "SELL", "quantity": "99"}
    _, body = post(api, **oversold)
    assert (body["outcome"], body["result"]["reason"]) == (
        "rejected",
        "quantity_must_not_exceed_holding",
    )
    record = {"portfolio_id": "P1", "base_currency": "CHF", "cost_basis_method": "LIFO"}
    assert api.post("/ingest/portfolios", json={"portfolios": [record]}).status_code == 202
    assert post(api, transaction_id="B2")[1]["outcome"] in ("pending", "booked")
    assert post(api, transaction_id="B3")[1]["outcome"] == "pending"
    cancel = {"transaction_type": "CANCEL", "version": 9}
    assert post(api, **cancel)[1]["outcome"] == "cancelled"


def test_what_is_unknown_is_not_found_and_never_a_default(api: httpx.Client) -> None:
    post(api)
    for path in ("/portfolios/P2/positions", "/portfolios/P1/positions/NONE",
                 "/portfolios/P1/positions/NONE/lots", "/portfolios/P1/transactions/NONE"):  # fmt: skip
        answer = api.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_cancelled_holding_has_no_position_any_more(api: httpx.Client, system: System) -> None:
    post(api)
    assert post(api, transaction_type="CANCEL", version=2)[1]["outcome"] == "cancelled"
    assert api.get("/portfolios/P1/positions/ACME").status_code == 404
    assert api.get("/portfolios/P1/positions").json()["positions"] == []
    system.wait_settled()
    assert system.rows("positions") == []
    assert system.differences() == []
