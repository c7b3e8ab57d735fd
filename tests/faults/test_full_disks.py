"""A disk without room stops whoever writes to it; with room again, all goes on."""

import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from tests.faults.cast import Cast
from tests.faults.disks import SmallDisk
from tests.oracle.events import Message, generate
from tests.system.log import send

EVENTS, PER_SECOND = 1_500, 300.0
NOTICED_SECONDS_MAX = 30
LAG_SECONDS_MAX = 60
PLACES = {"workers/1": "worker-1", "postgres": "postgres", "kafka": "kafka"}  # and whose
NO_ROOM = "No space left on device"


@pytest.fixture(scope="module")
def messages() -> Iterator[Message]:
    return iter(generate(seed=51, events=EVENTS * len(PLACES), portfolios=40))


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_lost_doubled_or_wrong_after_a_disk_was_full(
    cramped: tuple[Cast, dict[str, SmallDisk]], messages: Iterator[Message], place: str
) -> None:
    cast, disks = cramped
    some = list(islice(messages, EVENTS))
    sending = threading.Thread(target=send, args=(cast.kafka, some, PER_SECOND), daemon=True)
    with disks[place].full():
        sending.start()
        cast.wait_until(
            lambda: NO_ROOM in cast.log(PLACES[place]), NOTICED_SECONDS_MAX, "it is noticed"
        )
    sending.join()
    cast.wait_settled(LAG_SECONDS_MAX)
    assert cast.differences() == []
    assert cast.miscounted() == []
