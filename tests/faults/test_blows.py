"""Whatever happens to the processes and disks of a running system, the books are right after it."""

import threading
import time
from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest

from tests.faults.blows import BLOWS, Blow, tell
from tests.faults.cast import Cast
from tests.oracle.events import Mess, Message, generate
from tests.system.log import send

EVENTS, EVENTS_LONG = 150, 3_000  # of each
PER_SECOND = 100.0
LAG_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def messages() -> Iterator[Message]:
    size = len(BLOWS) * EVENTS_LONG
    mess = Mess(late=0.05, rate_forgotten=0.5, rates=0.7, instruments=0.4)
    return iter(generate(seed=31, events=size, portfolios=40, mess=mess))


@pytest.mark.parametrize("blow", BLOWS, ids=lambda blow: blow.__name__)
def test_nothing_is_lost_doubled_or_wrong_after(
    cast: Cast, messages: Iterator[Message], blow: Blow, is_long: bool
) -> None:
    rng = Random(blow.__name__)
    some = list(islice(messages, EVENTS_LONG if is_long else EVENTS))
    # It happens while records flow.
    sending = threading.Thread(target=send, args=(cast.kafka, some, PER_SECOND), daemon=True)
    sending.start()
    seconds = rng.uniform(0.2, 1.0)
    tell(f"{seconds:.3f} s after the first record")
    time.sleep(seconds)
    blow(cast, rng)
    sending.join()
    began = time.monotonic()
    cast.wait_settled(LAG_SECONDS_MAX)
    assert time.monotonic() - began < LAG_SECONDS_MAX
    assert cast.differences() == []
    assert cast.miscounted() == []
