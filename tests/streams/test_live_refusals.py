from pathlib import Path
from types import SimpleNamespace

import pytest

from calculator import ledger
from streams import lane as lane_module
from streams import pace
from streams.lane import EXIT_LANE_FAILED
from streams.tables import Table
from tests.api.test_depth import deep
from tests.streams.asked import ELSEWHERE, P, Worker, assert_refused, paths
from tests.wire.events import text_of
from wire.objects import MESSAGE_BYTES_MAX


@pytest.fixture
def rebooking(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """S0 is being re-booked; S1, of the same portfolio, is settled."""
    for n in range(40):
        worker.trade(f"T{n}", "S0", transaction_date="2024-01-02")
    worker.trade("OTHER", "S1")
    worker.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)
    worker.trade("LATE", "S0", transaction_date="2020-01-01")
    worker.book_once()
    return worker


def test_nothing_is_said_of_a_holding_that_is_being_re_booked(rebooking: Worker) -> None:
    for path in paths("S0"):
        assert_refused(rebooking.get(path), 503, "rebooking")
    assert_refused(rebooking.get(f"/portfolios/{P}/transactions/LATE"), 503, "rebooking")
    rebooking.book()
    assert rebooking.position("S0").json()["quantity"] == "410"


def test_of_many_results_those_being_re_booked_are_not_given(rebooking: Worker) -> None:
    asked = "T3", "OTHER", "LATE", "T0"
    found = rebooking.results(*asked).json()["results"]
    assert [each and each["transaction_id"] for each in found] == [None, "OTHER", None, None]
    rebooking.book()
    found = rebooking.results(*asked).json()["results"]
    assert [each["status"] for each in found] == ["BOOKED"] * 4


def test_other_holdings_of_its_portfolio_are_shown_meanwhile(rebooking: Worker) -> None:
    assert rebooking.position("S1").status_code == 200
    assert rebooking.get(f"/portfolios/{P}/transactions/OTHER").status_code == 200


def test_nothing_is_said_of_holdings_whose_new_terms_have_not_reached_them(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(40):
        worker.trade(f"T{n}", f"S{n:02}")
    worker.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)
    worker.portfolio("LIFO")
    worker.book_once()
    assert_refused(worker.get(f"/portfolios/{P}/positions"), 503, "rebooking")
    assert worker.position("S00").json()["cost_basis_method"] == "LIFO"
    for path in paths("S39", "T39"):
        assert_refused(worker.get(path), 503, "rebooking")
    worker.book()
    positions = worker.get(f"/portfolios/{P}/positions").json()["positions"]
    assert [row["cost_basis_method"] for row in positions] == ["LIFO"] * 40


