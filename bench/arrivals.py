"""Orders in which the events of a load may come, other than their own."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from random import Random

from bench.lanes import Message, events_of
from bench.load import SEED, Load, trades

Arrival = Callable[[Load], Iterable[Message]]
LATE_SHARE = 0.01
PLACES_MAX = 100


def in_order(load: Load) -> Iterable[Message]:
    return events_of(load)


def late_in_the_stream(load: Load) -> Iterable[Message]:
    """One event of a hundred comes up to 100 places of the whole stream too late."""
    random = Random(SEED)
    return _moved(load, [_delayed(random, n, range(load.events)) for n in range(load.events)])


def late_in_its_holding(load: Load) -> Iterable[Message]:
    """One event of a hundred comes up to 100 places of its holding too late, so that so many must
    be booked anew: the harder of the two."""
    random = Random(SEED)
    places: dict[int, list[int]] = defaultdict(list)
    for trade in trades(load):
        places[trade.holding].append(trade.number)
    moments = [0.0] * load.events
    for numbers in places.values():
        for n, number in enumerate(numbers):
            moments[number] = _delayed(random, n, numbers)
    return _moved(load, moments)


def _delayed(random: Random, n: int, numbers: range | list[int]) -> float:
    """When the n-th of these events comes, as the number of one that it comes behind."""
    if random.random() >= LATE_SHARE:
        return numbers[n]
    return numbers[min(n + random.randint(1, PLACES_MAX), len(numbers) - 1)] + 0.5


def _moved(load: Load, moments: list[float]) -> Iterable[Message]:
    messages = list(events_of(load))
    return (messages[n] for n in sorted(range(load.events), key=moments.__getitem__))


def shuffled(load: Load) -> Iterable[Message]:
    messages = list(events_of(load))
    Random(SEED).shuffle(messages)
    return messages
