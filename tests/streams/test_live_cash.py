"""Cash over HTTP: what moves it, and nothing said of it while that is being re-booked."""

import pytest

from calculator import term_walks
from streams import pace
from tests.streams.asked import P, Worker, assert_refused, paths

CASH = f"/portfolios/{P}/positions/CASH_USD"


def test_a_cash_entry_is_shown_by_its_own_id_and_names_its_cause(worker: Worker) -> None:
    worker.portfolio("FIFO", cash="automatic")
    worker.trade("T0", quantity="10", price="1.5", settlement_date="2024-01-05")
    worker.book()
    entry = worker.get(f"/portfolios/{P}/transactions/T0~cash").json()
    assert entry["cause_transaction_id"] == "T0"
    assert (entry["cash_movement"], entry["status"]) == ("-15", "BOOKED")
    assert (entry["transaction_type"], entry["security_id"]) == ("WITHDRAWAL", "CASH_USD")
    assert entry["transaction_date"] == "2024-01-05T00:00:00Z"
    assert (entry["source_topic"], entry["source_offset"]) == ("raw_transactions", 0)
    assert worker.get(CASH).json()["quantity"] == "-15"
    (lot,) = worker.get(f"{CASH}/lots").json()["lots"]
    assert (lot["lot_id"], lot["quantity"], lot["cost"]) == ("POOL", "-15", "-15")
    cause = worker.get(f"/portfolios/{P}/transactions/T0").json()
    assert cause["cause_transaction_id"] is cause["cash_movement"] is None


def test_a_cash_entry_that_is_gone_is_unknown_and_may_come_back(worker: Worker) -> None:
    worker.portfolio("FIFO", cash="automatic")
    worker.trade("T0")
    worker.book()
    worker.cancel("T0")
    worker.book()
    assert_refused(worker.get(f"/portfolios/{P}/transactions/T0~cash"), 404, "not-found")
    assert_refused(worker.get(CASH), 404, "not-found")
    worker.trade("T0", version=3)
    worker.book()
    assert worker.get(f"/portfolios/{P}/transactions/T0~cash").json()["version"] == 3


def test_only_what_came_in_is_counted(worker: Worker) -> None:
    worker.portfolio("FIFO", cash="automatic")
    worker.trade("T0")
    worker.trade("T1")
    worker.book()
    progress = worker.lane.progress
    assert (progress.read, progress.booked) == (2, 2)


@pytest.fixture
def rebooking(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """S0 is being re-booked, and its transactions move cash."""
    worker.portfolio("FIFO", cash="automatic")
    for n in range(40):
        worker.trade(f"T{n}", "S0", transaction_date="2024-01-02")
    worker.trade("OWN", "CASH", transaction_type="DEPOSIT", transaction_date="2024-01-02")
    worker.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)
    worker.trade("LATE", "S0", transaction_date="2020-01-01")
    worker.book_once()
    return worker


def test_nothing_is_said_of_cash_while_what_moves_it_is_being_re_booked(rebooking: Worker) -> None:
    cause = f"/portfolios/{P}/transactions/T0"
    for path in (CASH, f"{CASH}/lots", cause, f"{cause}~cash", f"{CASH[:-3]}EUR"):
        assert_refused(rebooking.get(path), 503, "rebooking")
    assert_refused(rebooking.get(f"/portfolios/{P}/transactions/LATE~cash"), 503, "rebooking")
    found = rebooking.results("T0~cash").json()["results"]
    assert found == [None]
    rebooking.book()
    assert rebooking.get(CASH).json()["quantity"] == "-615"
    assert_refused(rebooking.get(f"{CASH[:-3]}EUR"), 404, "not-found")
    assert_refused(rebooking.get(f"{cause}9~cash"), 404, "not-found")


def test_nor_while_it_leaves_the_books_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.portfolio("FIFO", cash="automatic")
    for n in range(40):
        worker.trade(f"T{n}", "S0", transaction_date="2024-01-02")
    worker.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)
    worker.portfolio("FIFO", version=2)
    worker.book_once()
    while worker.lane.has_work:
        answer = worker.get(CASH)
        assert answer.status_code == 503, answer.text
        worker.lane.handle([])
    assert_refused(worker.get(CASH), 404, "not-found")


def test_a_portfolio_that_keeps_no_cash_answers_for_such_a_name_as_for_any_other(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.portfolio("FIFO")
    for n in range(40):
        worker.trade(f"T{n}", "S0", transaction_date="2024-01-02")
    worker.trade("OWN", "CASH_USD")
    worker.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)
    worker.trade("LATE", "S0", transaction_date="2020-01-01")
    worker.book_once()
    assert worker.get(CASH).json()["quantity"] == "10"


def test_nothing_is_said_of_holdings_that_an_instrument_has_not_reached(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor of the cash that they moved while they were none."""
    worker.portfolio("FIFO", cash="automatic")
    for n in range(40):
        worker.trade(f"T{n:02}", f"S{n:02}")
    worker.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)
    monkeypatch.setattr(term_walks, "_MET_AT_A_TIME", 1)
    for n in range(20):
        worker.instrument(f"S{n:02}", asset_class="Cash")
    assert worker.position("S00").json()["through"]["instruments"] == 0
    worker.book_once()
    first = worker.position("S00").json()
    assert (first["cost_basis_method"], first["through"]["instruments"]) == ("AVCO", 20)
    assert worker.position("S20").json()["cost_basis_method"] == "FIFO"
    last = f"/portfolios/{P}/transactions/T19"
    for path in (CASH, f"/portfolios/{P}/positions", *paths("S19", "T19"), f"{last}~cash"):
        assert_refused(worker.get(path), 503, "rebooking")
    assert worker.results("T00", "T19", "T20").json()["results"][1] is None
    while worker.lane.has_work:
        assert worker.get(CASH).status_code == 503
        worker.lane.handle([])
    assert worker.get(CASH).json()["quantity"] == "-300"
    assert_refused(worker.get(f"{last}~cash"), 404, "not-found")
    assert len(worker.get(f"/portfolios/{P}/positions").json()["positions"]) == 41


def test_a_holding_that_is_cash_by_its_instrument_is_not_told_before_its_portfolio_keeps_cash(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its terms change with the record, and only who meets it knows that it is cash."""
    worker.portfolio("AVCO")
    worker.instrument("S39", product_type="cash")
    for n in range(40):
        worker.trade(f"T{n:02}", f"S{n:02}")
    worker.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)
    worker.portfolio("AVCO", version=2, cash="explicit")
    worker.book_once()
    assert_refused(worker.position("S39"), 503, "rebooking")
    worker.book()
    moved = worker.get(f"/portfolios/{P}/transactions/T39").json()["cash_movement"]
    assert (worker.position("S39").json()["quantity"], moved) == ("10", "10")
