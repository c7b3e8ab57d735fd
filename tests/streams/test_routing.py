import json
from collections.abc import Callable

import pytest

from calculator import ReliefMethod, Source
from streams.step import PART_BYTES_MAX, BookingStep, Headers, InputRecord, Outcome, OutputRecord
from streams.tables import Table
from tests.streams.lanes import PARTITIONS
from tests.wire.events import BUY, CANCEL, PORTFOLIO, text_of
from wire.fields import Rule
from wire.partitioner import partition_of
from wire.topics import FORWARDED, PORTFOLIOS, RAW_TRANSACTIONS

HOME = partition_of("P1", PARTITIONS)
AWAY = (HOME + 1) % PARTITIONS
Run = Callable[..., Outcome]


@pytest.fixture
def run(table: Table) -> Run:
    """Steps of one partition after another, as its owner."""
    steps: dict[int, BookingStep] = {}

    def run(*records: InputRecord, partition: int = HOME) -> Outcome:
        if partition not in steps:
            steps[partition] = BookingStep(
                table, partition=partition, partitions=PARTITIONS,
                default_method=ReliefMethod.FIFO, lots_max=100,
            )  # fmt: skip
        return steps[partition].run(records, 1, 100)

    return run


RECEIVED_AT = 1_700_000_000_123


def record(
    value: bytes | None,
    *,
    topic: str = RAW_TRANSACTIONS.name,
    partition: int = HOME,
    offset: int = 17,
    is_forwarded: bool = False,
    key: bytes | None = b"P1",
    headers: Headers | None = None,
) -> InputRecord:
    source = Source(topic, partition, offset)
    return InputRecord(source, is_forwarded, key, value, headers or [], RECEIVED_AT)


def buy(**fields: object) -> bytes:
    return text_of(BUY | fields)


def rules(letter: OutputRecord) -> list[str]:
    return [error["rule"] for error in json.loads(dict(letter.headers)["errors"])]


def counted(outcome: Outcome) -> dict[str, int]:
    counts = outcome.counts
    names = ("booked", "duplicate", "superseded", "forwarded", "dead")
    return {name: getattr(counts, name) for name in names if getattr(counts, name)}


def test_a_record_of_another_partition_is_sent_there_as_it_came(run: Run) -> None:
    odd: Headers = [("trace", b"\xff"), ("trace", None), ("", b"")]
    outcome = run(record(buy(), partition=AWAY, key=b"odd", headers=odd), partition=AWAY)
    [sent] = outcome.forwarded
    assert (sent.partition, sent.key, sent.value) == (HOME, b"odd", buy())
    assert sent.timestamp == RECEIVED_AT
    assert counted(outcome) == {"forwarded": 1}
    assert not outcome.changes.results


def test_our_headers_stand_behind_those_of_the_record_so_that_the_last_of_a_name_is_ours(
    run: Run,
) -> None:
    forged: Headers = [("source-topic", b"elsewhere"), ("errors", b"none")]
    ours = [
        ("source-topic", b"raw_transactions"),
        ("source-partition", b"%d" % AWAY),
        ("source-offset", b"17"),
    ]
    outcome = run(
        record(buy(), partition=AWAY, headers=forged),
        record(b"{", partition=AWAY, headers=forged),
        partition=AWAY,
    )
    assert outcome.forwarded[0].headers == [*forged, *ours]
    assert outcome.dead[0].headers[:-1] == [*forged, ("as-of", b"1"), *ours]
    assert outcome.dead[0].headers[-1][0] == "errors"


def test_a_forwarded_record_is_booked_and_names_the_original_place(run: Run) -> None:
    outcome = run(record(buy(), partition=AWAY, offset=99, is_forwarded=True))
    [(_, result, _)] = outcome.changes.results
    shown = json.loads(result)
    assert shown["source_topic"] == "raw_transactions"
    assert (shown["source_partition"], shown["source_offset"]) == (AWAY, 99)
    assert counted(outcome) == {"booked": 1}


def test_a_record_that_was_forwarded_and_is_wrong_again_is_a_dead_letter(run: Run) -> None:
    outcome = run(record(buy(), partition=3, offset=5, is_forwarded=True), partition=AWAY)
    [letter] = outcome.dead
    assert rules(letter) == [Rule.PARTITION_MUST_BE_THAT_OF_THE_PORTFOLIO]
    assert (letter.key, letter.value) == (b"P1", buy())
    assert dict(letter.headers)["source-partition"] == b"3"
    assert dict(letter.headers)["source-offset"] == b"5"
    assert not outcome.forwarded
    assert counted(outcome) == {"dead": 1}


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[]", buy(quantity="x")])
def test_a_dead_letter_keeps_key_value_and_headers_and_names_its_place(
    run: Run, value: bytes | None
) -> None:
    headers: Headers = [("a", None), ("b", b"\0")]
    [letter] = run(record(value, key=None, headers=headers)).dead
    assert letter.partition == HOME
    assert (letter.key, letter.value) == (None, value)
    assert letter.timestamp == RECEIVED_AT
    assert letter.headers[:2] == headers
    named = dict(letter.headers)
    assert named["source-topic"] == b"raw_transactions"
    assert (named["source-partition"], named["source-offset"]) == (b"%d" % HOME, b"17")
    [error] = json.loads(named["errors"])
    assert error.keys() == {"field", "rule", "message"}


def test_a_malformed_record_of_another_partition_is_dead_where_it_is(run: Run) -> None:
    outcome = run(record(b"{", partition=AWAY), partition=AWAY)
    assert outcome.dead[0].partition == AWAY
    assert not outcome.forwarded


