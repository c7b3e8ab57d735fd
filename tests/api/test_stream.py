"""Streams of values over HTTP, in front of a worker that tells what a test wants."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise

import fastapi.routing
import httpx
import pytest

from api import keyring, stream
from api.main import create_app
from api.settings import ApiSettings
from tests.api.conftest import PARTITIONS, closed_port
from tests.api.following import Reader, Teller, problem_in, reading
from tests.api.holders import bearing, hold, revoke
from tests.api.serving import client_of, served

SNAPSHOT = '{"positions" : [ ],"total":1.50}'
SOON = 2.0


@pytest.fixture
def teller() -> Iterator[Teller]:
    teller = Teller()
    with served(teller.app) as teller.url:
        yield teller


@pytest.fixture
def told(settings: ApiSettings, teller: Teller) -> ApiSettings:
    return replace(settings, partitions=PARTITIONS, worker_urls=(teller.url,))


@pytest.fixture
def api(told: ApiSettings) -> Iterator[httpx.Client]:
    with client_of(create_app(told)) as client:
        yield client


def wait_until_asked(teller: Teller, times: int = 1) -> None:
    until = time.monotonic() + 10
    while len(teller.after) < times:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_events_are_passed_on_byte_by_byte_the_next_from_behind_the_last(
    api: httpx.Client, teller: Teller
) -> None:
    teller.tell("snapshot", "1.2-a-1", SNAPSHOT)
    with reading(api) as reader:
        assert reader.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reader.response.headers["cache-control"] == "no-cache"
        assert reader.next()[:3] == ("snapshot", "1.2-a-1", SNAPSHOT)
        teller.tell("change", "1.3-a-2", '{"total":"2"}')
        assert reader.next()[:3] == ("change", "1.3-a-2", '{"total":"2"}')
        assert teller.after[:2] == ["", "1.2-a-1"]


def test_there_is_at_most_one_event_a_second_and_after_a_rest_it_comes_at_once(
    api: httpx.Client, teller: Teller
) -> None:
    for number in range(3):
        teller.tell("change", str(number), "{}")
    with reading(api) as reader:
        at = [reader.next().at for _ in range(3)]
        assert all(later - sooner > 0.9 for sooner, later in pairwise(at))
        time.sleep(1.1)
        wait_until_asked(teller, 4)
        teller.tell("change", "3", "{}")
        now = time.monotonic()
        assert reader.next().at - now < 0.5


@pytest.mark.parametrize(
    ("last_event_id", "after"), [("7.8-ab-9", "7.8-ab-9"), ("x" * 301, ""), ("a b&c=%", "a b&c=%")]
)
def test_who_comes_back_says_which_event_was_the_last(
    api: httpx.Client, teller: Teller, last_event_id: str, after: str
) -> None:
    teller.tell("change", "1", "{}")
    with reading(api, last_event_id=last_event_id) as reader:
        assert reader.next().id == "1"
    assert teller.after[0] == after


def test_a_comment_keeps_the_connection_where_nothing_happens(
    api: httpx.Client, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fastapi.routing._PING_INTERVAL == 15.0  # type: ignore[attr-defined]
    monkeypatch.setattr(fastapi.routing, "_PING_INTERVAL", 0.2)
    teller.tell("snapshot", "1", "{}")
    with reading(api) as reader:
        reader.next()
        time.sleep(1)
        teller.tell("change", "2", "{}")
        reader.next()
        assert set(reader.comments) == {": ping"}


# -- where there is nothing to tell


def test_what_is_unknown_is_no_stream(api: httpx.Client, teller: Teller) -> None:
    teller.refusal = 404, "not-found"
    for last_event_id in (None, "1"):
        with reading(api, last_event_id=last_event_id) as reader:
            assert problem_in(reader)[:2] == (404, "not-found")


def test_a_value_that_cannot_be_told_is_no_stream(api: httpx.Client, teller: Teller) -> None:
    teller.refusal = 409, "figures-out-of-range"
    for last_event_id in (None, "1"):
        with reading(api, last_event_id=last_event_id) as reader:
            assert problem_in(reader)[:2] == (409, "figures-out-of-range")


@pytest.mark.parametrize("kind", ["rebooking", "catching-up", "rebalancing", "busy"])
def test_who_is_new_is_told_that_nothing_can_be_said_now_and_who_comes_back_waits(
    api: httpx.Client, teller: Teller, kind: str
) -> None:
    teller.refusal = 503, kind
    teller.tell("snapshot", "9", SNAPSHOT)
    with reading(api) as reader:
        assert problem_in(reader)[:2] == (503, kind)
        assert reader.response.headers["retry-after"] == "3"
    with reading(api, last_event_id="1") as reader:
        assert reader.response.status_code == 200
        teller.refusal = None
        assert reader.next().id == "9"


def test_a_stream_survives_that_nobody_can_answer_for_a_while(
    api: httpx.Client, teller: Teller
) -> None:
    teller.tell("snapshot", "1", "{}")
    with reading(api) as reader:
        reader.next()
        teller.refusal = 503, "rebooking"
        time.sleep(1.5)
        teller.refusal = None
        teller.tell("change", "2", "{}")
        assert reader.next().id == "2"


def test_a_stream_ends_where_its_portfolio_is_gone(api: httpx.Client, teller: Teller) -> None:
    teller.tell("snapshot", "1", "{}")
    with reading(api) as reader:
        reader.next()
        teller.refusal = 404, "not-found"
        assert reader.rest() == []


def test_a_stream_goes_on_with_the_next_owner(told: ApiSettings) -> None:
    with ExitStack() as running:
        first, second = Teller(), Teller()
        first.url = running.enter_context(served(first.app))
        second.url = running.enter_context(served(second.app))
        known = replace(told, worker_urls=(first.url, second.url))
        moving = first.url
        for teller in (first, second):
            teller.tell("snapshot", "1", "{}")
        second.url = moving  # it knows who owns it
        api = running.enter_context(client_of(create_app(known)))
        with reading(api) as reader:
            reader.next()
            assert (len(first.after), second.after) == (1, [])
            first.url = second.url = known.worker_urls[1]
            first.refusal = 503, "not-owner"
            second.tell("snapshot", "2", "{}")
            assert reader.next().id == "2"
            assert second.after[0] == "1"


def test_without_a_worker_there_is_no_stream(settings: ApiSettings) -> None:
    known = replace(settings, worker_urls=(f"http://127.0.0.1:{closed_port()}",))
    with client_of(create_app(known)) as api, reading(api) as reader:
        assert problem_in(reader)[:2] == (503, "owner-away")


@pytest.mark.parametrize("path", ["/portfolios/a|b/stream", "/portfolios/P1/stream?x=1"])
def test_bad_parameters_are_422(api: httpx.Client, path: str) -> None:
    assert api.get(path).status_code == 422


def test_who_asks_for_the_head_alone_is_not_kept(api: httpx.Client, teller: Teller) -> None:
    teller.tell("snapshot", "1", "{}")
    answer = api.head("/portfolios/P1/stream", timeout=SOON)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


# -- how many, for how long


def is_open(reader: Reader) -> bool:
    return reader.response.status_code == 200


def gauge(api: httpx.Client) -> float:
    [line] = [
        line
        for line in api.get("/metrics").text.splitlines()
        if line.startswith("portfolio_api_streams ")
    ]
    return float(line.split()[1])


def test_there_are_only_so_many_and_one_that_ends_makes_room(
    told: ApiSettings, teller: Teller
) -> None:
    teller.tell("snapshot", "1", "{}")
    with client_of(create_app(replace(told, streams_max=2))) as api:
        with reading(api) as first:
            assert is_open(first)
            with reading(api) as second:
                assert is_open(second)
                assert gauge(api) == 2
                with reading(api) as third:
                    status, kind, detail = problem_in(third)
                    assert (status, kind) == (503, "busy")
                    assert "2 streams" in detail
        until = time.monotonic() + 10
        while gauge(api):
            assert time.monotonic() < until, "they do not end"
            time.sleep(0.05)
        with reading(api) as again:
            assert is_open(again)


def test_whoever_leaves_leaves_no_question_behind(api: httpx.Client, teller: Teller) -> None:
    teller.tell("snapshot", "1", "{}")
    with reading(api) as reader:
        reader.next()
        wait_until_asked(teller, 2)
    until = time.monotonic() + stream.HELD_SECONDS + 5
    while teller.asking or gauge(api):
        assert time.monotonic() < until
        time.sleep(0.05)
    asked = len(teller.after)
    time.sleep(1.5)
    assert len(teller.after) == asked


def test_a_stream_does_not_hold_up_the_end_of_the_server(told: ApiSettings, teller: Teller) -> None:
    teller.tell("snapshot", "1", "{}")
    opened, ended = threading.Event(), threading.Event()
    rest: list[object] = []

    def follow(url: str) -> None:
        with (
            httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
            reading(client) as reader,
        ):
            reader.next()
            opened.set()
            rest.extend(reader.rest())
            ended.set()

    with served(create_app(told)) as url:
        following = threading.Thread(target=follow, args=(url,))
        following.start()
        assert opened.wait(10)
        wait_until_asked(teller, 2)
        began = time.monotonic()
    assert time.monotonic() - began < SOON
    assert ended.wait(SOON)
    following.join()
    assert rest == [], "an end in good order, no error"


def test_how_long_somebody_stays_is_no_time_of_an_answer(api: httpx.Client, teller: Teller) -> None:
    teller.tell("snapshot", "1", "{}")
    with reading(api) as reader:
        reader.next()
    until = time.monotonic() + 10
    counted = 'portfolio_api_requests_total{method="GET",route="/portfolios/{portfolio_id}/stream"'
    while counted not in (metrics := api.get("/metrics").text):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert 'seconds_count{method="GET",route="/portfolios/{portfolio_id}/stream"' not in metrics


# -- who may


def test_a_key_that_is_revoked_meanwhile_ends_its_streams_and_no_others(
    told: ApiSettings, teller: Teller, migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "REMEMBERED_SECONDS", 0.0)
    monkeypatch.setattr(stream, "HELD_SECONDS", 0.2)
    teller.tell("snapshot", "1", "{}")
    guarded = replace(told, database_url=migrated, api_keys="required")
    first, second = hold(migrated, "read", portfolios=["P1"]), hold(migrated, "read")
    with (
        client_of(create_app(guarded)) as api,
        reading(api, **bearing(first)) as one,
        reading(api, **bearing(second)) as other,
    ):
        assert [reader.next().id for reader in (one, other)] == ["1", "1"]
        revoke(migrated, first)
        assert one.rest() == []
        teller.tell("change", "2", "{}")
        assert other.next().id == "2"


def test_a_stream_asks_for_a_key_that_may_read_the_portfolio(
    told: ApiSettings, teller: Teller, migrated: str
) -> None:
    guarded = replace(told, database_url=migrated, api_keys="required")
    with client_of(create_app(guarded)) as api:
        assert api.get("/portfolios/P1/stream").status_code == 401
        writes = bearing(hold(migrated, "write"))
        assert api.get("/portfolios/P1/stream", headers=writes).status_code == 403
        limited = hold(migrated, "read", portfolios=["P2"])
        with reading(api, **bearing(limited)) as reader:
            assert problem_in(reader) == (404, "not-found", "portfolio P1 is not known")
    assert teller.after == []
