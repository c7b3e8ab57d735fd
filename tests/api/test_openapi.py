import json
import re
from decimal import Decimal
from typing import Any

import httpx
import pytest

from api import examples
from api import reference_documents as reference
from api.documents import Lot, PortfolioEvent, Position, Result, TransactionEvent
from api.stored_documents import StoredTransaction
from migrations.schema import metadata, transactions
from wire import codes, fields, portfolios
from wire.reference import OF_BUSINESS_DATES, OF_FX_RATES, OF_INSTRUMENTS, OF_MARKET_PRICES
from wire.transactions import FIELDS

ROUTES = {
    "/ingest/transaction", "/ingest/transactions", "/ingest/portfolios",
    "/portfolios/{portfolio_id}/positions",
    "/portfolios/{portfolio_id}/positions/{security_id}",
    "/portfolios/{portfolio_id}/positions/{security_id}/lots",
    "/portfolios/{portfolio_id}/transactions/{transaction_id}",
    "/portfolios", "/portfolios/{portfolio_id}/transactions",
    "/portfolios/{portfolio_id}/disposals", "/dead-letters",
    "/portfolios/{portfolio_id}/valuation", "/portfolios/{portfolio_id}/performance",
    "/portfolios/{portfolio_id}/performance/mwr", "/portfolios/{portfolio_id}/timeseries",
    "/portfolios/{portfolio_id}/summary", "/portfolios/{portfolio_id}/concentration",
    "/portfolios/{portfolio_id}/stream",
    "/ingest/instruments", "/ingest/market-prices", "/ingest/fx-rates", "/ingest/business-dates",
    "/instruments", "/instruments/{security_id}", "/market-prices", "/fx-rates",
    "/business-dates",
    "/livez", "/readyz", "/version", "/metrics",
}  # fmt: skip
REFERENCE = ("/instruments", "/market-prices", "/fx-rates", "/business-dates")


@pytest.fixture(scope="module")
def document(api: httpx.Client) -> dict[str, Any]:
    response = api.get("/openapi.json")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, op) for path, methods in document["paths"].items() for op in methods.values()]


