import json
import uuid
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

from api.problems import ERRORS_SHOWN_MAX
from cli.servers import Connections
from wire.partitioner import partition_of

LIST_BYTES_MAX = 8 * 1024 * 1024


def buy(**changes: object) -> dict[str, Any]:
    event: dict[str, Any] = {
        "transaction_id": uuid.uuid4().hex,
        "portfolio_id": "P1",
        "security_id": "ACME",
        "transaction_type": "BUY",
        "transaction_date": "2024-01-10",
        "quantity": "10",
        "price": "1",
        "trade_currency": "USD",
    }
    return event | changes


def record_at(servers: Connections, topic: str, partition: int, offset: int) -> tuple[bytes, bytes]:
    """Key and value of one record, read as any other program would."""
    consumer = Consumer({**servers.kafka.options, "group.id": uuid.uuid4().hex})
    consumer.assign([TopicPartition(topic, partition, offset)])
    message = consumer.poll(10)
    consumer.close()
    assert message is not None
    assert message.error() is None
    assert message.offset() == offset
    key, value = message.key(), message.value()
    assert key is not None
    assert value is not None
    return key, value


def problem_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:portfolio:problem:")
    assert problem["title"]
    return problem


def errors_of(response: httpx.Response, status: int = 422) -> list[tuple[str, str]]:
    return [(e["pointer"], e["rule"]) for e in problem_of(response, status)["errors"]]


def test_a_transaction_is_in_kafka_as_it_was_sent_when_202_comes(
    api: httpx.Client, servers: Connections, partitions: int
) -> None:
    event = buy(portfolio_id="Q-77:a@b c", price=0.1000)
    # Unusual but legal: what Kafka gets is these bytes, spaces and all.
    body = (" " + json.dumps(event, indent=1) + "\n").encode()
    response = api.post("/ingest/transaction", content=body)
    assert response.status_code == 202
    accepted = response.json()
    assert set(accepted) == {
        "message", "portfolio_id", "transaction_id", "topic", "partition", "offset",
    }  # fmt: skip
    assert accepted["portfolio_id"] == "Q-77:a@b c"
    assert accepted["transaction_id"] == event["transaction_id"]
    assert accepted["topic"] == "raw_transactions"
    assert accepted["partition"] == partition_of("Q-77:a@b c", partitions)
    at = accepted["topic"], accepted["partition"], accepted["offset"]
    assert record_at(servers, *at) == (b"Q-77:a@b c", body)


def test_a_malformed_transaction_names_every_field_and_rule(api: httpx.Client) -> None:
    event = buy(quantity="1e3", price=-1, colour="red")
    found = errors_of(api.post("/ingest/transaction", json=event))
    assert sorted(found) == [
        ("/colour", "field_must_be_known"),
        ("/price", "decimal_must_not_be_negative"),
        ("/quantity", "decimal_must_be_plain"),
    ]


def test_a_field_name_is_escaped_in_its_pointer(api: httpx.Client) -> None:
    found = errors_of(api.post("/ingest/transaction", json=buy(**{"a/b~c": 1})))
    assert found == [("/a~1b~0c", "field_must_be_known")]


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"[]", b"null", b"{", b"\xff", b'"\\ud800"', b'{"a":NaN}', b"[" * 60_000,
        b'{"a":1,"a":2}', b'{"\\ud800": 1}', b'\xef\xbb\xbf{}', b'{"transaction_id":"\\u0000"}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_a_problem(api: httpx.Client, body: bytes) -> None:
    assert errors_of(api.post("/ingest/transaction", content=body))
    assert errors_of(api.post("/ingest/transactions", content=body))
    wrapped = b'{"transactions":[' + body + b"]}"
    assert errors_of(api.post("/ingest/transactions", content=wrapped))


@pytest.mark.parametrize(
    ("body", "half"),
    [
        (r'{"\ud800": 1}', r"\ud800"),
        (r'{"transactions": ["\uDBFFx"]}', r"\uDBFF"),
        (r'{"transactions": [{"\ud83d\ude00\udc00": 1}]}', r"\udc00"),
    ],
)
def test_half_a_surrogate_pair_is_named(api: httpx.Client, body: str, half: str) -> None:
    [error] = problem_of(api.post("/ingest/transactions", content=body), 422)["errors"]
    assert (error["pointer"], error["rule"]) == ("", "message_must_be_utf8")
    assert error["message"] == f"{half} is half of a surrogate pair"


@pytest.mark.parametrize("body", [r'{"\ud83d\ude00"', r'{"\\ud800"', "{"])
def test_a_body_that_is_cut_off_is_not_taken_for_one_with_half_a_pair(
    api: httpx.Client, body: str
) -> None:
    assert errors_of(api.post("/ingest/transactions", content=body)) == [
        ("", "message_must_be_json")
    ]


