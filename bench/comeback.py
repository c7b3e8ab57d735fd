"""A worker that goes and comes back, with events before, meanwhile and after."""

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import httpx
import psutil

from bench.end_to_end import check
from bench.load import PARTITIONS, Load, expected, portfolios, send_records, transactions
from bench.machine import Snapshot, Usage
from bench.results import Results
from bench.stage import BenchmarkError, Stage
from bench.system import System
from cli.lag import behind_the_store
from wire.topics import PORTFOLIOS, RAW_TRANSACTIONS

WAITING_EVENTS = 1000  # that arrive while a worker is away: some for each partition
CLOSE_SECONDS = 0.5  # of arrivals: a worker that is no further behind has caught up
POLL_SECONDS = 0.2
STALL_SECONDS_MAX = 120.0
WORKER = 0
# What is sent is always a part of the same events, however many they come to be.
_LOAD = Load(events=100_000_000)


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the worker. Processor time is its own, until every partition had its turn."""

    first_seconds: float  # to the first event booked
    all_seconds: float  # to the first event booked in each partition
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class CatchUp:
    """From the first event booked until the worker is as good as up to date."""

    seconds: float
    per_second: float
    usage: Usage


class Books:
    """A worker and a store, and what they were sent so far."""

    def __init__(self, stage: Stage, system: System) -> None:
        self._stage, self._system = stage, system
        self._kafka = stage.connections.kafka
        self._events = transactions(_LOAD)
        self.sent = 0
        send_records(self._kafka, PORTFOLIOS, portfolios(_LOAD))

    def _next(self) -> Iterator[tuple[str, bytes]]:
        while True:
            self.sent += 1
            yield next(self._events)

    def send(self, events: int) -> None:
        send_records(self._kafka, RAW_TRANSACTIONS, islice(self._next(), events))

    def start(self) -> Start:
        """Start the worker, with some events that wait for it."""
        self.send(WAITING_EVENTS)
        results, began = Results(self._kafka), time.perf_counter()
        pid = self._system.start_worker(WORKER)
        seen = results.first_of_each_partition().values()
        used = psutil.Process(pid).cpu_times()
        return Start(min(seen) - began, max(seen) - began, used.user + used.system)

    def restart(self, *, is_killed: bool = False, has_disk: bool = True) -> Start:
        """Once all is booked, and everybody had a rest."""
        self.wait_until_booked()
        self._system.stop_worker(WORKER, is_killed=is_killed)
        if not has_disk:
            shutil.rmtree(self._system.folder_of(WORKER))
        return self.start()

    def catch_up(self, per_second: int, stop_seconds: float) -> CatchUp:
        """Stop the worker for so long, while events arrive at an even pace, and go on to."""
        booked = self._stop()
        with self._arrivals(per_second):
            time.sleep(stop_seconds)
            return self._come_back(booked, per_second * CLOSE_SECONDS)

    def work_off(self, per_second: int, stop_seconds: float) -> CatchUp:
        """The same with as many events that were sent at once, in large batches, and none later."""
        booked = self._stop()
        self.send(round(per_second * stop_seconds))
        return self._come_back(booked, per_second * CLOSE_SECONDS)

    def _stop(self) -> int:
        """How many events are booked then: all."""
        self.wait_until_booked()
        self._system.stop_worker(WORKER)
        return self.sent

    def _come_back(self, booked_before: int, events_behind: float) -> CatchUp:
        results = Results(self._kafka)
        self._system.start_worker(WORKER)
        results.wait_for_one()
        kinds = self._system.kinds()
        began = time.perf_counter()
        begin = Snapshot.take(kinds, {"sender": time.process_time()})
        first = max(booked_before, self.booked())
        while self.sent - (booked := self.booked()) > events_behind:
            self._system.require_running()
            time.sleep(POLL_SECONDS)
        end = Snapshot.take(kinds, {"sender": time.process_time()})
        seconds = time.perf_counter() - began
        # Where so few came that the first batches were all, there is no other span to count.
        events = (booked - first) or (booked - booked_before)
        return CatchUp(seconds, events / seconds, Usage.between(begin, end, events))

    @contextmanager
    def _arrivals(self, per_second: int) -> Iterator[None]:
        ended = threading.Event()

        def events() -> Iterator[tuple[str, bytes]]:
            while not ended.is_set():
                yield from islice(self._next(), 1)

        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send_records, self._kafka, RAW_TRANSACTIONS, events(), per_second)
            try:
                yield
            finally:
                ended.set()
            sending.result()

    def booked(self) -> int:
        """How many transactions the worker has taken in, ever; 0 while it does not say."""
        try:
            answer = httpx.get(self._system.url_of(WORKER) + "/status", trust_env=False)
        except httpx.HTTPError:
            return 0
        return int(answer.json()["inputs"]["read"])

    def wait_until_booked(self) -> None:
        last, moved_at = -1, time.monotonic()
        while (booked := self.booked()) < self.sent:
            self._system.require_running()
            if booked != last:
                last, moved_at = booked, time.monotonic()
            if time.monotonic() - moved_at > STALL_SECONDS_MAX:
                raise BenchmarkError(f"nothing happens after {booked} of {self.sent} events")
            time.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Compare what is stored in the end with the independent fold of all that was sent."""
        self.wait_until_booked()
        while behind_the_store(self._stage.connections, PARTITIONS):
            self._system.require_running()
            time.sleep(POLL_SECONDS)
        check(self._stage.connections.database_url, expected(Load(events=self.sent)))