def test_every_route_is_documented_with_a_summary(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == ROUTES
    for path, operation in operations(document):
        assert operation["summary"], path
        assert operation["responses"], path


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    used = {part.partition('"')[0] for part in text.split('"$ref": "')[1:]}
    assert used
    assert used <= known


def test_errors_are_documented_as_problems(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400 and path != "/readyz":
                assert list(response["content"]) == ["application/problem+json"], path
        if path.startswith(("/portfolios", "/dead-letters", *REFERENCE)):
            assert {"200", "422", "503"} <= set(operation["responses"]), path
        if path.startswith("/ingest"):
            at_the_gate = {"401", "403", "429", "503"}
            # What comes of reference data is not waited for.
            taken_in = {"202"} if path.removeprefix("/ingest") in REFERENCE else {"200", "202"}
            documented = set(operation["responses"]) - at_the_gate
            assert documented == taken_in | {"413", "415", "422"}


def test_the_documented_fields_are_those_of_the_decoders_and_the_tables() -> None:
    assert set(TransactionEvent.model_fields) == set(FIELDS)
    assert set(PortfolioEvent.model_fields) == set(portfolios.FIELDS)
    assert set(StoredTransaction.model_fields) == {column.name for column in transactions.c}
    for kind, event, stored in (
        (OF_INSTRUMENTS, reference.InstrumentEvent, reference.StoredInstrument),
        (OF_MARKET_PRICES, reference.MarketPriceEvent, reference.StoredMarketPrice),
        (OF_FX_RATES, reference.FxRateEvent, reference.StoredFxRate),
        (OF_BUSINESS_DATES, reference.BusinessDateEvent, reference.StoredBusinessDate),
    ):
        assert set(event.model_fields) == set(kind.fields)
        assert set(stored.model_fields) == {column.name for column in metadata.tables[kind.name].c}
        assert set(kind.fields) < set(stored.model_fields)
    assert {"through", "as_of"} <= set(Result.model_fields) & set(Position.model_fields)
    assert "cost_local" in Lot.model_fields


def given(document: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """The schemas of what a field of a transaction may be, by JSON type."""
    field = document["components"]["schemas"]["TransactionEvent"]["properties"][name]
    return {choice["type"]: choice for choice in field["anyOf"]}


@pytest.mark.parametrize(
    "text",
    ["1", "0.92", "0.000000000001", "999999999.5", "0", "0.0", "1000000000", "1.", ".5", "01",
     "1e3", "-1", "0.0000000000001", "0.10"],
)  # fmt: skip
def test_the_documented_rate_is_the_one_that_is_read(document: dict[str, Any], text: str) -> None:
    assert bool(re.search(given(document, "fx_rate")["string"]["pattern"], text)) == isinstance(
        fields.rate(text), Decimal
    )


def test_a_documented_number_is_as_large_as_the_one_that_is_read(document: dict[str, Any]) -> None:
    rate, price = given(document, "fx_rate")["number"], given(document, "price")["number"]
    assert (rate["exclusiveMinimum"], rate["exclusiveMaximum"]) == (0, 10**9)
    assert (price["minimum"], price["exclusiveMaximum"]) == (0, 10**15)


def test_the_documented_multiplier_is_the_one_that_is_read(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["InstrumentEvent"]["properties"]["multiplier"]
    choices = {choice["type"]: choice for choice in schema["anyOf"]}
    assert (choices["number"]["exclusiveMinimum"], choices["number"]["exclusiveMaximum"]) == (
        0, 10**15,
    )  # fmt: skip
    for text in ("1", "0.5", "0", "0.0", "1" + "0" * 15, "1" + "0" * 14, "-1", "1.", "01", "1e3"):
        assert bool(re.search(choices["string"]["pattern"], text)) == isinstance(
            codes.multiplier(text), Decimal
        )


def test_the_documented_version_may_be_its_text(document: dict[str, Any]) -> None:
    version = given(document, "version")
    assert {"integer", "string"} <= set(version)
    for text in ("1", "2147483647", "0", "01", "", "1.0", "99999999999"):
        assert bool(re.search(version["string"]["pattern"], text)) == isinstance(
            fields.version_number(text), int
        )


def test_the_documented_text_is_the_one_that_is_read(document: dict[str, Any]) -> None:
    name, _ = document["components"]["schemas"]["PortfolioEvent"]["properties"]["name"]["anyOf"]
    assert (name["minLength"], name["maxLength"]) == (1, fields.FREE_TEXT_LENGTH_MAX)
    for text in (
        "a",
        "ä 家 😀",
        '"\\',
        "a\0b",
        "\n",
        "a\x1fb",
        "\x7f",
        "\x80",
        "\x9f",
        "\xa0",
        "\u2028",
    ):
        assert bool(re.fullmatch(name["pattern"], text)) == (fields.free_text(text) == text)


def test_instants_in_a_query_may_be_dates(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/portfolios/{portfolio_id}/transactions"]["get"]["parameters"]
    for parameter in parameters:
        if parameter["name"] in ("from", "to"):
            formats = re.findall(r"'format': '([a-z-]+)'", str(parameter["schema"]))
            assert formats == ["date-time", "date"]
    assert {"from", "to"} < {parameter["name"] for parameter in parameters}


def test_the_documentation_page_is_there(api: httpx.Client) -> None:
    response = api.get("/docs")
    assert response.status_code == 200
    assert "/openapi.json" in response.text


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("/ingest/transaction", name) for name in examples.ONE_TRANSACTION),
        *(("/ingest/transactions", name) for name in examples.TRANSACTIONS),
        *(("/ingest/portfolios", name) for name in examples.PORTFOLIOS),
        *(("/ingest/instruments", name) for name in examples.INSTRUMENTS),
        *(("/ingest/market-prices", name) for name in examples.MARKET_PRICES),
        *(("/ingest/fx-rates", name) for name in examples.FX_RATES),
        *(("/ingest/business-dates", name) for name in examples.BUSINESS_DATES),
    ],
)
def test_examples_work_when_they_are_sent_as_they_are(
    api: httpx.Client, document: dict[str, Any], path: str, name: str
) -> None:
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    response = api.post(path, json=content["examples"][name]["value"])
    assert response.status_code == 202, response.text
