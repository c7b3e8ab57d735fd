"""Everything that ever came in, by the partition it belongs to."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from calculator import Cancellation, Portfolio, Source, Transaction
from cli.groups import Place
from cli.verify.reading import place_of, read
from cli.verify.standing import Arrival
from wire.broker import Broker
from wire.fields import Malformed
from wire.partitioner import partition_of
from wire.portfolios import decode_portfolio
from wire.topics import PORTFOLIOS
from wire.transactions import decode_transaction

Identity = tuple[str, str]  # portfolio_id, transaction_id
Event = Transaction | Cancellation
Errors = tuple[tuple[str, str], ...]  # field, rule


@dataclass(slots=True)
class Partition:
    """What arrived for the portfolios of one partition, wherever it was first."""

    transactions: dict[Identity, list[Arrival[Event]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    portfolios: dict[str, list[Arrival[Portfolio]]] = field(
        default_factory=lambda: defaultdict(list)
    )


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is no event."""

    errors: Errors
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class Inputs:
    """All records of the input topics up to their ends."""

    partitions: list[Partition]
    unreadable: dict[Source, Unreadable] = field(default_factory=dict)
    events: int = 0  # records of raw_transactions


def read_inputs(broker: Broker, ends: Mapping[Place, int], partitions: int) -> Inputs:
    """Read and sort everything."""
    inputs = Inputs([Partition() for _ in range(partitions)])
    for message in read(broker, ends):
        (topic, partition), offset = place_of(message)
        source = Source(topic, partition, offset)
        key, value = message.key(), message.value()
        if topic == PORTFOLIOS.name:
            content: Event | Portfolio | Malformed = decode_portfolio(value)
        else:
            content = decode_transaction(value)
            inputs.events += 1
        if isinstance(content, Malformed):
            errors = tuple((error.field, error.rule.value) for error in content.errors)
            inputs.unreadable[source] = Unreadable(errors, _bytes(key), value)
            continue
        home = partition_of(content.portfolio_id, partitions)
        there = inputs.partitions[home]
        if isinstance(content, Portfolio):
            known = Arrival(source, content, home == partition)
            there.portfolios[content.portfolio_id].append(known)
        else:
            identity = content.portfolio_id, content.transaction_id
            there.transactions[identity].append(Arrival(source, content, home == partition))
    return inputs


def _bytes(key: bytes | str | None) -> bytes | None:
    return key.encode() if isinstance(key, str) else key
