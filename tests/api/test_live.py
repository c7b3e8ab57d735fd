import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import Response

from api import live
from api.main import create_app
from api.settings import ApiSettings
from tests.api.conftest import PARTITIONS, closed_port
from tests.api.serving import client_of, served
from tests.api.stand_in import StandIn, problem
from tests.api.test_ingest import buy, problem_of
from wire.partitioner import partition_of

POSITIONS = "/portfolios/P1/positions"
PARTITION = partition_of("P1", PARTITIONS)
CLOSED = f"http://127.0.0.1:{closed_port()}"


class Two:
    """Two workers."""

    def __init__(self, running: ExitStack) -> None:
        self.first, self.second = StandIn(PARTITIONS), StandIn(PARTITIONS)
        self.first_url = running.enter_context(served(self.first.app))
        self.second_url = running.enter_context(served(self.second.app))
        self.api = httpx.Client(trust_env=False)

    def own(self, url: str) -> None:
        """Both say that the worker at this address owns everything."""
        self.first.owners = self.second.owners = dict.fromkeys(range(PARTITIONS), url)


@pytest.fixture(scope="module")
def running_two() -> Iterator[Two]:
    with ExitStack() as running:
        yield Two(running)


@pytest.fixture
def two(running_two: Two, settings: ApiSettings) -> Iterator[Two]:
    """Two workers, of which the second owns everything, and a new API that knows the first."""
    for worker in (running_two.first, running_two.second):
        worker.forget(PARTITIONS)
    running_two.own(running_two.second_url)
    known = replace(settings, partitions=PARTITIONS, worker_urls=(running_two.first_url,))
    with client_of(create_app(known)) as running_two.api:
        yield running_two


def json_of(text: str) -> Response:
    return Response(text, media_type="application/json")


def unavailable(response: httpx.Response) -> None:
    assert problem_of(response, 503)["type"] == "urn:portfolio:problem:owner-away"
    assert response.headers["retry-after"] == "1"


def test_the_owner_is_asked_and_its_answer_passed_on_byte_by_byte(two: Two) -> None:
    two.second.answers[POSITIONS] = json_of('{"positions" : [ ],"as_of":1.0}')
    response = two.api.get(POSITIONS)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.text == '{"positions" : [ ],"as_of":1.0}'
    assert two.first.asked == []


@pytest.mark.parametrize(
    ("path", "raw_path"),
    [
        ("/portfolios/a%40b%3Ac%20d/positions/X%20Y", "/portfolios/a%40b%3Ac%20d/positions/X%20Y"),
        ("/portfolios/a@b:c%20d/positions/X.Y/lots",
         "/portfolios/a%40b%3Ac%20d/positions/X.Y/lots"),
        ("/portfolios/P-1_2/transactions/%2E%2E", "/portfolios/P-1_2/transactions/%2E%2E"),
    ],
)  # fmt: skip
def test_ids_reach_the_worker_whatever_characters_they_have(
    two: Two, path: str, raw_path: str
) -> None:
    assert two.api.get(path).status_code == 404
    assert two.second.asked == [raw_path]


@pytest.mark.parametrize("portfolio_id", ["a|b", "%20a", "a%20%20b", "a%00", "%C3%A4", "x" * 129])
def test_what_is_no_id_is_422_and_asks_nobody(two: Two, portfolio_id: str) -> None:
    response = two.api.get(f"/portfolios/{portfolio_id}/positions")
    [error] = problem_of(response, 422)["errors"]
    assert (error["pointer"], error["rule"]) == ("/path/portfolio_id", "id_must_be_plain")
    assert two.second.asked == []


def test_unknown_and_rebooking_are_passed_on_with_their_headers(two: Two) -> None:
    assert problem_of(two.api.get(POSITIONS), 404)["type"].endswith("not-found")
    two.second.answers[POSITIONS] = problem(503, "rebooking")
    response = two.api.get(POSITIONS)
    assert problem_of(response, 503)["type"].endswith("rebooking")
    assert response.headers["retry-after"] == "3"
    assert len(two.second.asked) == 2


