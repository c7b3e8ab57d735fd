"""The load of every benchmark: trades that are the same each time, and the books they come to.

1,000 holdings in 200 portfolios, 70 % BUY and 30 % SELL, about 30 open lots a holding and 3
disposals a sale under FIFO. Base and trade currency are the same. All trades come in order.
"""

import math
import time
from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from random import Random
from typing import NamedTuple

from confluent_kafka import KafkaError, Producer

from wire.broker import Broker
from wire.partitioner import partition_of
from wire.topics import PORTFOLIOS, RAW_TRANSACTIONS, Topic

PARTITIONS = 8
SEED = 7
METHODS = ("FIFO", "LIFO", "HIFO", "LOFO", "AVCO")
BEGIN = datetime(1990, 1, 1, tzinfo=UTC)
_SPAN_SECONDS = 33 * 365 * 24 * 3600
_SETTLED_AFTER = timedelta(days=2)
# Numbers are whole here: quantities and prices count steps of 1e-4, fees of 1e-2, costs of 1e-12.
_STEPS, _FEE_STEPS, _COST_STEPS = 10**4, 10**2, 10**12
_PACE_SECONDS = 0.01  # how even a pace is
_HALF_A_LOT = 50_0000  # units
_OPEN_LOTS = 30  # of a holding, around which sales keep it


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to trade; the method changes the portfolio records and not one trade."""

    events: int
    method: str = "FIFO"
    holdings: int = 1000
    portfolios: int = 200
    open_lots: int | None = None  # of each holding: bought first, then kept; None: about 30
    seed: int = SEED


class Trade(NamedTuple):
    """One transaction, in whole steps."""

    number: int
    holding: int
    is_sale: bool
    quantity: int
    price: int
    fee: int


def portfolio_of(load: Load, holding: int) -> str:
    return f"PORTFOLIO-{holding % load.portfolios:05d}"


def trades(load: Load) -> Iterator[Trade]:
    """Trades in booking order."""
    return _growing(load) if load.open_lots is None else _steady(load, load.open_lots)


def _growing(load: Load) -> Iterator[Trade]:
    """Sales are cut to the lots that FIFO would relieve."""
    random = Random(load.seed)
    held: list[list[int]] = [[] for _ in range(load.holdings)]
    for number in range(load.events):
        holding = random.randrange(load.holdings)
        lots = held[holding]
        is_sale = bool(lots) and random.random() < 0.3
        if is_sale:
            quantity = _sold(random, lots)
        else:
            quantity = random.randrange(1000, 20_000) * 100
            lots.append(quantity)
        price, fee = random.randrange(10_000, 5_000_000), random.randrange(2_500)
        yield Trade(number, holding, is_sale, quantity, price, fee)


def _steady(load: Load, open_lots: int) -> Iterator[Trade]:
    """All lots are of one size, so that whatever the method, as many open as close: two are bought,
    then half of one is sold, then the other half with one more."""
    random = Random(load.seed)
    cycle = ((False, 2), (False, 2), (True, 1), (True, 3))  # is it a sale, and of how many halves
    traded = [0] * load.holdings
    for number in range(load.events):
        is_opening = number < open_lots * load.holdings
        holding = number % load.holdings if is_opening else random.randrange(load.holdings)
        is_sale, halves = cycle[0 if is_opening else traded[holding] % 4]
        traded[holding] += not is_opening
        price, fee = random.randrange(10_000, 5_000_000), random.randrange(2_500)
        yield Trade(number, holding, is_sale, halves * _HALF_A_LOT, price, fee)


def _sold(random: Random, lots: list[int]) -> int:
    """Take some of the lots, oldest first, more where there are many; return the units."""
    share = random.uniform(0.3, 2.3) if len(lots) < _OPEN_LOTS else random.uniform(2.5, 4.5)
    quantity = 0
    while share >= 1 and lots:
        quantity += lots.pop(0)
        share -= 1
    if lots and (part := int(lots[0] * share) // 100 * 100):
        quantity += part
        lots[0] -= part
    return quantity or lots.pop(0)


def portfolios(load: Load) -> Iterator[tuple[str, bytes]]:
    """(portfolio_id, value) of the portfolio records."""
    for number in range(load.portfolios):
        name = portfolio_of(load, number)
        yield (
            name,
            b'{"portfolio_id":"%b","base_currency":"USD","cost_basis_method":"%b"}'
            % (name.encode(), load.method.encode()),
        )


def transactions(load: Load) -> Iterator[tuple[str, bytes]]:
    """(portfolio_id, value) of the transaction events, in the order in which they are sent."""
    for trade in trades(load):
        portfolio_id = portfolio_of(load, trade.holding)
        traded = BEGIN + timedelta(seconds=trade.number * _SPAN_SECONDS // load.events)
        yield portfolio_id, event(trade, portfolio_id, traded)


def event(trade: Trade, portfolio_id: str, traded: datetime) -> bytes:
    number, holding, is_sale, quantity, price, fee = trade
    gross = quantity * price
    return (
        f'{{"transaction_id":"TRADE-{traded.year}-{number:09d}","portfolio_id":"{portfolio_id}",'
        f'"instrument_id":"INSTRUMENT-{holding:06d}","security_id":"XS{holding:010d}",'
        f'"transaction_date":"{traded.isoformat()[:-6]}Z",'
        f'"transaction_type":"{"SELL" if is_sale else "BUY"}",'
        f'"quantity":"{quantity // _STEPS}.{quantity % _STEPS:04d}",'
        f'"price":"{price // _STEPS}.{price % _STEPS:04d}",'
        f'"gross_transaction_amount":"{gross // _STEPS**2}.{gross % _STEPS**2:08d}",'
        f'"trade_fee":"{fee // _FEE_STEPS}.{fee % _FEE_STEPS:02d}",'
        f'"trade_currency":"USD","currency":"USD",'
        f'"settlement_date":"{(traded + _SETTLED_AFTER).date().isoformat()}","version":1}}'
    ).encode()


def send(broker: Broker, load: Load) -> None:
    """Put portfolio records and transactions into their topics and wait until all are there."""
    for topic, records in ((PORTFOLIOS, portfolios(load)), (RAW_TRANSACTIONS, transactions(load))):
        send_records(broker, topic, records)


def send_records(
    broker: Broker,
    topic: Topic,
    records: Iterable[tuple[str, bytes]],
    per_second: float = math.inf,
) -> None:
    """Put (key, value) into a topic, evenly at a pace, and wait until all are there."""
    failed: list[KafkaError] = []
    producer = Producer(
        {
            **broker.options,
            "log_level": 3,  # it would say that a new broker is still loading
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 20,
            "queue.buffering.max.messages": 100_000,
            "delivery.report.only.error": True,
            "on_delivery": lambda error, _: failed.append(error),
        }
    )
    began, sent, left = time.monotonic(), 0, iter(records)
    at_once = int(max(1, min(1000, per_second * _PACE_SECONDS)))
    while chunk := list(islice(left, at_once)):
        for key, value in chunk:
            partition = partition_of(key, topic.partitions(PARTITIONS))
            _patiently(producer, topic.name, value, key, partition)
        producer.poll(0)
        sent += len(chunk)
        time.sleep(max(0.0, began + sent / per_second - time.monotonic()))
    waiting = producer.flush(120)
    assert not waiting, f"{waiting} records were not delivered in time"
    assert not failed, failed[0]


def _patiently(producer: Producer, topic: str, value: bytes, key: str, partition: int) -> None:
    while True:
        try:
            producer.produce(topic, value, key, partition)
        except BufferError:
            producer.poll(0.1)
        else:
            return


# -- What the books must come to


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all books; amounts in the one currency that there is."""

    transactions: int
    disposals: int
    open_lots: int
    quantity: Decimal
    cost: Decimal
    realized_gain_loss: Decimal


