"""Requests made from the OpenAPI document, to the whole system, by somebody who has a key: each
answer is as documented.

`test_any_request` sends what no client of a document would: bytes that are hardly HTTP.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from cli.servers import Connections
from migrations.upgrade import upgrade
from tests.api.holders import bearing, hold
from tests.system.events import portfolio, reference, trade
from tests.system.log import make_topics_anew, send
from tests.system.whole import Whole
from tests.wire.reference import DAY, INSTRUMENT, PRICE, RATE
from wire.reference import OF_BUSINESS_DATES, OF_FX_RATES, OF_INSTRUMENTS, OF_MARKET_PRICES

CASES_LONG = 10_000
CASES_SHORT = 240
CONFIG = schemathesis.Config.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": ["404", "413", "415", "422"]}}}
)
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
# Headers that say where a request ends, and what becomes of the connection: where they are broken the
# server answers before the application, and no document is about that.
FRAMING = {"content-length", "transfer-encoding", "connection", "expect", "upgrade", "host"}
# What is there; of ids that are made up, nothing is.
KNOWN = {"portfolio_id": "P1", "security_id": "ACME", "transaction_id": "S1"}
BOOKED = [
    portfolio("P1", "USD", "HIFO"),
    trade("P1", "B1", "BUY", "2024-01-10", "10", "100"),
    trade("P1", "B2", "BUY", "2024-01-11", "10", "110", currency="EUR", security_id="OTHER"),
    trade("P1", "S1", "SELL", "2024-02-01", "4", "150"),
    trade("P1", "S2", "SELL", "2024-02-02", "40", "150"),
    trade("P1", "BAD", "BUY", "2024-02-02", "x", "150"),
    reference(OF_INSTRUMENTS, INSTRUMENT | {"security_id": "ACME"}),
    reference(OF_MARKET_PRICES, PRICE),
    reference(OF_MARKET_PRICES, PRICE | {"price": "-1"}),
    reference(OF_FX_RATES, RATE),
    reference(OF_BUSINESS_DATES, DAY),
]


@pytest.fixture
def whole(servers: Connections, database_url: str, tmp_path: Path) -> Iterator[Whole]:
    """A system that has something to show: transactions booked, refused, waiting and unreadable."""
    make_topics_anew(servers.kafka)
    upgrade(database_url)
    of_its_own = replace(servers, database_url=database_url)
    with Whole(of_its_own, tmp_path, {"API_KEYS": "required"}) as whole:
        send(servers.kafka, BOOKED)
        whole.wait_until_ready()
        whole.wait_settled()
        yield whole


def takes_something(operation: Any) -> bool:  # noqa: ANN401 - the library types it as little
    return bool(list(operation.iter_parameters()) or operation.body)


@st.composite
def cases(draw: st.DrawFn, operation: Any) -> Case[Any]:  # noqa: ANN401 - likewise
    """A request that keeps to the document, also one about what is there, or one that does not."""
    modes = [GenerationMode.POSITIVE] * 2
    if takes_something(operation):
        modes.append(GenerationMode.NEGATIVE)
    mode = draw(st.sampled_from(modes))
    case: Case[Any] = draw(operation.as_strategy(generation_mode=mode))
    for name in [name for name in case.headers or () if name.lower() in FRAMING]:
        del case.headers[name]
    if mode is GenerationMode.POSITIVE and draw(st.booleans()):
        case.path_parameters |= {name: KNOWN[name] for name in case.path_parameters}
    return case


@pytest.mark.timeout(3600)
def test_every_answer_is_one_that_the_document_promises(whole: Whole, is_long: bool) -> None:
    key = bearing(hold(whole.database_url, "admin"))
    session = requests.Session()
    session.trust_env = False  # on this machine nobody is behind a proxy
    schema = schemathesis.openapi.from_url(f"{whole.url}/openapi.json", config=CONFIG)
    # A stream has no end.
    bounded = schema.exclude(path_regex="/stream$")
    operations = [found.ok() for found in bounded.get_all_operations() if isinstance(found, Ok)]
    # Of the others, which take nothing, there is one request each.
    asking = sum(map(takes_something, operations))
    answered: Counter[tuple[str, int]] = Counter()
    for operation in operations:

        @settings(
            max_examples=(CASES_LONG if is_long else CASES_SHORT) // asking,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases(operation))
        def check(case: Case[Any]) -> None:
            response = case.call(session=session, headers=key)
            answered[case.operation.label, response.status_code] += 1
            assert response.status_code < 500 or response.status_code == 503, response.text
            case.validate_response(response, checks=CHECKS)

        check()
    # 503 is an answer too, but not the only one of any.
    served = {label for label, status in answered if status != 503}
    assert served == {operation.label for operation in operations}
    assert {status for _, status in answered} >= {200, 202, 404, 422}
    assert answered.total() >= (CASES_LONG if is_long else CASES_SHORT) * 0.9
    assert session.get(f"{whole.url}/version").status_code == 401, "a key was not asked for"
    session.close()