def test_a_list_is_taken_in_whole_in_its_order(
    api: httpx.Client, servers: Connections, partitions: int
) -> None:
    events = [json.dumps(buy(portfolio_id=f"L{index % 3}")) for index in range(9)]
    body = '{ "transactions" : [ ' + " , ".join(events) + " ] } "
    response = api.post("/ingest/transactions", content=body)
    assert response.status_code == 202
    accepted = response.json()
    assert accepted["message"] == "accepted"
    assert accepted["count"] == 9
    ends = accepted["next_offsets"]
    assert set(ends) == {str(partition_of(f"L{n}", partitions)) for n in range(3)}
    partition = partition_of("L2", partitions)
    at = accepted["topic"], partition, ends[str(partition)] - 1
    assert record_at(servers, *at) == (b"L2", events[8].encode())


def test_one_malformed_element_keeps_the_whole_list_out(api: httpx.Client, partitions: int) -> None:
    before = api.post("/ingest/transaction", json=buy(portfolio_id="W")).json()
    events = [buy(portfolio_id="W") for _ in range(5)]
    events[3] |= {"quantity": 0}
    events[4] = {"x": 1}
    found = errors_of(api.post("/ingest/transactions", json={"transactions": events}))
    assert ("/transactions/3/quantity", "quantity_must_be_positive") in found
    assert ("/transactions/4/x", "field_must_be_known") in found
    after = api.post("/ingest/transaction", json=buy(portfolio_id="W")).json()
    assert after["offset"] == before["offset"] + 1


def test_an_element_that_is_no_object_is_named_by_its_index(api: httpx.Client) -> None:
    found = errors_of(api.post("/ingest/transactions", json={"transactions": [buy(), 5]}))
    assert found == [("/transactions/1", "message_must_be_an_object")]


@pytest.mark.parametrize(
    ("body", "pointer", "rule"),
    [
        ('{"transactions": []}', "/transactions", "list_must_not_be_empty"),
        ('{"transactions": {}}', "/transactions", "field_must_be_a_list"),
        ('{"transactions": null}', "/transactions", "field_must_be_a_list"),
        ("{}", "/transactions", "field_must_be_given"),
        ('{"transactions": [{}], "more": 1}', "/more", "field_must_be_known"),
        ('{"transactions":[1],"transactions":[1]}', "/transactions", "field_must_be_given_once"),
        ('{"transactions":[1], "trans\\u0061ctions" : []}', "/transactions",
         "field_must_be_given_once"),
        ('{"transactions": [1]} x', "", "message_must_be_json"),
        ('{"transactions": [1,]}', "", "message_must_be_json"),
    ],
)  # fmt: skip
def test_a_list_has_one_member_with_a_list_in_it(
    api: httpx.Client, body: str, pointer: str, rule: str
) -> None:
    assert errors_of(api.post("/ingest/transactions", content=body)) == [(pointer, rule)]


def test_a_list_may_spell_its_name_with_an_escape(api: httpx.Client) -> None:
    body = '{"trans\\u0061ctions":[' + json.dumps(buy()) + "]}"
    assert api.post("/ingest/transactions", content=body).status_code == 202


def test_only_the_first_hundred_errors_are_shown(api: httpx.Client) -> None:
    response = api.post("/ingest/transactions", json={"transactions": [1] * 150})
    problem = problem_of(response, 422)
    assert len(problem["errors"]) == 100
    assert "50 more" in problem["detail"]


def test_portfolios_are_taken_in(api: httpx.Client, servers: Connections, partitions: int) -> None:
    record = {"portfolio_id": "P9", "base_currency": "EUR", "cost_basis_method": "HIFO"}
    response = api.post("/ingest/portfolios", json={"portfolios": [record, record]})
    assert response.status_code == 202
    accepted = response.json()
    assert (accepted["count"], accepted["topic"]) == (2, "portfolios")
    [(partition, end)] = accepted["next_offsets"].items()
    key, value = record_at(servers, "portfolios", int(partition), end - 1)
    assert key == b"P9"
    assert json.loads(value) == record


def test_a_malformed_portfolio_is_named_by_its_index(api: httpx.Client) -> None:
    record = {"portfolio_id": "P9", "base_currency": "eur", "cost_basis_method": "HIFO"}
    found = errors_of(api.post("/ingest/portfolios", json={"portfolios": [record]}))
    assert found == [("/portfolios/0/base_currency", "currency_must_be_three_capitals")]


def test_a_transaction_of_64_kib_is_taken_in_and_a_byte_more_is_413(api: httpx.Client) -> None:
    event = json.dumps(buy()).encode()
    assert api.post("/ingest/transaction", content=event.ljust(64 * 1024)).status_code == 202
    too_long = api.post("/ingest/transaction", content=event.ljust(64 * 1024 + 1))
    assert errors_of(too_long, 413) == [("", "message_must_fit")]


