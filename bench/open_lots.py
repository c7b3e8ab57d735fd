"""What an event costs by the number of open lots of its holding, under each method.

Trades keep the number of lots where it is. Both kinds of books have seen as many events, and take
theirs in turns: in whole batches, and in small ones that bring one event of a holding, mostly. What
a batch writes of a holding is shared by its events. AVCO has one pool, however many purchases there
were.
"""

from collections.abc import Iterator

from bench.books import Books
from bench.figures import Figure
from bench.lanes import EVENTS_A_BATCH
from bench.load import METHODS, PARTITIONS, Load

FEW_LOTS = 10
HOLDINGS = 80
BATCHES = {"whole batches": EVENTS_A_BATCH, "small batches": HOLDINGS // PARTITIONS}
RATIO_MAX = 1.2


def measure(many_lots: int, events: int, rounds: int) -> list[Figure]:
    return [figure for method in METHODS for figure in _measure(method, many_lots, events, rounds)]


def _measure(method: str, many_lots: int, events: int, rounds: int) -> Iterator[Figure]:
    with _books(method, FEW_LOTS) as few, _books(method, many_lots) as many:
        for books in (few, many):
            books.book(HOLDINGS * many_lots)
        for name, size in BATCHES.items():
            title = f"{method}, {name}"
            costs = [(few.book(events, size), many.book(events, size)) for _ in range(rounds)]
            of_few, of_many = ([cost.all for cost in those] for those in zip(*costs, strict=True))
            ratios = [more / less for less, more in zip(of_few, of_many, strict=True)]
            yield Figure(name=f"{title}, {FEW_LOTS} lots", unit="us", runs=of_few)
            yield Figure(name=f"{title}, {many_lots:,} lots", unit="us", runs=of_many)
            yield Figure(name=f"{title}, against few", unit="times", runs=ratios, at_most=RATIO_MAX)
        few.check()
        many.check()


def _books(method: str, open_lots: int) -> Books:
    load = Load(
        events=10**6, method=method, holdings=HOLDINGS, portfolios=HOLDINGS, open_lots=open_lots
    )
    return Books(load)
