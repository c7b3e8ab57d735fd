"""Ask rp2 which lots each sale of some books consumed. A program of its own: importing rp2 changes
the decimal context of the whole process, and makes a log folder where it is.

Reads [{"method", "trades": [{"id", "type", "at", "quantity", "price", "fee"}]}] as JSON from its
input; writes for each book {sale id: [[lot id, quantity, cost, gain]]}. Imports are inside the
functions so that collecting this file does no harm.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

HEADER = """[general]
assets = ACME
exchanges = X
holders = H
[in_header]
timestamp = 0
[out_header]
timestamp = 0
[intra_header]
timestamp = 0
"""


def gains(book: dict[str, Any]) -> dict[str, list[list[str]]]:
    from importlib import import_module

    from prezzemolo.avl_tree import AVLTree
    from rp2.accounting_engine import AccountingEngine
    from rp2.configuration import Configuration
    from rp2.gain_loss import GainLoss
    from rp2.in_transaction import InTransaction
    from rp2.input_data import InputData
    from rp2.out_transaction import OutTransaction
    from rp2.plugin.country.us import US
    from rp2.rp2_decimal import RP2Decimal
    from rp2.tax_engine import compute_tax
    from rp2.transaction_set import TransactionSet

    configuration = Configuration("rp2.ini", US())
    bought, sold, moved = (
        TransactionSet(configuration, kind, "ACME") for kind in ("IN", "OUT", "INTRA")
    )
    for row, trade in enumerate(book["trades"], start=1):
        place = (configuration, trade["at"], "ACME", "X", "H", trade["type"])
        price, quantity = RP2Decimal(trade["price"]), RP2Decimal(trade["quantity"])
        if trade["type"] == "BUY":
            fee = RP2Decimal(trade["fee"])
            bought.add_entry(
                InTransaction(*place, price, quantity, fiat_fee=fee, row=row, unique_id=trade["id"])
            )
        else:
            sold.add_entry(
                OutTransaction(
                    *place, price, quantity, RP2Decimal(0), row=row, unique_id=trade["id"]
                )
            )
    methods = AVLTree[int, Any]()
    plugin = import_module(f"rp2.plugin.accounting_method.{book['method'].lower()}")
    methods.insert_node(1970, plugin.AccountingMethod())
    data = InputData("ACME", bought, sold, moved)
    computed = compute_tax(configuration, AccountingEngine(methods), data)
    parts: dict[str, list[list[str]]] = {}
    for part in computed.gain_loss_set:
        assert isinstance(part, GainLoss)
        assert part.acquired_lot is not None
        parts.setdefault(part.taxable_event.unique_id, []).append(
            [
                part.acquired_lot.unique_id,
                str(part.crypto_amount),
                str(part.fiat_cost_basis),
                str(part.fiat_gain),
            ]
        )
    return parts


def main() -> None:
    Path("rp2.ini").write_text(HEADER, encoding="utf-8")
    os.environ["LOG_LEVEL"] = "ERROR"
    json.dump([gains(book) for book in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
