"""The generator keeps its promises, and the oracle itself does not care about order."""

import json
from collections import Counter
from datetime import date
from random import Random

import pytest

from tests.oracle.compare import differences
from tests.oracle.decode import Malformed, Trade, decode_portfolio, decode_transaction
from tests.oracle.events import (
    METHODS,
    PORTFOLIOS,
    TRANSACTIONS,
    Maker,
    Mess,
    Message,
    arranged,
    generate,
    of_topic,
    records,
)
from tests.oracle.fold import Books, expected
from tests.oracle.junk import WAYS
from tests.oracle.murmur2 import partition_of
from tests.oracle.spelling import Content, spelled

MANY = generate(7, 6_000, portfolios=15)


def books_of(messages: list[Message]) -> Books:
    arrived = records(messages)
    return expected(of_topic(arrived, TRANSACTIONS), of_topic(arrived, PORTFOLIOS))


def test_one_seed_makes_one_stream() -> None:
    assert generate(3, 200) == generate(3, 200)
    assert generate(3, 200) != generate(4, 200)
    assert sum(message.topic == TRANSACTIONS for message in MANY) == 6_000


def test_every_type_method_status_and_reason_comes_up() -> None:
    books = books_of(MANY)
    rows = list(books.results.values())
    assert len({row["transaction_type"] for row in rows}) == 11
    assert {row["cost_basis_method"] for row in books.positions.values()} == set(METHODS)
    assert {row["status"] for row in rows} == {"BOOKED", "REJECTED", "PENDING", "CANCELLED"}
    assert len({row["reason"] for row in rows}) == 5
    assert all(books.outcomes[name] > 50 for name in ("booked", "duplicate", "superseded", "dead"))


def test_offsets_count_up_from_zero_in_every_partition() -> None:
    places = Counter((record.topic, record.partition) for record in records(MANY))
    for place, count in places.items():
        offsets = [record.offset for record in records(MANY) if record[:2] == place]
        assert offsets == list(range(count))


@pytest.mark.parametrize("late", [0.0, 0.1, 1.0])
def test_any_order_shows_the_same_books(late: float) -> None:
    shown, again = books_of(MANY), books_of(arranged(MANY, 99, late))
    assert shown.results != again.results  # the sources differ
    found = differences(
        shown,
        results=again.results.values(),
        positions=again.positions.values(),
        lots=again.lots,
        portfolios=again.portfolios.values(),
    )
    assert found == []
    assert Counter(record.value for record in shown.dead) == Counter(
        record.value for record in again.dead
    )


def test_without_mess_every_message_is_booked() -> None:
    clean = Mess(duplicates=0, corrections=0, cancels=0, conflicts=0, misrouted=0, junk=0, late=0)
    messages = generate(1, 500, mess=clean)
    assert books_of(messages).outcomes == {"booked": 500}
    dates = [message.when for message in messages]
    assert dates == sorted(dates)


def test_pinned_messages_go_to_the_right_partition_in_a_fixed_order() -> None:
    pinned = [message for message in MANY if message.pinned is not None]
    assert len(pinned) > 20
    for message in pinned:
        assert message.key is not None
        assert message.partition == partition_of(message.key.decode(), 8)
    moved = [message for message in arranged(MANY, 5) if message.pinned == pinned[0].pinned]
    assert moved == [message for message in MANY if message.pinned == pinned[0].pinned]


def test_misrouted_messages_are_a_small_share() -> None:
    wrong = 0
    for message in MANY:
        event = decode_transaction(message.value)
        if message.topic == TRANSACTIONS and not isinstance(event, Malformed):
            wrong += message.partition != partition_of(event.portfolio_id, 8)
    assert 50 < wrong < 300


@pytest.mark.parametrize("way", WAYS)
def test_junk_is_malformed_for_certain(way: object) -> None:
    assert callable(way)
    maker = Maker(1, 8, Mess())
    book = maker.book(0, 5)
    account: Content = {
        "portfolio_id": "P",
        "base_currency": "USD",
        "cost_basis_method": "FIFO",
        "name": "N",
        "opened_on": date(2020, 1, 1),
        "version": 1,
    }
    for _ in range(200):
        transaction = maker.transaction(book, "T1")
        assert isinstance(decode_transaction(way(maker.rng, transaction)), Malformed)
        assert isinstance(decode_portfolio(way(maker.rng, account)), Malformed)


def test_every_spelling_says_the_same_in_other_bytes() -> None:
    maker, rng = Maker(2, 8, Mess()), Random(2)
    content = maker.transaction(maker.book(1, 5), "T 1") | maker.amounts("BUY")
    content["transaction_type"] = "BUY"
    texts = {spelled(rng, content) for _ in range(300)}
    events = {decode_transaction(text) for text in texts}
    assert len(texts) > 250
    assert len(events) == 1
    assert isinstance(events.pop(), Trade)
    assert any(isinstance(json.loads(text)["quantity"], str) for text in texts)
    assert not all(isinstance(json.loads(text)["quantity"], str) for text in texts)
