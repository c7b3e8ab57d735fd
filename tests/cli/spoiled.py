"""What is changed in PostgreSQL, how it is changed back, and where `verify` must find it."""

import pytest

from tests.cli.booking import HOME, RAW

KEPT = "CREATE TABLE kept AS SELECT * FROM"
BACK = "INSERT INTO {0} SELECT * FROM kept; DROP TABLE kept"

# Two statements, and the place, key and column of the difference.
SPOILED = [
    pytest.param(
        "UPDATE transactions SET net_cost = net_cost + 0.000000000001"
        " WHERE transaction_id = 'B1'",
        "UPDATE transactions SET net_cost = net_cost - 0.000000000001"
        " WHERE transaction_id = 'B1'",
        "table transactions", "P1 B1", "net_cost", id="changed_row",
    ),
    pytest.param(
        "UPDATE lot_disposals SET quantity = quantity + 1 WHERE lot_id = 'B2'",
        "UPDATE lot_disposals SET quantity = quantity - 1 WHERE lot_id = 'B2'",
        "table lot_disposals", "P1 S1 B2", "quantity", id="changed_disposal",
    ),
    pytest.param(
        f"{KEPT} transactions WHERE transaction_id = 'S1';"
        " DELETE FROM transactions WHERE transaction_id = 'S1'",
        BACK.format("transactions"),
        "table transactions", "P1 S1", "", id="deleted_transaction",
    ),
    pytest.param(
        f"{KEPT} transactions WHERE transaction_id = 'B2';"
        " DELETE FROM transactions WHERE transaction_id = 'B2'",
        BACK.format("transactions"),
        "view lots", "P1 ACME B2", "", id="deleted_lot",
    ),
    pytest.param(
        f"{KEPT} positions WHERE security_id = 'ACME';"
        " DELETE FROM positions WHERE security_id = 'ACME'",
        BACK.format("positions"),
        "table positions", "P1 ACME", "", id="deleted_position",
    ),
    pytest.param(
        "UPDATE portfolios SET name = 'Uno' WHERE portfolio_id = 'P1'",
        "UPDATE portfolios SET name = 'One' WHERE portfolio_id = 'P1'",
        "table portfolios", "P1", "name", id="changed_portfolio",
    ),
    pytest.param(
        "INSERT INTO portfolios SELECT 'P9', base_currency, cost_basis_method, name, client_id,"
        " booking_center, opened_on, version, as_of FROM portfolios WHERE portfolio_id = 'P2'",
        "DELETE FROM portfolios WHERE portfolio_id = 'P9'",
        "table portfolios", "P9", "", id="invented_portfolio",
    ),
    pytest.param(
        f"{KEPT} dead_letters WHERE value = 'junk'; DELETE FROM dead_letters"
        " WHERE value = 'junk'",
        BACK.format("dead_letters"),
        "table dead_letters", f"{RAW} {HOME}", "", id="deleted_dead_letter",
    ),
    pytest.param(
        "UPDATE market_prices SET price = 1.4",
        "UPDATE market_prices SET price = 1.5",
        "table market_prices", "ACME 2024-01-31", "price", id="changed_price",
    ),
    pytest.param(
        f"{KEPT} instruments; DELETE FROM instruments",
        BACK.format("instruments"),
        "table instruments", "ACME", "", id="deleted_instrument",
    ),
    pytest.param(
        "UPDATE dead_letters SET key = 'OTHER' WHERE topic = 'market_prices'",
        "UPDATE dead_letters SET key = 'ACME' WHERE topic = 'market_prices'",
        "table dead_letters", "market_prices 0", "key", id="changed_dead_letter",
    ),
]  # fmt: skip
