"""What `run` tells of the books, whatever some portfolios have no answer to."""

from typing import Any

import pytest

from cli.asking import Api, Unanswerable
from cli.story import tell, worth

GOOD, ABSURD, OLD = "GOOD", "ABSURD", "OLD"
TOTAL = {
    "market_value": "10", "cost": "8", "cost_unvalued": "0", "unrealized_gain_loss": "2",
    "price_gain_loss": "2", "currency_gain_loss": "0", "day_change": "0", "quality": "valued",
    "day_change_positions": 0, "valued": 0, "stale": 0, "unvalued": 0,
}  # fmt: skip


class Books(Api):
    """Three portfolios: one has no value, one no return, and the days of one cannot be drawn."""

    def __init__(self, *portfolio_ids: str) -> None:
        self.portfolio_ids = portfolio_ids

    def items(self, *parts: str, **_: Any) -> Any:  # noqa: ANN401 - JSON
        if parts == ("portfolios",):
            return iter([{"portfolio_id": one} for one in self.portfolio_ids])
        return iter([])

    def get(self, *parts: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        match parts:
            case ("market-prices",):
                return {"items": [{"price_date": "2024-01-31"}]}
            case (_, _, "positions"):
                return {"positions": []}
            case (_, portfolio_id, "valuation") if portfolio_id != ABSURD:
                return {
                    "portfolio_id": portfolio_id, "on": "2024-01-31", "base_currency": "USD",
                    "positions": [], "unsettled": [], "total": TOTAL,
                }  # fmt: skip
        raise Unanswerable(f"{parts} is out of all bounds")

    def post(self, *parts: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        if parts[1] == OLD:
            raise Unanswerable("1919-01-02 to 2024-01-31 is more than 36600 days")
        return {
            "portfolio_id": parts[1], "security_id": None, "base_currency": "USD", "periods": [],
        }  # fmt: skip


@pytest.mark.parametrize("order", [(GOOD, ABSURD, OLD), (ABSURD, OLD, GOOD), (OLD, GOOD, ABSURD)])
def test_a_portfolio_without_an_answer_takes_the_others_nothing(order: tuple[str, ...]) -> None:
    told = tell(Books(*order))
    valued = [one for one in order if one != ABSURD]
    assert [one["portfolio_id"] for one in told["valuations"]] == valued
    assert [one["portfolio_id"] for one in told["performances"]] == [GOOD]
    assert told["days"] == []
    assert worth(told)


def test_where_none_has_an_answer_nothing_is_said_of_worth() -> None:
    told = tell(Books(ABSURD))
    assert (told["valuations"], told["performances"], told["curve"]) == ([], [], None)
