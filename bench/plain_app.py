"""The same job as an ordinary Faust application does it: one event after another.

`python -m bench.plain_faust` runs it. Settings come from its environment.
"""

import os
from decimal import Decimal

import faust
import psycopg2
from faust.types import StreamT
from psycopg2.extras import execute_values

COST_STEP = Decimal("1e-12")
INSERT = "INSERT INTO plain_transactions ({}) VALUES %s"

app = faust.App(
    "plain",
    broker=f"kafka://{os.environ['KAFKA_BOOTSTRAP']}",
    store="rocksdb://",
    datadir=os.environ["DATA_DIR"],
    topic_partitions=int(os.environ["PARTITIONS"]),
    topic_replication_factor=1,
    processing_guarantee="exactly_once",
    web_enabled=False,
)
raw = app.topic("raw_transactions", value_serializer="json")
completed = app.topic("plain-completed", value_serializer="json")


class Lot(faust.Record, coerce=True, include_metadata=False):
    """What is left of a purchase, and the cost of that."""

    quantity: Decimal
    cost: Decimal


class Holding(faust.Record, coerce=True, include_metadata=False):
    """The oldest lot comes first."""

    lots: list[Lot]

    def relieve(self, wanted: Decimal) -> Decimal:
        """Return what it cost."""
        relieved = Decimal(0)
        while wanted:
            lot = self.lots.pop(0)
            taken = min(wanted, lot.quantity)
            cost = (lot.cost * taken / lot.quantity).quantize(COST_STEP)
            if taken < lot.quantity:
                self.lots.insert(0, Lot(quantity=lot.quantity - taken, cost=lot.cost - cost))
            wanted, relieved = wanted - taken, relieved + cost
        return relieved


holdings = app.Table("holdings", default=lambda: Holding(lots=[]), value_type=Holding)


@app.agent(raw)
async def book(transactions: StreamT[dict[str, str]]) -> None:
    async for transaction in transactions:
        key = f"{transaction['portfolio_id']}|{transaction['security_id']}"
        holding = holdings[key]
        quantity = Decimal(transaction["quantity"])
        gross = Decimal(transaction["gross_transaction_amount"])
        fee = Decimal(transaction["trade_fee"])
        if transaction["transaction_type"] == "SELL":
            cost = holding.relieve(quantity)
            gross_cost, net_cost, gain = -cost, -cost, gross - fee - cost
        else:
            gross_cost, net_cost, gain = gross, gross + fee, Decimal(0)
            holding.lots.append(Lot(quantity=quantity, cost=net_cost))
        holdings[key] = holding
        result = transaction | {
            "gross_cost": gross_cost,
            "net_cost": net_cost,
            "realized_gain_loss": gain,
            "open_quantity": sum(lot.quantity for lot in holding.lots),
            "open_cost": sum(lot.cost for lot in holding.lots),
        }
        await completed.send(key=transaction["portfolio_id"], value=result)


@app.agent(completed)
async def store(results: StreamT[dict[str, str]]) -> None:
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    async for some in results.take(100, within=0.1):
        with connection, connection.cursor() as cursor:
            insert = INSERT.format(", ".join(some[0]))
            execute_values(cursor, insert, [tuple(result.values()) for result in some])
