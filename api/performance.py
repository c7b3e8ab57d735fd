"""What portfolios earned: questions that are sent as a body, since they have many parts."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from analytics.periods import Period
from api import examples, openapi, performance_documents
from api.body import read_body
from api.gate import Allowed
from api.parameters import ConcentrationPage, PortfolioId, SeriesPage, SummaryPage
from api.performance_documents import MoneyWeightedQuestion, PerformanceQuestion
from api.problems import ProblemError, invalid, pointer
from api.questions import money_weighted_question, performance_question, period_between, today
from api.reports import Reports
from reports.concentrations import concentration_on
from reports.money_weighted import money_weighted
from reports.performance import performance
from reports.summary import summary
from reports.timeseries import time_series
from wire.objects import MESSAGE_BYTES_MAX


def _period(first_day: date, last_day: date) -> Period:
    """A problem 422 where it ends before it begins, or is longer than a century."""
    found = period_between(first_day, last_day)
    if isinstance(found, Period):
        return found
    raise invalid([ProblemError(pointer("query", "to"), found.rule, found.message)])


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
    ) -> Response:
        asked = performance_question(await read_body(request, MESSAGE_BYTES_MAX))
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
    ) -> Response:
        asked = money_weighted_question(await read_body(request, MESSAGE_BYTES_MAX))
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
        last_day = asked.to or today()
        if asked.from_ is not None:
            _period(asked.from_, last_day)
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
        last_day = asked.to or today()
        first_day = asked.from_ or last_day.replace(month=1, day=1)
        period = _period(first_day, last_day)
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
        day = asked.on or today()
        return await reports.answer(
            access,
            portfolio_id,
            lambda state: concentration_on(state, portfolio_id, day, asked.top, reports.limits),
        )
