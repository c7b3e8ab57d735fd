"""The worker's answer of what a portfolio is worth now."""

import threading
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from streams import market, pace
from streams.known_prices import price_on
from streams.market import Wanted
from tests.streams.asked import THROUGH, P, Worker, assert_refused
from tests.streams.reference import log, price
from tests.streams.test_reference_lives import Message

PATH = f"/portfolios/{P}/valuation"
EURO: dict[str, object] = {"trade_currency": "EUR", "quantity": "100", "price": "150"}


def valuation(worker: Worker) -> Any:  # noqa: ANN401 - JSON
    answer = worker.get(PATH)
    assert answer.status_code == 200, answer.text
    return answer.json()


def hold_euros(worker: Worker) -> None:
    """60 left of 100, for 9,000 EUR and 9,900 USD."""
    worker.portfolio("FIFO")
    worker.trade("B", "S", **EURO, fx_rate="1.10", transaction_date="2024-01-10")
    sale = {"transaction_type": "SELL", "quantity": "40", "price": "170", "fx_rate": "1.20"}
    worker.trade("OUT", "S", **(EURO | sale), transaction_date="2024-02-01")
    worker.book()


def test_a_euro_security_in_a_dollar_portfolio_gains_by_price_and_by_rate(worker: Worker) -> None:
    hold_euros(worker)
    worker.instrument(name="Acme", asset_class="Equity")
    worker.price("180", currency="EUR")
    worker.price("179", "2024-02-29", currency="EUR")
    worker.rate("1.20", "2024-03-01", pair="EUR/USD")
    worker.rate("1.19", "2024-02-29", pair="EUR/USD")
    found = valuation(worker)
    [position] = found["positions"]
    assert position == {
        "security_id": "S", "name": "Acme", "asset_class": "Equity", "quantity": "60",
        "trade_currency": "EUR", "base_currency": "USD", "cost": "9900", "cost_local": "9000",
        "price": "180", "price_currency": "EUR", "price_date": "2024-03-01", "multiplier": "1",
        "fx_rate": "1.2", "fx_rate_date": "2024-03-01",
        "market_value": "12960", "market_value_local": "10800",
        "unrealized_gain_loss": "3060", "unrealized_gain_loss_local": "1800",
        "price_gain_loss": "2160", "currency_gain_loss": "900",
        "day_change": "179.4", "day_change_local": "60", "day_change_fraction": "0.014036899676",
        "quality": "valued", "reasons": [], "weight": "1",
    }  # fmt: skip
    assert found["total"]["market_value"] == "12960"
    assert (found["portfolio_id"], found["on"], found["base_currency"]) == (
        P, "2024-03-01", "USD",
    )  # fmt: skip


def test_what_is_not_known_is_null_and_never_zero(worker: Worker) -> None:
    worker.portfolio("FIFO")
    worker.trade("T0", "NEVER")
    worker.trade("T1", "OLD")
    worker.trade("T2", "SOLD")
    worker.trade("T3", "SOLD", transaction_type="SELL", transaction_date="2024-02-01")
    worker.book()
    worker.price("2", "2024-02-22", "OLD")
    found = valuation(worker)
    never, old = found["positions"]
    assert (never["market_value"], never["quality"], never["weight"]) == (None, "unvalued", None)
    assert (old["market_value"], old["quality"]) == ("20", "stale")
    assert old["reasons"] == ["price_must_be_recent"]
    assert found["total"]["quality"] == "unvalued"


def test_a_day_later_it_is_worth_what_the_new_day_knows(worker: Worker) -> None:
    worker.trade("T0")
    worker.book()
    worker.price("2", "2024-03-01")
    worker.price("3", "2024-03-02")  # where the day begins earlier
    assert valuation(worker)["positions"][0]["market_value"] == "20"
    worker.today = date(2024, 3, 2)
    found = valuation(worker)
    assert (found["on"], found["positions"][0]["market_value"]) == ("2024-03-02", "30")
    assert found["positions"][0]["day_change"] == "10"


def test_it_says_all_before_which_offsets_it_includes(worker: Worker) -> None:
    hold_euros(worker)
    worker.price("180")
    worker.instrument()
    worker.rate("2", "2024-03-01")
    worker.rate("1.20", "2024-03-01", pair="EUR/USD")
    assert worker.lane.has_work is False  # it has looked at the rates
    found = valuation(worker)
    assert found["through"] == {
        "partition": 0, "raw_transactions": 2, "raw_transactions_forwarded": 0, "portfolios": 1,
        "fx_rates": 2, "market_prices": 1, "instruments": 1,
    }  # fmt: skip
    assert found["through"].keys() > THROUGH
    assert found["as_of"] == worker.lane.progress.as_of


def test_a_rate_that_the_books_have_still_to_follow_is_not_included(worker: Worker) -> None:
    worker.portfolio("FIFO")
    worker.trade("T0", "S", **EURO, transaction_date="2024-03-01")
    worker.book()
    worker.price("180", currency="EUR")
    worker.rate("1.20", "2024-03-01", pair="EUR/USD")
    assert worker.lane.has_work
    assert valuation(worker)["through"]["fx_rates"] == 0
    worker.book()
    found = valuation(worker)
    assert (found["through"]["fx_rates"], found["total"]["cost"]) == (1, "18000")