def test_a_body_of_unknown_length_is_bounded_while_it_is_read(api: httpx.Client) -> None:
    chunks = (b" " * 65_536 for _ in range(LIST_BYTES_MAX // 65_536 + 1))
    problem_of(api.post("/ingest/transactions", content=chunks), 413)


def test_a_list_of_more_than_8_mib_or_ten_thousand_is_413(api: httpx.Client) -> None:
    too_long = api.post("/ingest/transactions", content=b" " * (LIST_BYTES_MAX + 1))
    assert errors_of(too_long, 413) == [("", "message_must_fit")]
    elements = b'{"transactions":[' + b"1," * 10_000 + b"1]}"
    too_many = api.post("/ingest/transactions", content=elements)
    assert errors_of(too_many, 413) == [("/transactions", "list_must_fit")]


def test_ten_thousand_transactions_are_taken_in_at_once(api: httpx.Client) -> None:
    events = [buy(portfolio_id=f"M{index % 50}") for index in range(10_000)]
    response = api.post("/ingest/transactions", json={"transactions": events})
    assert response.status_code == 202
    assert response.json()["count"] == 10_000


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ({"content-type": "application/json"}, None),
        ({"content-type": "Application/JSON; charset=utf-8"}, None),
        ({"content-type": 'application/json;charset="utf8"'}, None),
        ({"content-type": "application/json; indent=4"}, None),
        ({}, None),
        ({"content-type": "application/json; charset=latin1"},
         "content_type_must_be_application_json"),
        ({"content-type": "application/json; charset=utf-16"},
         "content_type_must_be_application_json"),
        ({"content-type": "application/jsonl"}, "content_type_must_be_application_json"),
        ({"content-type": "text/plain"}, "content_type_must_be_application_json"),
        ({"content-type": "application/x-www-form-urlencoded"},
         "content_type_must_be_application_json"),
        ({"content-encoding": "gzip"}, "content_encoding_must_be_identity"),
    ],
)  # fmt: skip
def test_only_json_as_it_is_is_read(
    api: httpx.Client, headers: dict[str, str], rule: str | None
) -> None:
    body = json.dumps(buy()).encode()
    response = api.post("/ingest/transaction", content=body, headers=headers)
    if rule is None:
        assert response.status_code == 202
    else:
        [header] = headers
        assert errors_of(response, 415) == [(f"/header/{header}", rule)]


OF_SECONDS = " is not 1 to 9 digits, or with a point and up to 9 more"


@pytest.mark.parametrize(
    ("query", "name", "rule", "message"),
    [
        ("wait=maybe", "wait", "parameter_must_be_one_of_its_values", "it is not 'applied'"),
        ("wait=applied&timeout=0", "timeout", "parameter_must_be_in_range", "it is not more than 0"),
        ("timeout=61", "timeout", "parameter_must_be_in_range", "it is more than 60"),
        ("timeout=nan", "timeout", "parameter_must_be_a_number", OF_SECONDS),
        ("timeout=inf", "timeout", "parameter_must_be_a_number", OF_SECONDS),
        ("timeout=soon", "timeout", "parameter_must_be_a_number", OF_SECONDS),
        ("timeout=1_0", "timeout", "parameter_must_be_a_number", OF_SECONDS),
        ("timeout=%2B5", "timeout", "parameter_must_be_a_number", OF_SECONDS),
        ("timeout=.5", "timeout", "parameter_must_be_a_number", OF_SECONDS),
        ("timeout=1e1", "timeout", "parameter_must_be_a_number", OF_SECONDS),
        ("wiat=applied", "wiat", "parameter_must_be_known", "there is no such parameter"),
    ],
)  # fmt: skip
def test_waiting_is_bounded_and_spelled_right(
    api: httpx.Client, query: str, name: str, rule: str, message: str
) -> None:
    response = api.post(f"/ingest/transaction?{query}", json=buy())
    [error] = problem_of(response, 422)["errors"]
    assert (error["pointer"], error["rule"]) == (f"/query/{name}", rule)
    assert error["message"].endswith(message)


def test_of_junk_the_first_errors_are_shown_and_all_counted(api: httpx.Client) -> None:
    needed = 3  # both ids and the type, without which nothing else is
    junk = "{" + ",".join(f'"{n}":1' for n in range(150)) + "}"
    body = '{"transactions":[' + ",".join([junk] * 5_000) + "]}"
    for path, content, broken in (
        ("/ingest/transaction", junk, 150 + needed),
        ("/ingest/transactions", body, 5_000 * (150 + needed)),
    ):
        problem = problem_of(api.post(path, content=content), 422)
        assert len(problem["errors"]) == ERRORS_SHOWN_MAX
        assert problem["detail"].startswith(f"{broken} rules are broken. ({broken - 100} more ")


def test_the_name_of_an_unknown_field_is_not_repeated_at_any_length(api: httpx.Client) -> None:
    for name in ("x" * 1_000_000, "\\u0000" * 1000):
        response = api.post("/ingest/transactions", content=f'{{"{name}":[]}}'.encode())
        assert errors_of(response)[0][1] == "field_must_be_known"
        assert len(response.content) < 2000
