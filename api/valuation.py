"""What a portfolio is worth: now, from the owner's live tables, or on a day, from PostgreSQL."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import openapi, report_documents
from api.gate import Allowed
from api.live import Workers, answer_of_owner
from api.parameters import OnDay, PortfolioId
from api.reports import Reports
from reports.valuation import valuation_on
from wire import workers as said


def routes(workers: Workers, reports: Reports) -> APIRouter:
    router = APIRouter(tags=["live tables"])

    @router.get(
        "/portfolios/{portfolio_id}/valuation",
        summary="What a portfolio is worth, or was at the end of a day",
        description="At the latest prices on or before the day, and the exchange rates of the day "
        "or few days before. Today, in UTC, from the live tables and what the worker knows of "
        "prices and rates: `through` says how far. With `on`, from PostgreSQL.",
        responses=openapi.answers(report_documents.LiveValuation, 404, 409, 422, 503)
        | {200: openapi.either(report_documents.LiveValuation, report_documents.Valuation)},
    )
    async def get_valuation(
        access: Allowed, portfolio_id: PortfolioId, asked: Annotated[OnDay, Query()]
    ) -> Response:
        if (day := asked.on) is not None:
            return await reports.answer(
                access,
                portfolio_id,
                lambda state: valuation_on(state, portfolio_id, day, reports.limits),
            )
        unknown = said.unknown_portfolio(portfolio_id)
        return await answer_of_owner(workers, access, unknown, portfolio_id, "valuation")

    return router
