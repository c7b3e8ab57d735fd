"""What portfolios earned: questions that are sent as a body, since they have many parts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ValidationError

from analytics.periods import Horizon, Period
from api import examples, openapi, performance_documents
from api.body import read_body
from api.gate import Allowed
from api.parameters import ConcentrationPage, Nothing, PortfolioId, SeriesPage, SummaryPage
from api.performance_documents import MoneyWeightedQuestion, PerformanceQuestion, PeriodAsked
from api.problems import ProblemError, invalid, pointer
from api.reports import Reports
from reports.concentrations import concentration_on
from reports.money_weighted import money_weighted
from reports.performance import performance
from reports.questions import DAYS_MAX, STANDARD, Asked
from reports.summary import summary
from reports.timeseries import time_series

QUESTION_BYTES_MAX = 64 * 1024

Question = TypeVar("Question", bound=BaseModel)


async def _question(request: Request, model: type[Question]) -> Question:
    """The body; a problem 422 that names each field."""
    body = await read_body(request, QUESTION_BYTES_MAX)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(
            ProblemError(pointer(*each["loc"]), each["type"], each["msg"])
            for each in error.errors(include_url=False, include_context=False)
        ) from None


def _today() -> date:
    return datetime.now(UTC).date()


def _periods(asked: Sequence[Horizon | PeriodAsked] | None) -> tuple[Horizon | Period, ...]:
    if asked is None:
        return STANDARD
    found: list[Horizon | Period] = []
    for index, each in enumerate(asked):
        if isinstance(each, PeriodAsked):
            steps = ("periods", str(index))
            found.append(_period(each.from_, each.to, pointer(*steps, "to")))
        else:
            found.append(each)
    return tuple(found)


def _period(first_day: date, last_day: date, at: str) -> Period:
    """A problem 422 where it ends before it begins, or is longer than a century."""
    if last_day < first_day:
        message = f"{last_day} is before {first_day}"
        raise invalid([ProblemError(at, "period_must_not_end_before_it_begins", message)])
    if (last_day - first_day).days >= DAYS_MAX:
        message = f"it has more than {DAYS_MAX} days"
        raise invalid([ProblemError(at, "period_must_fit", message)])
    return Period(first_day, last_day)


def _asked(question: MoneyWeightedQuestion) -> Asked:
    asked = Asked(
        to=question.to or _today(),
        periods=_periods(question.periods),
        security_id=question.security_id,
    )
    if not isinstance(question, PerformanceQuestion):
        return asked
    return replace(
        asked,
        breakdown=question.breakdown,
        rolling_months=question.rolling_months,
        rolling_days=question.rolling_days,
        contribution=question.contribution,
        currency_effect=question.currency_effect,
        benchmark=question.benchmark,
    )


def routes(reports: Reports) -> APIRouter:
    router = APIRouter(tags=["reports"])
    limits = reports.limits

    @router.post(
        "/portfolios/{portfolio_id}/performance",
        summary="Time-weighted returns of a portfolio, or of a holding, over periods",
        description="Net and gross of fees, linked daily. What is not asked for is null or empty.",
        responses=openapi.asked(performance_documents.Performance),
        openapi_extra=openapi.body(PerformanceQuestion, examples.PERFORMANCE),
    )
    async def post_performance(
        access: Allowed,
        portfolio_id: PortfolioId,
        request: Request,
        _: Annotated[Nothing, Query()],
    ) -> Response:
        asked = _asked(await _question(request, PerformanceQuestion))
        return await reports.answer(
            access,
            portfolio_id,
            lambda state: performance(state, portfolio_id, asked, limits),
            asked.security_id,
        )

    @router.post(
        "/portfolios/{portfolio_id}/performance/mwr",
        summary="Money-weighted returns of a portfolio, or of a holding, over periods",
        description="XIRR by ACT/365 and Modified Dietz.",
        responses=openapi.asked(performance_documents.MoneyWeighted),
        openapi_extra=openapi.body(MoneyWeightedQuestion, examples.MONEY_WEIGHTED),
    )
    async def post_money_weighted(
        access: Allowed,
        portfolio_id: PortfolioId,
        request: Request,
        _: Annotated[Nothing, Query()],
    ) -> Response:
        asked = _asked(await _question(request, MoneyWeightedQuestion))
        return await reports.answer(
            access,
            portfolio_id,
            lambda state: money_weighted(state, portfolio_id, asked, limits),
            asked.security_id,
        )

    _add_days(router, reports)
    return router


def _add_days(router: APIRouter, reports: Reports) -> None:
    """What is asked for by an address."""
    limits = reports.limits

    @router.get(
        "/portfolios/{portfolio_id}/timeseries",
        summary="The days of a portfolio, or of a holding: values, flows, income, costs, gains",
        responses=openapi.answers(performance_documents.TimeSeries, 404, 409, 422, 503),
    )
    async def get_timeseries(
        access: Allowed, portfolio_id: PortfolioId, asked: Annotated[SeriesPage, Query()]
    ) -> Response:
        last_day = asked.to or _today()
        if asked.from_ is not None:
            _period(asked.from_, last_day, "/query/to")
        return await reports.answer(
            access,
            portfolio_id,
            lambda state: time_series(
                state, portfolio_id, asked.from_, last_day, asked.security_id, limits
            ),
            asked.security_id,
        )

    @router.get(
        "/portfolios/{portfolio_id}/summary",
        summary="A portfolio at a glance: wealth, allocation, income and activity, gains",
        responses=openapi.answers(performance_documents.Summary, 404, 409, 422, 503),
    )
    async def get_summary(
        access: Allowed, portfolio_id: PortfolioId, asked: Annotated[SummaryPage, Query()]
    ) -> Response:
        last_day = asked.to or _today()
        first_day = asked.from_ or last_day.replace(month=1, day=1)
        period = _period(first_day, last_day, "/query/to")
        return await reports.answer(
            access, portfolio_id, lambda state: summary(state, portfolio_id, period, limits)
        )

    _add_concentration(router, reports)


def _add_concentration(router: APIRouter, reports: Reports) -> None:
    """What is asked for of one day."""

    @router.get(
        "/portfolios/{portfolio_id}/concentration",
        summary="How much of a portfolio is in few things: top N, Herfindahl index, by issuer",
        responses=openapi.answers(performance_documents.Concentration, 404, 409, 422, 503),
    )
    async def get_concentration(
        access: Allowed, portfolio_id: PortfolioId, asked: Annotated[ConcentrationPage, Query()]
    ) -> Response:
        day = asked.on or _today()
        return await reports.answer(
            access,
            portfolio_id,
            lambda state: concentration_on(state, portfolio_id, day, asked.top, reports.limits),
        )
