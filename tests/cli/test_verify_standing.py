from datetime import UTC, datetime
from decimal import Decimal

from calculator import Cancellation, Source, Transaction, TransactionType
from cli.verify.standing import Arrival, Standing, standing

Event = Transaction | Cancellation


def buy(quantity: int, version: int = 1) -> Transaction:
    return Transaction(
        transaction_id="T1",
        portfolio_id="P1",
        security_id="ACME",
        transaction_type=TransactionType.BUY,
        transaction_date=datetime(2024, 1, 1, tzinfo=UTC),
        trade_currency="USD",
        quantity=Decimal(quantity),
        price=Decimal(1),
        version=version,
    )


def arrivals(*contents: Event, misrouted: frozenset[int] = frozenset()) -> list[Arrival[Event]]:
    """In their order; the offsets are the places."""
    return [
        Arrival(Source("raw_transactions", 0, place), content, place not in misrouted)
        for place, content in enumerate(contents)
    ]


def stood(*contents: Event, published: Event | None = None, misrouted: int = -1) -> Standing[Event]:
    came = arrivals(*contents, misrouted=frozenset({misrouted}))
    return standing(came, lambda content: content == published)


def offsets(found: tuple[Arrival[Event], ...]) -> list[int]:
    return [arrival.source.offset for arrival in found]


def test_the_highest_version_stands_whatever_the_order() -> None:
    assert stood(buy(1, 2), buy(2, 1)).content == buy(1, 2)
    assert stood(buy(2, 1), buy(1, 2)).content == buy(1, 2)


def test_the_first_of_two_contents_stands_and_the_other_is_a_dead_letter() -> None:
    found = stood(buy(1), buy(2), buy(1))
    assert found.content == buy(1)
    assert [source.offset for source in found.sources] == [0]
    assert offsets(found.dead) == [1]


def test_a_conflict_below_the_newest_version_is_a_dead_letter_only_where_it_came_first() -> None:
    assert offsets(stood(buy(1), buy(2), buy(3, 2)).dead) == [1]
    assert offsets(stood(buy(3, 2), buy(1), buy(2)).dead) == []


def test_a_cancellation_conflicts_with_a_correction_of_its_version() -> None:
    cancellation = Cancellation(transaction_id="T1", portfolio_id="P1", version=2)
    found = stood(buy(1), cancellation, buy(2, 2))
    assert found.content == cancellation
    assert offsets(found.dead) == [2]


def test_of_a_forwarded_record_and_another_the_one_that_was_published_stands() -> None:
    for published, dead in ((buy(1), [1]), (buy(2), [0])):
        found = stood(buy(1), buy(2), published=published, misrouted=1)
        assert found.content == published
        assert offsets(found.dead) == dead


def test_what_was_never_sent_cannot_stand() -> None:
    assert stood(buy(1), buy(2), published=buy(3), misrouted=1).content == buy(1)


def test_either_copy_may_be_the_source_where_one_was_forwarded() -> None:
    found = stood(buy(1), buy(1), misrouted=0)
    assert [source.offset for source in found.sources] == [0, 1]
    assert found.dead == ()


def test_an_old_conflict_with_a_forwarded_record_may_be_a_dead_letter_or_not() -> None:
    found = stood(buy(1), buy(2), buy(3, 2), misrouted=1)
    assert found.content == buy(3, 2)
    assert found.dead == ()
    assert offsets(found.perhaps_dead) == [0, 1]
