from typing import Any

from tests.system.events import portfolio, trade
from tests.system.log import send
from tests.system.system import System


def of(rows: list[dict[str, Any]], transaction_id: str) -> dict[str, Any]:
    (found,) = [row for row in rows if row["transaction_id"] == transaction_id]
    return found


def test_a_foreign_security_has_gains_in_both_currencies(system: System) -> None:
    system.worker().start()
    system.store.start()
    buy = trade("P1", "B", "BUY", "2024-01-02", "100", "150", currency="EUR", fx_rate="1.10")
    sale = trade("P1", "S", "SELL", "2024-02-01", "40", "170", currency="EUR", fx_rate="1.20")
    send(system.kafka, [sale, buy, portfolio("P1", "USD", "FIFO")])
    system.wait_settled()
    rows = system.rows("transactions")
    assert of(rows, "B")["net_cost"] == 16_500
    assert of(rows, "S")["realized_gain_loss"] == 1_560
    assert of(rows, "S")["realized_gain_loss_local"] == 800
    position = system.live("/portfolios/P1/positions/ACME")
    assert (position["quantity"], position["cost"], position["cost_local"]) == (
        "60",
        "9900",
        "9000",
    )


def test_a_purchase_that_comes_late_changes_the_gain_everywhere(system: System) -> None:
    system.worker().start()
    system.store.start()
    buy = trade("P1", "B1", "BUY", "2024-01-10", "10", "100")
    sale = trade("P1", "S1", "SELL", "2024-02-01", "10", "150")
    send(system.kafka, [buy, sale])
    system.wait_settled()
    assert of(system.rows("transactions"), "S1")["realized_gain_loss"] == 500
    send(system.kafka, [trade("P1", "B0", "BUY", "2024-01-05", "10", "50")])
    system.wait_settled()
    assert of(system.rows("transactions"), "S1")["realized_gain_loss"] == 1_000
    (disposal,) = system.rows("lot_disposals")
    assert (disposal["lot_id"], disposal["realized_gain_loss"]) == ("B0", 1_000)
    assert of(system.newest_results(), "S1")["realized_gain_loss"] == "1000"
    assert system.live("/portfolios/P1/transactions/S1")["realized_gain_loss"] == "1000"
    (row,) = system.rows("positions")
    assert (row["realized_gain_loss"], row["cost"]) == (1_000, 1_000)
    assert system.differences() == []