def test_nor_an_instrument_that_makes_cash_of_what_the_books_have_for_a_security(
    worker: Worker,
) -> None:
    worker.portfolio("FIFO", cash="explicit")
    worker.trade("T0", "S", quantity="10", price="1.5")
    worker.book()
    worker.instrument("OTHER")
    worker.instrument("S", asset_class="Cash")
    assert worker.lane.has_work
    assert valuation(worker)["through"]["instruments"] == 0
    worker.book()
    found = valuation(worker)
    assert (found["through"]["instruments"], found["total"]["cost"]) == (2, "10")


def test_a_take_over_waits_for_the_instruments_that_books_hang_on_and_not_for_prices(
    worker: Worker,
) -> None:
    ends: Any = SimpleNamespace(patiently=lambda places: dict.fromkeys(places, 2))
    waiting = threading.Thread(target=worker.market.demand_all, args=(ends,))
    waiting.start()
    worker.instrument("A")
    waiting.join(0.2)
    assert waiting.is_alive()
    worker.instrument("B", asset_class="Cash")
    waiting.join(10)
    assert not waiting.is_alive()
    assert (worker.market.cash.through, worker.market.is_known) == (2, False)


def test_prices_of_one_fetch_are_seen_together_or_not_at_all(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks in the middle of a fetch waits for its end."""
    worker.trade("T0", "A")
    worker.trade("T1", "B")
    worker.book()
    worker.price("1", security_id="A")
    worker.price("1", security_id="B")
    is_in_middle, found = threading.Event(), list[Any]()
    asking = threading.Thread(target=lambda: found.append(valuation(worker)))
    keep = worker.market.prices.keep

    def slow(offset: int, price: Any) -> None:  # noqa: ANN401
        keep(offset, price)
        if price.security_id == "A":
            asking.start()
            is_in_middle.wait(0.3)

    monkeypatch.setattr(worker.market.prices_table, "_keep", slow)
    both = [price(each, price="2", version=2, price_date="2024-03-01") for each in ("A", "B")]
    worker.market.prices_table.take([*map(Message, log(both, start=2))])
    asking.join()
    assert [each["price"] for each in found[0]["positions"]] == ["2", "2"]
    assert found[0]["through"]["market_prices"] == 4


def test_a_day_that_ends_meanwhile_is_not_looked_at_with_prices_of_the_next(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the next day begins what only the last one would need is forgotten."""
    worker.trade("T0")
    worker.book()
    for day in ("2024-02-29", "2024-03-01"):
        worker.price(day[-1], day)
    packed = worker.market.instruments.packed

    def midnight(security_id: str) -> bytes | None:
        worker.today = date(2024, 3, 2)
        worker.price("5", "2024-03-02")
        return packed(security_id)

    monkeypatch.setattr(worker.market.instruments, "packed", midnight)
    found = valuation(worker)
    assert (found["on"], found["positions"][0]["day_change"]) == ("2024-03-02", "40")


def test_nothing_is_said_of_what_is_unknown_elsewhere_or_being_re_booked(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused(worker.get(PATH), 404, "not-found")
    for n in range(40):
        worker.trade(f"T{n}", transaction_date="2024-01-02")
    worker.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)
    worker.trade("LATE", transaction_date="2020-01-01")
    worker.book_once()
    assert_refused(worker.get(PATH), 503, "rebooking")
    worker.book()
    assert valuation(worker)["positions"][0]["quantity"] == "410"
    worker.may_answer = False
    assert_refused(worker.get(PATH), 503, "rebalancing")
    worker.may_answer, worker.served = True, frozenset()
    assert_refused(worker.get(PATH), 503, "not-owner")


def test_nothing_is_said_before_it_knows_what_another_may_have_told(worker: Worker) -> None:
    worker.trade("T0")
    worker.book()
    worker.price("1")

    class Ended:
        def patiently(self, places: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
            return dict.fromkeys(places, 0) | {("market_prices", 0): 2}

    ends: Any = Ended()
    worker.market.demand_all(ends)
    assert_refused(worker.get(PATH), 503, "catching-up")
    worker.price("2", version=2)
    assert valuation(worker)["positions"][0]["price"] == "2"
    assert Wanted(2, 0) == worker.market._wanted


def test_a_partition_that_moved_meanwhile_is_not_spoken_of(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.trade("T0")
    worker.book()

    def moved(*arguments: Any) -> Any:  # noqa: ANN401
        worker.may_answer = False
        return price_on(*arguments)

    monkeypatch.setattr(market, "price_on", moved)
    assert_refused(worker.get(PATH), 503, "rebalancing")


def test_an_amount_beyond_all_bounds_is_no_value(worker: Worker) -> None:
    worker.trade("T0", quantity="900000000000000", price="1")
    worker.book()
    worker.price("900000000000000")
    answer = worker.get(PATH)
    assert answer.status_code == 200
    assert b'"quality":"unvalued","reasons":["value_must_fit"]' in answer.content