def test_nothing_is_said_of_holdings_that_a_new_rate_has_not_reached(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.portfolio("FIFO")
    for n in range(40):
        worker.trade(f"T{n:02}", f"S{n:02}", trade_currency="CHF")
    worker.trade("OTHER", "OTHER")
    worker.book()
    monkeypatch.setattr(pace, "STEPS_MAX", 10)
    monkeypatch.setattr(ledger, "_USES_AT_A_TIME", 2)
    worker.rate("2", "2024-01-01")
    worker.book_once()
    assert_refused(worker.get(f"/portfolios/{P}/positions"), 503, "rebooking")
    found = worker.get(f"/portfolios/{P}/transactions/T00").json()
    assert (found["status"], found["applied_fx_rate"], found["fx_rate"]) == ("BOOKED", "2", None)
    assert found["through"]["fx_rates"] == 1
    assert worker.position("S00").json()["cost"] == "30"
    assert worker.position("OTHER").status_code == 200
    for path in paths("S39", "T39"):
        assert_refused(worker.get(path), 503, "rebooking")
    results = worker.results("T00", "T39", "OTHER").json()["results"]
    assert [each and each["status"] for each in results] == ["BOOKED", None, "BOOKED"]
    worker.book()
    positions = worker.get(f"/portfolios/{P}/positions").json()["positions"]
    assert [row["cost"] for row in positions] == ["15", *["30"] * 40]


def test_a_rate_that_changes_nothing_refuses_nothing(worker: Worker) -> None:
    worker.portfolio("FIFO")
    worker.rate("2", "2024-01-01")
    worker.trade("T0", "S0", trade_currency="CHF")
    worker.book()
    worker.rate("3", "2023-12-31")
    worker.rate("2.0", "2024-01-01", version=2)
    assert worker.lane.has_work, "it is looked at"
    worker.book()
    assert worker.position("S0").json()["cost"] == "30"
    assert worker.lane.progress.fx_rates == 3


def test_a_partition_of_somebody_else_is_not_answered_for(worker: Worker) -> None:
    assert_refused(worker.get(f"/portfolios/{ELSEWHERE}/positions"), 503, "not-owner")
    worker.served = frozenset()
    worker.trade("T0")
    worker.book()
    for path in paths():
        assert_refused(worker.get(path), 503, "not-owner")
    assert_refused(worker.results("T0"), 503, "not-owner")
    assert_refused(worker.results("T0", partition=1), 503, "not-owner")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff", b"[]", b'{"partition":0,"identities":[["P","\xff"]]}',
        b'{"partition":0,"identities":[["P","\\ud800"]]}', b'{"partition":0,"identities":[["P"]]}',
        b'{"partition":0,"identities":[%b["P","T"]]}' % (b'["P","T"],' * 1000), b"[" * 9999,
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/results", "/portfolios"])
def test_what_asks_for_no_results_is_refused(worker: Worker, body: bytes, path: str) -> None:
    assert_refused(worker.post(body, path), 422, "invalid")


@pytest.mark.parametrize("path", ["/results", "/portfolios"])
def test_a_question_is_read_no_further_than_any_good_one_is_long(worker: Worker, path: str) -> None:
    longest = [["P" * 128, "T" * 128 + "~cash"]] * 1000
    assert worker.post(text_of({"partition": 0, "identities": longest})).status_code == 200
    assert_refused(worker.post(b"[" * (1024 * 1024 + 1), path), 413, "too-large")


def test_who_may_have_lost_its_partitions_answers_nothing(worker: Worker) -> None:
    worker.trade("T0")
    worker.book()
    worker.may_answer = False
    for path in paths():
        assert_refused(worker.get(path), 503, "rebalancing")


@pytest.mark.parametrize("change", ["served", "lane", "closed"])
def test_an_answer_that_a_rebalance_overtakes_is_not_given(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    worker.trade("T0")
    worker.book()
    snapshot = Table.snapshot

    def overtaken(table: Table) -> object:
        worker.served -= {0} if change == "served" else set()
        worker.pumps = {0: SimpleNamespace(lane=None)} if change != "served" else worker.pumps
        if change == "closed":
            raise RuntimeError("the table is closed")
        return snapshot(table)

    monkeypatch.setattr(Table, "snapshot", overtaken)
    for path in [*paths(), f"/portfolios/{P}/positions/NONE"]:
        worker.served, worker.pumps = frozenset({0}), {0: SimpleNamespace(lane=worker.lane)}
        assert worker.get(path).status_code == 503
    worker.served, worker.pumps = frozenset({0}), {0: SimpleNamespace(lane=worker.lane)}
    assert worker.results("T0").status_code == 503


def test_a_state_that_a_question_finds_unreadable_ends_the_process(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise ConnectionAbortedError

    monkeypatch.setattr(lane_module, "os", SimpleNamespace(_exit=end))

    def unreadable(table: Table) -> object:
        with table._condemned_if_corrupt():
            raise OSError("Corruption: block checksum mismatch")

    worker.trade("T0")
    worker.book()
    monkeypatch.setattr(Table, "snapshot", unreadable)
    with pytest.raises(ConnectionAbortedError):
        worker.position()
    assert codes == [EXIT_LANE_FAILED]
    assert (tmp_path / "partition-0" / "condemned").exists()


def test_what_is_deep_is_refused_as_any_other_that_asks_nothing(worker: Worker) -> None:
    for body in deep(MESSAGE_BYTES_MAX):
        assert worker.post(body).status_code == 422
    assert worker.get("/livez").status_code == 200


@pytest.mark.parametrize("path", ["/owners", f"/portfolios/{P}/positions"])
def test_a_method_that_is_not_for_a_path_is_a_problem(worker: Worker, path: str) -> None:
    answer = worker.post(b"", path)
    assert_refused(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET"


def test_a_path_that_does_not_exist_is_not_told_as_what_the_books_do_not_have(
    worker: Worker,
) -> None:
    answer = worker.get("/none")
    assert answer.status_code == 404
    assert answer.headers["content-type"] != "application/problem+json"
