"""What cannot be asked about performance: one error for each thing that is wrong, where it is."""

import json
from datetime import date
from pathlib import Path

import httpx
import pytest

from analytics.periods import Grain, Horizon, Period
from api.performance_documents import (
    PERIODS_MAX,
    ROLLING_DAYS_MAX,
    MoneyWeightedQuestion,
    PerformanceQuestion,
    PeriodAsked,
)
from api.problems import Problem, RequestRule
from api.questions import (
    OF_BOTH,
    OF_TIME_WEIGHTED,
    QuestionRule,
    money_weighted_question,
    performance_question,
)
from reports.questions import STANDARD, Asked
from reports.sources import Grouping
from tests.api.test_ingest import problem_of

DAYS = '{"from": "2024-01-01", "to": "2024-01-31"}'
# The body, and pointer and rule of the only error.
BAD = [
    ("", "", "message_must_be_given"),
    ("{", "", "message_must_be_json"),
    ("[]", "", "message_must_be_an_object"),
    ('{"to": NaN}', "", "message_must_be_json"),
    ("[" * 10_000, "", "message_must_be_json"),
    ('{"surprise": 1}', "/surprise", "field_must_be_known"),
    ('{"to": "2024-01-01", "to": "2024-01-02"}', "/to", "field_must_be_given_once"),
    ('{"to": "yesterday"}', "/to", "date_must_be_year_month_day"),
    ('{"to": "2024-02-30"}', "/to", "date_must_exist"),
    ('{"to": 20240101}', "/to", "field_must_be_text"),
    ('{"security_id": "a  b"}', "/security_id", "id_must_be_plain"),
    ('{"security_id": ["A"]}', "/security_id", "field_must_be_text"),
    ('{"periods": "SI"}', "/periods", "field_must_be_a_list"),
    ('{"periods": {"from": "2024-01-01"}}', "/periods", "field_must_be_a_list"),
    ('{"periods": []}', "/periods", "list_must_not_be_empty"),
    (json.dumps({"periods": ["SI"] * (PERIODS_MAX + 1)}), "/periods", "list_must_fit"),
    ('{"periods": ["2Y"]}', "/periods/0", "period_must_be_known"),
    ('{"periods": ["ytd"]}', "/periods/0", "period_must_be_known"),
    (f'{{"periods": [{DAYS}, 1]}}', "/periods/1", "period_must_be_a_name_or_days"),
    ('{"periods": [null]}', "/periods/0", "period_must_be_a_name_or_days"),
    ('{"periods": [["SI"]]}', "/periods/0", "period_must_be_a_name_or_days"),
    ('{"periods": [{"from": "2024-01-01"}]}', "/periods/0/to", "field_must_be_given"),
    (
        '{"periods": [{"from": "x", "to": "2024-01-31"}]}',
        "/periods/0/from",
        "date_must_be_year_month_day",
    ),
    (
        '{"periods": [{"from": "2024-01-01", "to": "2024-01-31", "to": "2024-01-31"}]}',
        "/periods/0/to",
        "field_must_be_given_once",
    ),
    (
        '{"periods": [{"from": "2024-01-01", "to": "2024-01-31", "on": "2024-01-31"}]}',
        "/periods/0/on",
        "field_must_be_known",
    ),
    (
        '{"periods": [{"from": "2024-02-01", "to": "2024-01-31"}]}',
        "/periods/0/to",
        "period_must_not_end_before_it_begins",
    ),
    (
        '{"periods": [{"from": "1900-01-01", "to": "2200-01-31"}]}',
        "/periods/0/to",
        "period_must_fit",
    ),
]
BAD_OF_TIME_WEIGHTED = [
    ('{"breakdown": "HOURLY"}', "/breakdown", "breakdown_must_be_known"),
    ('{"breakdown": 1}', "/breakdown", "field_must_be_text"),
    ('{"contribution": "lot"}', "/contribution", "contribution_must_be_known"),
    ('{"benchmark": 7}', "/benchmark", "field_must_be_text"),
    ('{"rolling_days": 0}', "/rolling_days", "length_must_be_a_positive_integer"),
    ('{"rolling_days": -1}', "/rolling_days", "length_must_be_a_positive_integer"),
    ('{"rolling_months": "3"}', "/rolling_months", "length_must_be_a_positive_integer"),
    ('{"rolling_months": 3.0}', "/rolling_months", "length_must_be_a_positive_integer"),
    ('{"rolling_months": 3e0}', "/rolling_months", "length_must_be_a_positive_integer"),
    ('{"rolling_months": true}', "/rolling_months", "length_must_be_a_positive_integer"),
    ('{"rolling_months": 121}', "/rolling_months", "length_must_fit"),
    (f'{{"rolling_days": {"9" * 9000}}}', "/rolling_days", "length_must_fit"),
    ('{"currency_effect": "yes"}', "/currency_effect", "boolean_must_be_true_or_false"),
    ('{"currency_effect": "true"}', "/currency_effect", "boolean_must_be_true_or_false"),
    ('{"currency_effect": 1}', "/currency_effect", "boolean_must_be_true_or_false"),
]


