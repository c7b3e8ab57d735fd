"""Everything that ever came in, by the partition it belongs to."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Message

from calculator import Cancellation, Portfolio, Rates, Source, Transaction
from cli.groups import Place
from cli.verify.reading import place_of, read
from cli.verify.standing import Arrival
from streams import step
from streams.step import Headers, bounded, forwarded_from
from wire.broker import Broker
from wire.fields import Malformed
from wire.partitioner import partition_of
from wire.portfolios import decode_portfolio
from wire.reference import OF_FX_RATES, OF_INSTRUMENTS
from wire.topics import FORWARDED, FX_RATES, INSTRUMENTS, PORTFOLIOS, RAW_TRANSACTIONS
from wire.transactions import decode_transaction

Identity = tuple[str, str]  # portfolio_id, transaction_id
Event = Transaction | Cancellation
Errors = tuple[tuple[str, str], ...]  # field, rule
FORWARDED_TWICE: Errors = ((step.FORWARDED_TWICE.field, step.FORWARDED_TWICE.rule.value),)


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
    misrouted: dict[Source, Event | Portfolio] = field(default_factory=dict)

    def add(self, source: Source, message: Message) -> None:
        """Take a record that is where its producer put it."""
        content = self._readable(source, message)
        if content is not None:
            home = self._home(content)
            is_direct = home == message.partition()
            self._arrive(source, content, home, is_direct)
            if not is_direct:
                self.misrouted[source] = content

    def add_forwarded(self, place: Source, message: Message) -> None:
        """Take a record of the topic of forwarded ones. Those that are what a worker made of a
        record known already say nothing new; somebody else's are events like others."""
        source = forwarded_from(_headers(message)) or place
        content = self._readable(source, message)
        if content is None:
            return
        home = self._home(content)
        if home != message.partition():
            self.unreadable[source] = Unreadable(FORWARDED_TWICE, *parts_of(message))
        elif self.misrouted.get(source) != content:
            self._arrive(source, content, home, is_direct=False)

    def _readable(self, source: Source, message: Message) -> Event | Portfolio | None:
        content: Event | Portfolio | Malformed
        if source.topic == PORTFOLIOS.name:
            content = decode_portfolio(message.value())
        else:
            content = decode_transaction(message.value())
        if isinstance(content, Malformed):
            self.unreadable[source] = unreadable(message, content)
            return None
        return content

    def _home(self, content: Event | Portfolio) -> int:
        return partition_of(content.portfolio_id, len(self.partitions))

    def _arrive(
        self, source: Source, content: Event | Portfolio, home: int, is_direct: bool
    ) -> None:
        there = self.partitions[home]
        if isinstance(content, Portfolio):
            record = Arrival(source, content, is_direct)
            there.portfolios[content.portfolio_id].append(record)
        else:
            identity = content.portfolio_id, content.transaction_id
            there.transactions[identity].append(Arrival(source, content, is_direct))


def read_inputs(broker: Broker, ends: Mapping[Place, int], partitions: int) -> Inputs:
    """Read and sort everything."""
    inputs = Inputs([Partition() for _ in range(partitions)])
    forwarded = {place: end for place, end in ends.items() if place[0] == FORWARDED.name}
    for message in read(broker, {p: end for p, end in ends.items() if p not in forwarded}):
        source = source_of(message)
        inputs.add(source, message)
        inputs.events += source.topic == RAW_TRANSACTIONS.name
    for message in read(broker, forwarded):
        inputs.add_forwarded(source_of(message), message)
    return inputs


def unreadable(message: Message, content: Malformed) -> Unreadable:
    errors = tuple((error.field, error.rule.value) for error in content.errors)
    return Unreadable(errors, *parts_of(message))


def read_rates(broker: Broker, end: int, rates: Rates) -> None:
    """Take in all exchange rates that can be read, in the order of their topic."""
    for message in read(broker, {(FX_RATES.name, 0): end}):
        content = OF_FX_RATES.decode(message.value())
        if not isinstance(content, Malformed):
            rates.put(content)


def read_cash_securities(broker: Broker, end: int) -> set[str]:
    """Those that are cash by their instruments: of each the highest version, of two contents of
    one version the first."""
    known: dict[str, tuple[int, bool]] = {}
    for message in read(broker, {(INSTRUMENTS.name, 0): end}):
        content = OF_INSTRUMENTS.decode(message.value())
        if not isinstance(content, Malformed):
            version, _ = known.get(content.security_id, (0, False))
            if version < content.version:
                known[content.security_id] = content.version, content.is_cash
    return {security_id for security_id, (_, is_cash) in known.items() if is_cash}


def source_of(message: Message) -> Source:
    (topic, partition), offset = place_of(message)
    return Source(topic, partition, offset)


def _headers(message: Message) -> Headers:
    try:
        headers: Any = message.headers()
    except SystemError:
        # The client takes names for text, and fails where they are none. Workers write text.
        return []
    return headers or []


def parts_of(message: Message) -> tuple[bytes | None, bytes | None]:
    """Key and value, as a dead letter gives them."""
    return bounded(message.key()), bounded(message.value())
