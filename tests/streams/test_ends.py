import uuid
from collections.abc import Callable, Collection, Iterator

import pytest
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, Producer

from cli.servers import Connections
from streams import ends
from streams.ends import Ends, Place, Undecided, demand_decided
from streams.topics import create_topics
from tests.streams.lanes import PARTITIONS
from wire.broker import Broker
from wire.topics import CHANGELOG

P = 5


@pytest.fixture(scope="module")
def kafka(servers: Connections) -> Broker:
    create_topics(servers.kafka, PARTITIONS)
    return servers.kafka


@pytest.fixture
def opened(kafka: Broker) -> Iterator[Producer]:
    """Another writer, in the middle of a transaction."""
    producer = Producer({**kafka.options, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(CHANGELOG.name, b"", b"key", P)
    producer.flush()
    yield producer
    producer.abort_transaction()


def test_a_transaction_whose_end_never_comes_is_named(
    kafka: Broker, opened: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "UNDECIDED_SECONDS", 0.5)
    with pytest.raises(Undecided, match=rf"{CHANGELOG.name} {P}, as"):
        demand_decided(Ends(kafka), [P - 1, P])
    demand_decided(Ends(kafka), [P - 1])


class WatchedEnds(Ends):
    """Does something behind the first look at what is committed."""

    def __init__(self, kafka: Broker, then: Callable[[], None]) -> None:
        super().__init__(kafka)
        self._then: Callable[[], None] | None = then

    def patiently(
        self, places: Collection[Place], level: IsolationLevel = IsolationLevel.READ_COMMITTED
    ) -> dict[Place, int]:
        found = super().patiently(places, level)
        if level is IsolationLevel.READ_COMMITTED and self._then is not None:
            then, self._then = self._then, None
            then()
        return found


def test_one_that_is_only_under_way_is_waited_for(kafka: Broker, opened: Producer) -> None:
    looks: list[bool] = []

    def commit() -> None:
        looks.append(True)
        opened.commit_transaction()
        # The next one was not open when it was looked.
        opened.begin_transaction()
        opened.produce(CHANGELOG.name, b"", b"key", P)
        opened.flush()

    demand_decided(WatchedEnds(kafka, commit), [P])
    assert looks


@pytest.mark.parametrize(
    ("code", "is_answered"),
    [(KafkaError.FENCED_LEADER_EPOCH, True), (KafkaError._TRANSPORT, False)],
)
def test_a_client_whose_question_failed_is_replaced(
    monkeypatch: pytest.MonkeyPatch, code: int, is_answered: bool
) -> None:
    asked: list[object] = []

    def ends_at(kafka: object, *_: object) -> dict[object, int]:
        asked.append(kafka)
        if len(asked) == 1:
            raise KafkaException(KafkaError(code))
        return {}

    monkeypatch.setattr(ends, "ends_at", ends_at)
    of_one = Ends(Broker(bootstrap="127.0.0.1:1"))
    if not is_answered:
        with pytest.raises(KafkaException):
            of_one.of([])
    assert of_one.of([]) == {}
    first, second = asked
    assert second is not first


def test_a_client_that_is_not_answered_is_given_up_soon(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def ends_at(*arguments: float) -> dict[object, int]:
        asked.append(arguments[-1])
        if len(asked) < 6:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return {}

    monkeypatch.setattr(ends, "ends_at", ends_at)
    monkeypatch.setattr(ends, "_PAUSE_SECONDS", 0.0)
    assert Ends(kafka).patiently([]) == {}
    assert asked == pytest.approx([0.3, 0.6, 1.2, 2.0, 2.0, 2.0])
