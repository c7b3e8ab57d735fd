from collections.abc import Iterable

import msgspec
import pytest

from bench import late
from bench.arrivals import (
    PLACES_MAX,
    Arrival,
    in_order,
    late_in_its_holding,
    late_in_the_stream,
    shuffled,
)
from bench.books import Books, fingerprint
from bench.lanes import Message
from bench.load import Load
from bench.stage import BenchmarkError
from tests.bench.test_benchmarks import printed

LOAD = Load(events=5000, holdings=20, portfolios=4)
FEW = Load(events=300, holdings=3, portfolios=2)


def numbers(messages: Iterable[Message], load: Load) -> list[int]:
    """The places that the messages have in the load."""
    places = {message: number for number, message in enumerate(in_order(load))}
    return [places[message] for message in messages]


def holding_of(message: Message) -> tuple[str, str]:
    return message[1], msgspec.json.decode(message[2])["security_id"]


def overtaken(order: list[int]) -> list[int]:
    """Of each event how many came before it that are later: its places too late."""
    return [sum(before > number for before in order[:n]) for n, number in enumerate(order)]


@pytest.mark.parametrize("arrival", [late_in_the_stream, late_in_its_holding, shuffled])
def test_every_event_comes_once_and_the_same_way_each_time(arrival: Arrival) -> None:
    order = numbers(arrival(LOAD), LOAD)
    assert sorted(order) == list(range(LOAD.events))
    assert order != sorted(order)
    assert order == numbers(arrival(LOAD), LOAD)


def test_one_of_a_hundred_comes_late_in_the_stream_by_up_to_a_hundred_places() -> None:
    places = [n for n in overtaken(numbers(late_in_the_stream(LOAD), LOAD)) if n]
    assert 30 <= len(places) <= 70
    assert 90 < max(places) <= PLACES_MAX


def test_one_of_a_hundred_comes_late_in_its_holding_by_up_to_a_hundred_places() -> None:
    messages = list(late_in_its_holding(LOAD))
    order = dict(zip(messages, numbers(messages, LOAD), strict=True))
    places = [
        n
        for holding in {holding_of(message) for message in messages}
        for n in overtaken(
            [order[message] for message in messages if holding_of(message) == holding]
        )
        if n
    ]
    assert 30 <= len(places) <= 70
    assert 70 < max(places) <= PLACES_MAX


def test_the_fingerprint_is_that_of_the_books_and_not_of_the_order() -> None:
    assert prints_of(in_order(FEW)) == prints_of(shuffled(FEW))
    assert prints_of(in_order(FEW)) != prints_of(list(in_order(FEW))[:-1])


def prints_of(messages: Iterable[Message]) -> str:
    messages = list(messages)
    with Books(FEW, messages) as books:
        books.book(len(messages))
        return fingerprint(books.lanes)


def test_other_books_than_those_in_order_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    prints = iter("AB")
    monkeypatch.setattr(late, "fingerprint", lambda lanes: next(prints))
    with pytest.raises(BenchmarkError, match="shuffled: the books are not those"):
        list(late.measure_arrivals(FEW, {"shuffled": (shuffled, 3.0)}, runs=1))


def test_late_events_stand_beside_the_same_in_order() -> None:
    (found,) = printed(
        "bench.late", "--events", "1000", "--holdings", "10", "--entries", "200", "--runs", "1"
    )["groups"].values()
    assert all(figure["median"] > 0 for figure in found)
    assert sorted(figure["at_most"] for figure in found if figure["at_most"]) == [1, 2, 2, 3, 3]