def test_same_version_and_other_content_is_a_dead_letter_and_the_first_stays(run: Run) -> None:
    outcome = run(record(buy()), record(buy(quantity="11"), offset=18))
    assert rules(outcome.dead[0]) == [Rule.VERSION_MUST_BE_HIGHER_TO_CORRECT]
    [(_, result, _)] = outcome.changes.results
    assert json.loads(result)["quantity"] == "10"
    assert counted(outcome) == {"booked": 1, "dead": 1}


def test_each_record_is_in_exactly_one_of_the_counts(run: Run) -> None:
    other = next(f"Q{n}" for n in range(99) if partition_of(f"Q{n}", PARTITIONS) != HOME)
    values = [
        buy(version=2), buy(version=2), buy(version=1), buy(portfolio_id=other), b"x",
        buy(version=2, price="9"), buy(transaction_id="T2"), text_of(CANCEL | {"version": 3}),
    ]  # fmt: skip
    outcome = run(*(record(value, offset=n) for n, value in enumerate(values)))
    assert counted(outcome) == {
        "booked": 3, "duplicate": 1, "superseded": 1, "forwarded": 1, "dead": 2,
    }  # fmt: skip
    assert outcome.counts.total == len(values)


# -- portfolios


def portfolio(
    partition: int = HOME, *, is_forwarded: bool = False, fields: dict[str, object] | None = None
) -> InputRecord:
    return record(
        text_of(PORTFOLIO | (fields or {})), topic=PORTFOLIOS.name, partition=partition,
        is_forwarded=is_forwarded,
    )  # fmt: skip


def test_a_misrouted_portfolio_record_is_forwarded_and_not_counted(run: Run) -> None:
    outcome = run(portfolio(AWAY), partition=AWAY)
    [sent] = outcome.forwarded
    assert (sent.partition, sent.value) == (HOME, text_of(PORTFOLIO))
    assert dict(sent.headers)["source-topic"] == PORTFOLIOS.name.encode()
    assert outcome.counts.total == 0


def test_a_forwarded_portfolio_record_is_in_force_and_not_counted(run: Run) -> None:
    outcome = run(portfolio(AWAY, is_forwarded=True))
    [(key, value)] = outcome.changes.portfolios
    assert key == b"P1"
    assert value is not None
    assert json.loads(value)["base_currency"] == "USD"
    assert outcome.counts.total == 0


@pytest.mark.parametrize(
    ("second", "rule"),
    [
        ({"base_currency": "EUR"}, Rule.VERSION_MUST_BE_HIGHER_TO_CORRECT),
        ({"base_currency": "eur", "version": 2}, Rule.CURRENCY_MUST_BE_THREE_CAPITALS),
    ],
)
def test_a_portfolio_record_that_is_refused_is_a_dead_letter_and_not_counted(
    run: Run, second: dict[str, object], rule: Rule
) -> None:
    outcome = run(portfolio(), portfolio(fields=second))
    assert [rules(letter) for letter in outcome.dead] == [[rule]]
    assert dict(outcome.dead[0].headers)["source-topic"] == PORTFOLIOS.name.encode()
    assert outcome.counts.total == 0


def test_a_portfolio_record_forwarded_twice_is_a_dead_letter(run: Run) -> None:
    outcome = run(portfolio(3, is_forwarded=True), partition=AWAY)
    assert rules(outcome.dead[0]) == [Rule.PARTITION_MUST_BE_THAT_OF_THE_PORTFOLIO]
    assert outcome.counts.total == 0


def test_known_portfolio_records_change_nothing(run: Run) -> None:
    run(portfolio(fields={"version": 2}))
    outcome = run(portfolio(fields={"version": 2}), portfolio(fields={"base_currency": "EUR"}))
    assert not outcome.changes.portfolios
    assert not outcome.dead


def test_a_transaction_in_the_topic_of_portfolios_is_a_dead_letter_and_the_other_way_round(
    run: Run,
) -> None:
    outcome = run(record(buy(), topic=PORTFOLIOS.name), record(text_of(PORTFOLIO)))
    assert len(outcome.dead) == 2
    assert counted(outcome) == {"dead": 1}


# -- what is too large to be written again


def test_a_part_too_large_for_a_topic_stays_where_the_headers_say(run: Run) -> None:
    huge = b" " * (PART_BYTES_MAX + 1)
    odd: Headers = [("x", huge)]
    letters = run(record(huge), record(b"{", key=huge), record(b"{", headers=odd)).dead
    assert [(letter.key, letter.value) for letter in letters] == [
        (b"P1", None), (None, b"{"), (b"P1", b"{"),
    ]  # fmt: skip
    assert [name for name, _ in letters[2].headers] == [
        "as-of", "source-topic", "source-partition", "source-offset", "errors",
    ]  # fmt: skip
    assert rules(letters[0]) == [Rule.MESSAGE_MUST_FIT]


def test_a_misrouted_event_under_a_huge_key_is_forwarded_without_it(run: Run) -> None:
    huge = record(buy(), partition=AWAY, key=b"x" * (PART_BYTES_MAX + 1))
    [sent] = run(huge, partition=AWAY).forwarded
    assert (sent.key, sent.value) == (None, buy())


def test_the_largest_part_that_is_kept_fits_the_topics_with_all_others() -> None:
    limit = int(FORWARDED.config["max.message.bytes"])
    assert limit > 3 * PART_BYTES_MAX
