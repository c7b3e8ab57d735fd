"""Reads questions about performance as strictly as events are read: each thing that is wrong is
named once, where it is, by the rule that it breaks.

`performance_documents` has the shapes for whoever asks.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

from analytics.periods import Grain, Horizon, Period
from api.ingest import errors_of
from api.performance_documents import PERIODS_MAX, ROLLING_DAYS_MAX, ROLLING_MONTHS_MAX
from api.problems import ProblemError, RequestRule, invalid
from reports.questions import DAYS_MAX, STANDARD, Asked
from reports.sources import Grouping
from wire.fields import (
    Broken,
    FieldError,
    Malformed,
    Members,
    Number,
    Rule,
    calendar_date,
    id_text,
    not_text,
    shown,
)
from wire.objects import Form, members_of

OF_BOTH = ("to", "periods", "security_id")
OF_TIME_WEIGHTED = (
    "breakdown",
    "rolling_months",
    "rolling_days",
    "contribution",
    "currency_effect",
    "benchmark",
)

Choice = TypeVar("Choice", bound=StrEnum)


class QuestionRule(StrEnum):
    """Why a question cannot be read, phrased as the requirement; those of events and requests
    besides."""

    PERIOD_MUST_BE_A_NAME_OR_DAYS = "period_must_be_a_name_or_days"
    PERIOD_MUST_BE_KNOWN = "period_must_be_known"
    PERIOD_MUST_NOT_END_BEFORE_IT_BEGINS = "period_must_not_end_before_it_begins"
    PERIOD_MUST_FIT = "period_must_fit"
    BREAKDOWN_MUST_BE_KNOWN = "breakdown_must_be_known"
    CONTRIBUTION_MUST_BE_KNOWN = "contribution_must_be_known"
    LENGTH_MUST_BE_A_POSITIVE_INTEGER = "length_must_be_a_positive_integer"
    LENGTH_MUST_FIT = "length_must_fit"


def today() -> date:
    return datetime.now(UTC).date()


def money_weighted_question(body: bytes) -> Asked:
    """A problem 422 that names each thing that is wrong."""
    form = _form(body, OF_BOTH)
    errors: list[ProblemError] = []
    asked = _of_both(form, errors)
    _demand_good(form, errors)
    return asked


def performance_question(body: bytes) -> Asked:
    """Likewise."""
    form = _form(body, OF_BOTH + OF_TIME_WEIGHTED)
    errors: list[ProblemError] = []
    asked = replace(
        _of_both(form, errors),
        breakdown=form.take("breakdown", _among(Grain, QuestionRule.BREAKDOWN_MUST_BE_KNOWN)),
        rolling_months=form.take("rolling_months", _length(ROLLING_MONTHS_MAX)),
        rolling_days=form.take("rolling_days", _length(ROLLING_DAYS_MAX)),
        contribution=form.take(
            "contribution", _among(Grouping, QuestionRule.CONTRIBUTION_MUST_BE_KNOWN)
        ),
        currency_effect=form.take("currency_effect", _boolean) or False,
        benchmark=form.take("benchmark", id_text),
    )
    _demand_good(form, errors)
    return asked


def _form(body: bytes, known: Sequence[str]) -> Form:
    members = members_of(body)
    if isinstance(members, FieldError):
        raise invalid(errors_of(Malformed((members,))))
    return Form(members, known)


def _of_both(form: Form, errors: list[ProblemError]) -> Asked:
    """What is wrong with periods is added to the errors."""
    listed = form.take("periods", _list)
    periods: list[Horizon | Period] = []
    for index, value in enumerate(listed or ()):
        found = _period(value)
        if isinstance(found, Horizon | Period):
            periods.append(found)
        else:
            errors += errors_of(found, "periods", index)
    return Asked(
        to=form.take("to", calendar_date) or today(),
        periods=STANDARD if listed is None else tuple(periods),
        security_id=form.take("security_id", id_text),
    )


def _demand_good(form: Form, errors: Sequence[ProblemError]) -> None:
    found = Malformed(tuple(form.errors), form.left_off)
    if found.errors or errors:
        raise invalid([*errors_of(found), *errors], found.rules_broken + len(errors))


def _list(value: object) -> list[object] | Broken:
    if not isinstance(value, list) or isinstance(value, Members):
        rule = RequestRule.FIELD_MUST_BE_A_LIST
        return Broken(rule, f"{shown(value)} is not a JSON list")
    if not value:
        return Broken(RequestRule.LIST_MUST_NOT_BE_EMPTY, "there is nothing in it")
    if len(value) > PERIODS_MAX:
        message = f"{len(value)} elements are more than {PERIODS_MAX}"
        return Broken(RequestRule.LIST_MUST_FIT, message)
    return value


def _period(value: object) -> Horizon | Period | Malformed:
    """A name, or the first day and the last."""
    if type(value) is str:
        name = _among(Horizon, QuestionRule.PERIOD_MUST_BE_KNOWN)(value)
        return name if isinstance(name, Horizon) else _malformed("", name)
    if not isinstance(value, Members):
        message = f"{shown(value)} is neither a name nor an object with from and to"
        return _malformed("", Broken(QuestionRule.PERIOD_MUST_BE_A_NAME_OR_DAYS, message))
    form = Form(value, ("from", "to"))
    first_day, last_day = form.need("from", calendar_date), form.need("to", calendar_date)
    if form.errors or first_day is None or last_day is None:
        return Malformed(tuple(form.errors), form.left_off)
    found = period_between(first_day, last_day)
    return found if isinstance(found, Period) else _malformed("to", found)


def _malformed(field: str, broken: Broken) -> Malformed:
    return Malformed((FieldError(field, broken.rule, broken.message),))


def period_between(first_day: date, last_day: date) -> Period | Broken:
    """Not where it ends before it begins, or is longer than a century."""
    if last_day < first_day:
        rule = QuestionRule.PERIOD_MUST_NOT_END_BEFORE_IT_BEGINS
        return Broken(rule, f"{last_day} is before {first_day}")
    if (last_day - first_day).days >= DAYS_MAX:
        return Broken(QuestionRule.PERIOD_MUST_FIT, f"it has more than {DAYS_MAX} days")
    return Period(first_day, last_day)


def _among(choices: type[Choice], rule: QuestionRule) -> Callable[[object], Choice | Broken]:
    def read(value: object) -> Choice | Broken:
        if type(value) is not str:
            return not_text(value)
        found = next((each for each in choices if each.value == value), None)
        return found or Broken(rule, f"{shown(value)} is not one of {', '.join(choices)}")

    return read


def _length(largest: int) -> Callable[[object], int | Broken]:
    """A JSON number without a point."""

    def read(value: object) -> int | Broken:
        if not isinstance(value, Number) or not value.isdecimal() or value == "0":
            rule = QuestionRule.LENGTH_MUST_BE_A_POSITIVE_INTEGER
            return Broken(rule, f"{shown(value)} is not a whole number above zero")
        # Of so many digits that they are long before they are read.
        if len(value) > len(str(largest)) or int(value) > largest:
            return Broken(QuestionRule.LENGTH_MUST_FIT, f"{shown(value)} is more than {largest}")
        return int(value)

    return read


def _boolean(value: object) -> bool | Broken:
    """Nothing that reads like one: a text is none."""
    if isinstance(value, bool):
        return value
    return Broken(Rule.BOOLEAN_MUST_BE_TRUE_OR_FALSE, f"{shown(value)} is not true or false")
