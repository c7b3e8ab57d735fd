"""The rules of versions, however a log is cut into batches."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import in_force
from streams.in_force import decide, gather, lines
from streams.step import PART_BYTES_MAX
from tests.streams.reference import Sent, expected, log, price
from tests.wire.reference import FULL
from wire.reference import OF_BUSINESS_DATES, OF_INSTRUMENTS, OF_MARKET_PRICES, Identity, Kind


def outcome(batches: list[list[Sent]]) -> tuple[dict[Identity, Any], list[int]]:
    """What is in force after these batches of prices, and the offsets of the dead letters."""
    stored: dict[Identity, Any] = {}
    letters: list[str] = []
    for records in batches:
        batch = gather(records)
        letters += batch.dead_letters
        arrivals = batch.arrivals[OF_MARKET_PRICES]
        before = {key: content for key, (content, _) in stored.items()}
        decided = decide(OF_MARKET_PRICES, arrivals, before)
        letters += decided.dead_letters
        stored |= {
            key: (content, record.offset) for key, (record, content) in decided.changed.items()
        }
    return stored, sorted(int(letter.split("\t")[2]) for letter in letters)


def in_one_batch(*events: dict[str, object] | bytes) -> tuple[list[str], list[int]]:
    """The prices in force, and the offsets of the dead letters."""
    stored, dead = outcome([log(events)])
    return [str(content.price) for content, _ in stored.values()], dead


V1, V2, OTHER_V1 = price(price="1"), price(price="2", version=2), price(price="9")


@pytest.mark.parametrize(
    ("events", "prices", "dead"),
    [
        ([V1, V2], ["2"], []),
        ([V2, V1], ["2"], []),
        ([V2, OTHER_V1, V1], ["2"], []),  # what is superseded contradicts nothing
        ([V1, V1, price(price="1.000", version="1")], ["1"], []),
        ([V1, OTHER_V1], ["1"], [1]),
        ([OTHER_V1, V1], ["9"], [1]),
        ([V1, OTHER_V1, V2, OTHER_V1], ["2"], [1]),
        ([V1, V2, price(price="3", version=2)], ["2"], [2]),
        ([V1, price(price_date="2024-02-01"), price("B")], ["1", "1.5", "1.5"], []),
        ([V1, b"{", price(price="-1"), V2], ["2"], [1, 2]),
    ],
)
def test_of_one_batch(
    events: list[dict[str, object] | bytes], prices: list[str], dead: list[int]
) -> None:
    assert in_one_batch(*events) == (prices, dead)


EVENTS = st.builds(
    price,
    st.sampled_from("AB"),
    price=st.sampled_from(["1", "2", "-1"]),
    version=st.integers(1, 3),
    price_date=st.sampled_from(["2024-01-31", "2024-02-01"]),
) | st.just(b"{")


@given(st.lists(st.lists(EVENTS, max_size=6), max_size=6))
def test_however_a_log_is_cut_it_comes_to_the_same(batches: list[list[Any]]) -> None:
    whole = log(event for batch in batches for event in batch)
    rest = iter(whole)
    cut = [[next(rest) for _ in batch] for batch in batches]
    assert outcome(cut) == expected(OF_MARKET_PRICES, whole)


@given(st.permutations([price(price=str(n), version=n) for n in range(1, 6)]))
def test_versions_come_to_the_same_in_any_order(events: list[dict[str, object]]) -> None:
    assert in_one_batch(*events) == (["5"], [])


def test_a_record_that_is_no_higher_would_replace_if_the_rule_were_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The law above can fail."""

    def last_wins(_: object, arrivals: Any, __: object) -> in_force.Decided:  # noqa: ANN401
        changed = {OF_MARKET_PRICES.identity_of(c): (r, c) for r, c in arrivals}
        return in_force.Decided(changed)

    monkeypatch.setitem(globals(), "decide", last_wins)
    assert in_one_batch(V2, V1) != (["2"], [])


def test_a_row_is_what_copy_wants() -> None:
    event = {"security_id": "A", "instrument_currency": "USD", "name": "a\\b"}
    [arrival] = gather(log([event], OF_INSTRUMENTS, start=7)).arrivals[OF_INSTRUMENTS]
    n = "\\N"
    assert lines(OF_INSTRUMENTS, [arrival]).decode() == (
        "\t".join(["A", "a\\\\b", n, "USD", n, n, n, n, n, n, n, "1", "1", "7\n"])
    )
    [arrival] = gather(log([{"business_date": "2024-01-02"}], OF_BUSINESS_DATES)).arrivals[
        OF_BUSINESS_DATES
    ]
    assert lines(OF_BUSINESS_DATES, [arrival]) == b"DEFAULT\t2024-01-02\tTrue\t1\t0\n"


def test_a_dead_letter_leaves_out_what_no_database_could_take() -> None:
    [sent] = log([b" " * (PART_BYTES_MAX + 1)])
    [letter] = gather([sent]).dead_letters
    key, value = letter.split("\t")[3:5]
    assert (key, value) == ("\\\\x" + b"key".hex(), "\\N")


@pytest.mark.parametrize(("kind", "event"), FULL, ids=[kind.name for kind, _ in FULL])
def test_each_kind_is_gathered_by_its_topic(kind: Kind[Any], event: dict[str, object]) -> None:
    batch = gather(log([event], kind))
    assert {each.name: len(found) for each, found in batch.arrivals.items()} == {kind.name: 1}
    assert batch.dead_letters == []