class _Lot(NamedTuple):
    rank: tuple[int, ...]  # in which lots are relieved; no two lots of a holding have the same
    quantity: int
    cost: int


# The rank of a lot by the unit cost at which it was opened and the number of the trade that did.
_RANKS: dict[str, Callable[[int, int], tuple[int, ...]]] = {
    "FIFO": lambda unit_cost, number: (number,),
    "AVCO": lambda unit_cost, number: (number,),  # of one lot, the pool
    "LIFO": lambda unit_cost, number: (-number,),
    "HIFO": lambda unit_cost, number: (-unit_cost, number),
    "LOFO": lambda unit_cost, number: (unit_cost, number),
}


def expected(load: Load) -> Totals:
    """Fold in whole numbers, sharing nothing with the calculator."""
    held: list[list[_Lot]] = [[] for _ in range(load.holdings)]
    rank, disposals, gain = _RANKS[load.method], 0, 0
    for trade in trades(load):
        lots = held[trade.holding]
        gross = trade.quantity * trade.price * (_COST_STEPS // _STEPS**2)
        fee = trade.fee * (_COST_STEPS // _FEE_STEPS)
        if trade.is_sale:
            count, cost = _relieve(lots, trade.quantity)
            disposals += count
            gain += gross - fee - cost
        elif load.method == "AVCO" and lots:
            pool = lots[0]
            lots[0] = pool._replace(
                quantity=pool.quantity + trade.quantity, cost=pool.cost + gross + fee
            )
        else:
            unit_cost = _divided((gross + fee) * _STEPS, trade.quantity)
            insort(lots, _Lot(rank(unit_cost, trade.number), trade.quantity, gross + fee))
    return Totals(
        transactions=load.events,
        disposals=disposals,
        open_lots=sum(map(len, held)),
        quantity=_scaled(sum(lot.quantity for lots in held for lot in lots), 4),
        cost=_scaled(sum(lot.cost for lots in held for lot in lots), 12),
        realized_gain_loss=_scaled(gain, 12),
    )


def _relieve(lots: list[_Lot], wanted: int) -> tuple[int, int]:
    """Take units from the lots; return how many lots that met, and their cost."""
    count = cost = 0
    while wanted:
        lot = lots[0]
        taken = min(wanted, lot.quantity)
        part = _divided(lot.cost * taken, lot.quantity)
        if taken == lot.quantity:
            del lots[0]
        else:
            lots[0] = lot._replace(quantity=lot.quantity - taken, cost=lot.cost - part)
        wanted -= taken
        cost += part
        count += 1
    return count, cost


def _divided(dividend: int, divisor: int) -> int:
    """Half-even."""
    quotient, rest = divmod(dividend, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2 == 1))


def _scaled(steps: int, places: int) -> Decimal:
    return Decimal(f"{steps}e-{places}")
