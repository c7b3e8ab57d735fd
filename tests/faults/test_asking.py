"""What judges the answers of a running system finds those that are wrong, and those alone."""

from typing import Any, get_args

import pytest

from tests.faults.asking import (
    INPUTS,
    OK,
    UNKNOWN,
    Answer,
    Question,
    Row,
    Truth,
    denied,
    gone_back,
)
from tests.oracle.decode import Record
from tests.oracle.murmur2 import partition_of
from tests.oracle.test_compare import json_row
from tests.system.events import portfolio, reference, trade
from tests.system.log import PARTITIONS
from wire.reference import OF_FX_RATES

KEY = "P", "ACME"
HERE = partition_of("P", PARTITIONS)
NEIGHBOUR = next(q for n in range(99) if partition_of(q := f"Q{n}", PARTITIONS) == HERE)
STRANGER = next(q for n in range(99) if partition_of(q := f"Q{n}", PARTITIONS) != HERE)
QUESTIONS = get_args(Question)
RECORDS = [
    Record("raw_transactions", 0, offset, b"P", trade("P", f"T{offset}", *event).value)
    for offset, event in enumerate(
        [
            ("BUY", "2024-01-01", "4", "1.5"),
            ("BUY", "2024-01-02", "6", "2"),
            ("SELL", "2024-01-03", "5", "3"),
        ]
    )
]
TRUTH = Truth(RECORDS, [])


def through(raw: int) -> Row:
    return dict(zip(INPUTS, (raw, 0, 0, 0), strict=True))


def answer(question: Question, raw: int, asked_at: float = 0, known_at: float = 1) -> Answer:
    """The right one after so many records."""
    books = TRUTH.books("P", (raw, 0, 0, 0))
    position = json_row(books.positions[KEY])
    shown: dict[Question, Row] = {
        "positions": {"positions": [position]},
        "position": position,
        "lots": {"lots": [json_row(lot) for lot in books.lots[KEY]]},
    }
    content = shown[question] | {"as_of": raw, "through": through(raw)}
    return Answer(question, *KEY, asked_at, known_at, OK, content)


def unknown(question: Question, asked_at: float, known_at: float) -> Answer:
    return Answer(question, *KEY, asked_at, known_at, UNKNOWN, {})


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("raw", [1, 2, 3])
def test_the_answer_of_the_fold_is_right(question: Question, raw: int) -> None:
    assert TRUTH.wrong(answer(question, raw)) == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_that_says_it_knows_one_record_more_is_wrong(question: Question) -> None:
    told = answer(question, 2)
    assert TRUTH.wrong(told._replace(content=told.content | {"through": through(3)}))


@pytest.mark.parametrize(
    ("question", "falsify"),
    [
        ("positions", {"positions": []}),
        ("position", {"quantity": "5.000000000001"}),
        ("position", {"realized_gain_loss": "0"}),
        ("lots", {"lots": []}),
    ],
)
def test_a_falsified_answer_is_wrong(question: Question, falsify: dict[str, Any]) -> None:
    told = answer(question, 3)
    assert TRUTH.wrong(told._replace(content=told.content | falsify))


@pytest.mark.parametrize("question", ["position", "lots"])
def test_a_holding_that_is_shown_before_it_is_there_is_wrong(question: Question) -> None:
    told = answer(question, 1)
    [wrong] = TRUTH.wrong(told._replace(content=told.content | {"through": through(0)}))
    assert "is not there" in wrong


@pytest.mark.parametrize("question", ["position", "lots"])
def test_who_asks_after_another_knew_is_not_told_less(question: Question) -> None:
    first = answer("position", 2, asked_at=0, known_at=1)
    at_once = answer(question, 1, asked_at=0.5, known_at=2)
    less = answer(question, 1, asked_at=1.5, known_at=2)
    more = answer(question, 3, asked_at=1.5, known_at=2)
    assert gone_back([first, at_once, more]) == []
    assert gone_back([more, less, at_once, first]) == [less]


def test_an_older_holding_is_less_though_its_partition_went_on() -> None:
    first, second = answer("lots", 2, 0, 1), answer("lots", 3, 1.5, 2)
    older = second._replace(content=second.content | {"as_of": 1})
    assert gone_back([first, older]) == [older]


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_somebody_knew_to_be_there_must_not_be_unknown_later(question: Question) -> None:
    known = answer("lots", 1, asked_at=0, known_at=1)
    at_once = unknown(question, asked_at=0.5, known_at=2)
    later = unknown(question, asked_at=1.5, known_at=2)
    assert denied([known, at_once], TRUTH) == []
    assert denied([later, known, at_once], TRUTH) == [later]


def test_who_was_told_of_a_portfolio_knows_how_far_its_partition_is() -> None:
    known = answer("positions", 1, asked_at=0, known_at=1)
    later = unknown("position", asked_at=1.5, known_at=2)
    assert denied([known._replace(portfolio_id=NEIGHBOUR), later], TRUTH) == [later]
    assert denied([known._replace(portfolio_id=STRANGER), later], TRUTH) == []
    before = known._replace(content=known.content | {"through": through(0)})
    assert denied([before, later], TRUTH) == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_holding_may_be_unknown_while_all_of_it_is_cancelled(question: Question) -> None:
    bought, cancelled, revived = (
        Record(
            "raw_transactions", 0, offset, b"P",
            trade("P", "T0", kind, "2024-01-01", "4", "1.5", version=offset + 1).value,
        )
        for offset, kind in enumerate(("BUY", "CANCEL", "BUY"))
    )  # fmt: skip
    truth = Truth([bought, cancelled, revived], [])
    later = unknown(question, asked_at=1.5, known_at=2)
    # A portfolio stays known by its transactions, cancelled ones too.
    wrong = [later] if question == "positions" else []
    for raw, expected in ((1, wrong), (2, wrong), (3, [later])):
        known = answer("lots", 1, asked_at=0, known_at=1)
        known = known._replace(content=known.content | {"through": through(raw)})
        assert denied([known, later], truth) == expected, raw


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_rate_that_comes_later_may_be_in_an_answer_and_one_before_must(
    question: Question,
) -> None:
    bought = trade("P", "T0", "BUY", "2024-01-01", "4", "1.5", currency="EUR")
    pair: Row = {"from_currency": "EUR", "to_currency": "USD", "rate_date": "2024-01-01"}
    sent = [
        reference(OF_FX_RATES, pair | {"rate": f"1.{version}", "version": version})
        for version in (1, 2)
    ]
    rates = [Record("fx_rates", 0, at, None, message.value) for at, message in enumerate(sent)]
    truth = Truth(
        [Record("raw_transactions", 0, 0, b"P", bought.value)],
        [Record("portfolios", 0, 0, b"P", portfolio("P", "USD", "FIFO").value)],
        rates,
    )
    for known in range(3):
        books = truth.books("P", (1, 0, 1, known))
        position = json_row(books.positions[KEY])
        shown: dict[Question, Row] = {
            "positions": {"positions": [position]},
            "position": position,
            "lots": {"lots": [json_row(lot) for lot in books.lots[KEY]]},
        }
        for said in range(3):
            told = shown[question] | {"through": dict(zip(INPUTS, (1, 0, 1, said), strict=True))}
            answer = Answer(question, *KEY, 0, 1, OK, told | {"as_of": 1})
            assert truth.is_certain(answer) == (said == 2)
            assert bool(truth.wrong(answer)) == (said == 2 and known < 2)
