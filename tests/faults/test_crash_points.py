"""A worker and a store that end at each of their durable effects, again and again."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from random import Random

from tests.faults.crashing import OF_A_STORE, OF_A_WORKER
from tests.oracle.events import Mess, generate
from tests.system.flow import Flow
from tests.system.system import PORTFOLIO, Part, System

CRASHING = (sys.executable, "-m", "tests.faults.crashing")
HITS, HITS_LONG = 1, 10  # of each point
AFTER_MAX = 4  # times that it comes there
# Each of eight lanes first commits how many new rates it has passed. A worker that never came any
# further would never book what it fetches.
AFTER_MAX_OF_LANES = 16
EVENTS_MAX, PER_SECOND = 40_000, 100.0
CRASH_SECONDS_MAX = 150.0
OTHER_ENDS_MAX = 3
LAG_SECONDS_MAX = 60


class Doomed:
    """A process that is started with the next point when it has ended at one."""

    def __init__(self, part: Part, points: Sequence[str], hits: int, rng: Random) -> None:
        self._part, self._rng = part, rng
        self._left = [point for point in points for _ in range(hits)]
        rng.shuffle(self._left)
        self.hit: Counter[str] = Counter()
        self._ended_otherwise = 0
        part.program = CRASHING
        self._start()

    def _start(self) -> None:
        point = self._left[-1]
        is_of_lanes = point.endswith(("log", "state"))
        after = self._rng.randint(1, AFTER_MAX_OF_LANES if is_of_lanes else AFTER_MAX)
        self._part.settings = {"CRASH_AT": point, "CRASH_AFTER": str(after)}
        self._part.start()
        self._started_at = time.monotonic()

    def look_after(self) -> None:
        if not self._left:
            return
        if not self._part.has_ended:
            assert time.monotonic() - self._started_at < CRASH_SECONDS_MAX, self._left[-1]
            return
        said = self._part.said().splitlines()
        crashes = [line for line in said if line.startswith("crash at")]
        if len(crashes) == self.hit.total():
            # On a machine that is too busy a process ends by itself, as if it had been frozen.
            self._ended_otherwise += 1
            assert self._ended_otherwise <= OTHER_ENDS_MAX, said[-20:]
            self._start()
            return
        point = self._left.pop()
        self.hit[point] += 1
        assert len(crashes) == self.hit.total()
        assert crashes[-1] == f"crash at {point}"
        if self._left:
            self._start()
        else:
            # The others need it to go on.
            self._part.program, self._part.settings = (str(PORTFOLIO),), {}
            self._part.start()

    @property
    def has_come_through(self) -> bool:
        return not self._left


def test_nothing_is_lost_doubled_or_wrong_wherever_a_process_ends(
    system: System, is_long: bool
) -> None:
    hits, rng = HITS_LONG if is_long else HITS, Random(9)
    mess = Mess(late=0.05, rate_forgotten=0.5, rates=0.7, instruments=0.4)
    messages = generate(seed=41, events=EVENTS_MAX, portfolios=40, mess=mess)
    parts = [system.worker(), system.store]
    with Flow(system.kafka, messages, PER_SECOND):
        doomed = [
            Doomed(part, points, hits, rng)
            for part, points in zip(parts, (OF_A_WORKER, OF_A_STORE), strict=True)
        ]
        while not all(one.has_come_through for one in doomed):
            for one in doomed:
                one.look_after()
            time.sleep(0.05)
    began = time.monotonic()
    system.wait_settled(LAG_SECONDS_MAX)
    assert time.monotonic() - began < LAG_SECONDS_MAX
    assert [dict(one.hit) for one in doomed] == [
        dict.fromkeys(OF_A_WORKER, hits),
        dict.fromkeys(OF_A_STORE, hits),
    ]
    assert system.differences() == []
    assert system.miscounted() == []