def errors_of(response: httpx.Response) -> list[tuple[str, str]]:
    return [(each["pointer"], each["rule"]) for each in problem_of(response, 422)["errors"]]


def ask(api: httpx.Client, body: str, *rest: str) -> httpx.Response:
    path = "/".join(("/portfolios/P1/performance", *rest))
    return api.post(path, content=body, headers={"content-type": "application/json"})


def test_a_bad_question_is_422_with_one_error_that_names_the_place_and_the_rule(
    api: httpx.Client,
) -> None:
    for body, pointer, rule in BAD:
        assert errors_of(ask(api, body)) == [(pointer, rule)], body
        assert errors_of(ask(api, body, "mwr")) == [(pointer, rule)], body
    for body, pointer, rule in BAD_OF_TIME_WEIGHTED:
        assert errors_of(ask(api, body)) == [(pointer, rule)], body
        name = pointer.removeprefix("/")
        assert errors_of(ask(api, body, "mwr")) == [(f"/{name}", "field_must_be_known")], body


def test_each_thing_that_is_wrong_is_told(api: httpx.Client) -> None:
    body = {"to": 1, "periods": ["SI", "2Y", {"from": 1, "to": 2}], "rolling_days": 1.5}
    assert errors_of(ask(api, json.dumps(body))) == [
        ("/to", "field_must_be_text"),
        ("/rolling_days", "length_must_be_a_positive_integer"),
        ("/periods/1", "period_must_be_known"),
        ("/periods/2/from", "field_must_be_text"),
        ("/periods/2/to", "field_must_be_text"),
    ]


def test_of_too_many_errors_it_is_said_how_many_there_are() -> None:
    body = json.dumps({f"x{number}": 1 for number in range(300)})
    with pytest.raises(Problem, match=r"300 rules are broken.*200 more") as caught:
        performance_question(body.encode())
    assert len(caught.value.errors) == 100


OF_LISTS = [
    RequestRule.FIELD_MUST_BE_A_LIST, RequestRule.LIST_MUST_NOT_BE_EMPTY, RequestRule.LIST_MUST_FIT
]  # fmt: skip


@pytest.mark.parametrize("rule", [*QuestionRule, *OF_LISTS])
def test_every_rule_has_a_case_and_is_in_the_contract(rule: QuestionRule | RequestRule) -> None:
    assert f"`{rule}`" in (Path(__file__).parents[2] / "CONTRACT.md").read_text()
    assert rule in {each for _, _, each in BAD + BAD_OF_TIME_WEIGHTED}


def test_a_question_is_read_as_it_was_meant() -> None:
    body = f"""{{
        "to": "2024-06-28", "periods": ["YTD", {DAYS}], "security_id": "ACME",
        "breakdown": "MONTHLY", "rolling_months": 12, "rolling_days": {ROLLING_DAYS_MAX},
        "contribution": "sector", "currency_effect": true, "benchmark": "INDEX"
    }}"""
    assert performance_question(body.encode()) == Asked(
        to=date(2024, 6, 28),
        periods=(Horizon.YEAR_TO_DATE, Period(date(2024, 1, 1), date(2024, 1, 31))),
        security_id="ACME",
        breakdown=Grain.MONTHLY,
        rolling_months=12,
        rolling_days=ROLLING_DAYS_MAX,
        contribution=Grouping.SECTOR,
        currency_effect=True,
        benchmark="INDEX",
    )


def test_what_is_null_is_not_asked_for() -> None:
    names = [*OF_BOTH[1:], *OF_TIME_WEIGHTED]
    body = {"to": "2024-06-28"} | dict.fromkeys(names)
    asked = performance_question(json.dumps(body).encode())
    assert asked == Asked(to=date(2024, 6, 28))
    assert asked.periods == STANDARD
    assert money_weighted_question(b'{"to": "2024-06-28"}') == asked


def test_what_the_document_says_may_be_asked_is_what_is_read() -> None:
    assert tuple(MoneyWeightedQuestion.model_fields) == OF_BOTH
    assert tuple(PerformanceQuestion.model_fields) == OF_BOTH + OF_TIME_WEIGHTED
    assert [each.alias or name for name, each in PeriodAsked.model_fields.items()] == ["from", "to"]