def test_a_partition_that_moved_is_found_again_at_once(two: Two) -> None:
    two.second.answers[POSITIONS] = json_of('"second"')
    assert two.api.get(POSITIONS).json() == "second"
    two.own(two.first_url)
    two.second.answers[POSITIONS] = problem(503, "not-owner")
    two.first.answers[POSITIONS] = json_of('"first"')
    assert two.api.get(POSITIONS).json() == "first"


def test_an_owner_that_went_away_is_replaced_by_the_next(two: Two) -> None:
    two.own(CLOSED)
    unavailable(two.api.get(POSITIONS))
    two.own(two.second_url)
    two.second.answers[POSITIONS] = json_of('"second"')
    assert two.api.get(POSITIONS).json() == "second"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("unable to perform operation on <TCPTransport closed=True>"),
        AttributeError("'NoneType' object has no attribute 'getpeername'"),
    ],
)
def test_a_connection_that_was_closed_under_the_question_is_no_error_of_ours(
    two: Two, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ask, closed = httpx.AsyncClient.request, iter([True])

    async def request(client: Any, method: str, url: str, **rest: Any) -> Any:  # noqa: ANN401
        if POSITIONS in url and next(closed, False):
            raise error
        return await ask(client, method, url, **rest)

    monkeypatch.setattr(httpx.AsyncClient, "request", request)
    two.second.answers[POSITIONS] = json_of('"again"')
    assert two.api.get(POSITIONS).json() == "again"


def test_the_worker_with_news_is_believed_over_the_one_without(two: Two) -> None:
    two.second.answers[POSITIONS] = json_of('"second"')
    assert two.api.get(POSITIONS).json() == "second"
    # The first has not heard yet that the second lost its partitions.
    two.first.owners = dict.fromkeys(range(PARTITIONS), two.second_url)
    two.second.owners = dict.fromkeys(range(PARTITIONS), two.first_url)
    two.second.answers[POSITIONS] = problem(503, "not-owner")
    two.first.answers[POSITIONS] = json_of('"first"')
    assert two.api.get(POSITIONS).json() == "first"


def test_nobody_owning_the_partition_is_503_and_no_default(two: Two) -> None:
    two.own(two.first_url)
    two.first.answers[POSITIONS] = problem(503, "not-owner")
    unavailable(two.api.get(POSITIONS))
    assert len(two.first.asked) == 2
    two.first.owners = two.second.owners = {}
    unavailable(two.api.get(POSITIONS))


@pytest.mark.parametrize(
    "answer",
    [
        Response("Not Found", 404),
        Response('{"detail":"Not Found"}', 404, media_type="application/json"),
        Response("oops", 500),
        Response("", 302, {"location": "/owners"}),
        Response("[]", 404, media_type="application/problem+json"),
    ],
)
def test_what_no_healthy_worker_says_is_never_passed_on(two: Two, answer: Response) -> None:
    two.second.answers[POSITIONS] = answer
    unavailable(two.api.get(POSITIONS))


def test_a_worker_of_another_number_of_partitions_is_not_believed(two: Two) -> None:
    two.first.partitions = two.second.partitions = PARTITIONS + 1
    unavailable(two.api.get(POSITIONS))
    assert two.second.asked == []


def test_a_name_counts_for_all_of_its_addresses(settings: ApiSettings) -> None:
    worker = StandIn(PARTITIONS)
    worker.answers[POSITIONS] = json_of('"found"')
    with served(worker.app) as url:
        worker.owners = dict.fromkeys(range(PARTITIONS), url)
        # Resolves to ::1 too on most machines, where nobody listens.
        by_name = url.replace("127.0.0.1", "localhost")
        known = replace(settings, partitions=PARTITIONS, worker_urls=(CLOSED, by_name))
        with client_of(create_app(known)) as api:
            assert api.get(POSITIONS).json() == "found"


def test_a_name_that_is_not_known_is_503(settings: ApiSettings) -> None:
    known = replace(settings, worker_urls=("http://no-such-worker.invalid:6101",))
    with client_of(create_app(known)) as api:
        unavailable(api.get(POSITIONS))


def test_workers_seen_in_maps_are_remembered(two: Two) -> None:
    two.second.answers[POSITIONS] = json_of('"second"')
    assert two.api.get(POSITIONS).json() == "second"
    # The one that WORKER_URLS names is gone; the other knows where the partitions went.
    two.first.partitions = 0
    two.second.owners = dict.fromkeys(range(PARTITIONS), two.first_url)
    two.second.answers[POSITIONS] = problem(503, "not-owner")
    two.first.answers[POSITIONS] = json_of('"first"')
    assert two.api.get(POSITIONS).json() == "first"


# -- workers that are slow, frozen or asked too much


def seconds(ask: Callable[[], object]) -> float:
    started = time.monotonic()
    ask()
    return time.monotonic() - started


def test_a_frozen_owner_costs_the_first_question_three_seconds_and_others_next_to_none(
    two: Two,
) -> None:
    two.second.answers[POSITIONS] = json_of('"second"')
    two.second.frozen = {"/owners", POSITIONS}
    assert seconds(lambda: unavailable(two.api.get(POSITIONS))) < 3.5
    for _ in range(3):
        assert seconds(lambda: unavailable(two.api.get(POSITIONS))) < 1.5
    two.second.frozen = set()
    time.sleep(live.SILENT_SECONDS)
    assert two.api.get(POSITIONS).json() == "second"


def test_what_a_frozen_owner_had_is_found_where_it_went(two: Two) -> None:
    two.second.frozen = {"/owners", POSITIONS}
    unavailable(two.api.get(POSITIONS))
    two.first.answers[POSITIONS] = json_of('"first"')
    two.first.owners = dict.fromkeys(range(PARTITIONS), two.first_url)
    assert seconds(lambda: two.api.get(POSITIONS).json() == "first") < 1.5
    assert two.api.get(POSITIONS).json() == "first"


def test_an_owner_with_one_slow_answer_goes_on_giving_others(two: Two) -> None:
    slow = POSITIONS + "/SLOW"
    two.second.answers[POSITIONS] = json_of('"second"')
    two.second.frozen = {slow}
    assert seconds(lambda: unavailable(two.api.get(slow))) < 3.5
    assert two.api.get(POSITIONS).json() == "second"


def test_too_many_questions_are_refused_and_nobody_is_blamed(
    two: Two, settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CONNECTIONS_MAX", 1)
    monkeypatch.setattr(live, "ANSWER_SECONDS_MAX", 0.5)
    slow = POSITIONS + "/SLOW"
    two.second.answers[POSITIONS] = json_of('"second"')
    two.second.frozen = {slow}
    known = replace(settings, partitions=PARTITIONS, worker_urls=(two.first_url,))
    with client_of(create_app(known)) as api, ThreadPoolExecutor(9) as threads:
        answers = list(threads.map(lambda _: api.get(slow), range(9)))
        kinds = {problem_of(answer, 503)["type"].rpartition(":")[2] for answer in answers}
        assert kinds == {"busy", "owner-away"}
        assert {answer.headers["retry-after"] for answer in answers} == {"1"}
        assert api.get(POSITIONS).json() == "second"


def test_those_who_wait_for_the_books_do_not_keep_others_from_reading_them(two: Two) -> None:
    two.second.answers[POSITIONS] = json_of('"second"')
    count = live.CONNECTIONS_MAX + 20
    waiting = {"wait": "applied", "timeout": "4"}
    limits = httpx.Limits(max_connections=count)
    with (
        httpx.Client(limits=limits, timeout=30, trust_env=False) as patient,
        ThreadPoolExecutor(count) as threads,
    ):
        post = partial(patient.post, str(two.api.base_url) + "/ingest/transaction", params=waiting)
        waits = [threads.submit(post, json=buy()) for _ in range(count)]
        time.sleep(2)
        took = [seconds(lambda: two.api.get(POSITIONS).raise_for_status()) for _ in range(5)]
        assert {wait.result().status_code for wait in waits} == {202}
    assert max(took) < 1
    assert two.second.held_max == 1
