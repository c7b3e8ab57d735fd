"""Keys at the gate: where they are asked for, and how they come."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.keys import Key
from api.main import create_app
from api.settings import ApiSettings, is_loopback
from cli.servers import Connections
from tests.api.guarded import Api, guarded
from tests.api.holders import away, bearing, hold
from tests.api.test_ingest import buy, problem_of
from wire.workers import SECRET_HEADER

SECRET = "0123456789abcdef"


@pytest.fixture
def api(settings: ApiSettings, migrated: str) -> Iterator[Api]:
    with guarded(settings, migrated, cluster_secret=SECRET) as api:
        yield api


# -- where keys are asked for


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.0", "127.8.9.10", "127.255.255.255", "::1", "localhost"]
)
def test_what_this_machine_alone_reaches_needs_no_key_unless_told(
    settings: ApiSettings, host: str
) -> None:
    assert is_loopback(host)
    assert not replace(settings, host=host).needs_keys
    assert replace(settings, host=host, api_keys="required").needs_keys


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "126.255.255.255", "::2", "example.org", "127.1",
     "localhost.example.org", "LOCALHOST.", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "", "2130706433",
     "127.0.0.1 ", "0x7f.1", "[::1]"],
)  # fmt: skip
@pytest.mark.parametrize("api_keys", ["auto", "required", "off", ""])
def test_what_others_may_reach_needs_a_key_whatever_is_set(
    settings: ApiSettings, host: str, api_keys: str
) -> None:
    assert not is_loopback(host)
    assert replace(settings, host=host, api_keys=api_keys).needs_keys


def test_beyond_this_machine_a_request_without_a_key_is_refused(
    settings: ApiSettings, migrated: str
) -> None:
    with guarded(settings, migrated, api_keys="auto", host="0.0.0.0") as api:
        assert problem_of(api.client.get("/portfolios"), 401)["type"].endswith("unauthorized")
        assert api.get("/portfolios", hold(migrated, "read")).status_code == 200


def test_where_none_is_needed_none_is_looked_at(settings: ApiSettings, migrated: str) -> None:
    revoked = hold(migrated, "read", portfolios=["OTHER"], is_revoked=True)
    with guarded(settings, migrated, api_keys="auto") as api:
        for headers in (bearing(revoked), {"X-API-Key": "x"}, {"Authorization": "Basic eDp5"}, {}):
            assert api.client.get("/version", headers=headers).status_code == 200
            assert api.client.get("/portfolios", headers=headers).status_code == 200


# -- how they come


def test_a_key_comes_as_a_bearer_or_in_a_header_of_its_own(api: Api) -> None:
    key = hold(api.database_url, "read")
    for headers in (
        {"Authorization": f"Bearer {key.text}"},
        {"Authorization": f"bearer  {key.text}"},
        {"X-API-Key": key.text},
        {"Authorization": "Basic eDp5", "X-API-Key": key.text},  # of a proxy before us
    ):
        assert api.client.get("/portfolios", headers=headers).status_code == 200, headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "{key}"},
        {"Authorization": "Basic {key}"},
        {"Authorization": "Bearer {key} more"},
        {"Authorization": "Bearer junk", "X-API-Key": "{key}"},
        {"X-API-Key": "Bearer {key}"},
        {"X-Key": "{key}"},
        {"Cookie": "X-API-Key={key}"},
    ],
)
def test_a_key_that_comes_otherwise_is_none(api: Api, headers: dict[str, str]) -> None:
    key = hold(api.database_url, "read").text
    sent = {name: value.format(key=key) for name, value in headers.items()}
    assert api.client.get("/portfolios", headers=sent).status_code == 401
    assert api.client.get("/portfolios", params={"api_key": key}).status_code == 401


def test_a_request_that_is_refused_is_not_read_or_checked(api: Api) -> None:
    for path in ("/ingest/transaction?x=1", "/ingest/transactions"):
        answer = api.client.post(path, content=b"x" * (9 << 20))
        assert problem_of(answer, 401)["errors"] == []
    assert api.client.get("/portfolios/a|b/positions?x=1").status_code == 401


def test_without_postgresql_known_keys_go_on_and_others_are_503(
    api: Api, servers: Connections
) -> None:
    known, other = (hold(api.database_url, "read", "write") for _ in range(2))
    assert api.get("/portfolios", known).status_code == 200
    with away(servers.database_url, api.database_url):
        assert api.post("/ingest/transaction", known, buy()).status_code == 202
        assert api.get("/portfolios/P1/positions", known).status_code == 404  # the worker's word
        refused = api.get("/portfolios/P1/positions", other)
        assert problem_of(refused, 503)["type"].endswith("database-away")
        assert refused.headers["retry-after"] == "1"
        assert api.client.get("/portfolios/P1/positions").status_code == 401
        assert api.client.get("/livez").status_code == 200


# -- metrics and the secret of the cluster


def test_metrics_may_be_scraped_with_the_secret_of_the_cluster_and_nothing_else(api: Api) -> None:
    sent = {SECRET_HEADER: SECRET}
    found = api.client.get("/metrics", headers=sent)
    assert found.status_code == 200
    assert list(text_string_to_metric_families(found.text))
    for wrong in ({SECRET_HEADER: SECRET + "x"}, {SECRET_HEADER: ""}, {}):
        assert api.client.get("/metrics", headers=wrong).status_code == 401
    for path in ("/version", "/portfolios", "/dead-letters"):
        assert api.client.get(path, headers=sent).status_code == 401


def test_without_a_secret_no_header_opens_metrics(settings: ApiSettings, migrated: str) -> None:
    with guarded(settings, migrated) as api:
        for secret in ("", "None", "null"):
            assert api.client.get("/metrics", headers={SECRET_HEADER: secret}).status_code == 401


def test_workers_are_asked_with_the_secret(api: Api) -> None:
    api.get("/portfolios/P1/positions", hold(api.database_url, "read"))
    assert api.worker.secrets == {SECRET}


# -- limits


def test_each_key_has_a_limit_of_its_own_and_says_when_to_come_again(
    settings: ApiSettings, migrated: str
) -> None:
    one, other = hold(migrated, "read"), hold(migrated, "read")
    with guarded(settings, migrated, rate_limit=3) as api:
        statuses = [api.get("/portfolios", one).status_code for _ in range(12)]
        assert statuses.count(200) >= 3
        refused = next(
            answer
            for answer in (api.get("/portfolios", one) for _ in range(20))
            if answer.status_code != 200
        )
        assert problem_of(refused, 429)["type"].endswith("too-many-requests")
        assert refused.headers["retry-after"] == "1"
        # Before it is known, a key is looked up at the expense of the address.
        assert api.get("/portfolios", other).status_code == 200
        assert api.client.get("/livez").status_code == 200


def test_who_tries_keys_out_is_limited_by_address_and_takes_nothing_from_the_key(
    settings: ApiSettings, migrated: str
) -> None:
    key = hold(migrated, "read")
    forged = Key(key.key_id, "0" * 64)
    with guarded(settings, migrated, rate_limit=2) as api:
        assert api.get("/portfolios", key).status_code == 200
        statuses = [api.get("/portfolios", forged).status_code for _ in range(10)]
        assert set(statuses) == {401, 429}
        assert statuses.count(401) <= 3
        assert api.get("/portfolios", key).status_code == 200


def test_without_keys_each_address_has_a_limit(settings: ApiSettings, migrated: str) -> None:
    with guarded(settings, migrated, api_keys="auto", rate_limit=3) as api:
        statuses = [api.client.get("/version").status_code for _ in range(20)]
    assert set(statuses) == {200, 429}


# -- what is said of it all


def test_the_document_says_how_keys_come_and_which_routes_ask_for_none(
    api: Api, settings: ApiSettings
) -> None:
    document = api.client.get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path in ("/livez", "/readyz"):
                assert "security" not in operation
            else:
                assert operation["security"] == [{name: []} for name in schemes]
                assert {"401", "403", "429", "503"} <= set(operation["responses"])
    without = create_app(settings).openapi()
    assert {} in without["paths"]["/portfolios"]["get"]["security"]
