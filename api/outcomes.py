"""What came out of events that were just published, asked of the workers that book them."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from api.live import Question, Workers
from api.problems import Problem
from api.waits import PAUSE_SECONDS, Waits
from calculator import Cancellation, Portfolio, Source, Transaction
from wire.fields import Malformed
from wire.results import decode_portfolio, decode_result
from wire.transactions import Identified, decode_transaction

IDENTITIES_MAX = 1000  # in one question, as the worker takes them
PARTITIONS_MAX = 16  # asked at the same time, for one request
RESULTS_PER_TURN = 200  # decoded before other requests get their turn
# Results are not bounded: a sale may have consumed thousands of lots.
RESULTS_BYTES_MAX = 64 * 1024 * 1024

Identity = tuple[str, str] | str  # portfolio_id, and transaction_id where it is one


class Posted(NamedTuple):
    """An event, and the record it is in."""

    event: Identified | Portfolio
    value: bytes  # as it came
    source: Source

    @property
    def content(self) -> Transaction | Cancellation | Portfolio:
        """All that it says."""
        if isinstance(self.event, Portfolio):
            return self.event
        content = decode_transaction(self.value)
        assert not isinstance(content, Malformed), "it was identified"
        return content

    @property
    def identity(self) -> Identity:
        if isinstance(self.event, Portfolio):
            return self.event.portfolio_id
        return self.event.portfolio_id, self.event.transaction_id

    @property
    def question(self) -> str:
        """The path under which a worker tells what became of such events."""
        return "/portfolios" if isinstance(self.event, Portfolio) else "/results"


class Outcome(msgspec.Struct):
    """What came out of one event, and what the books say of its transaction or portfolio now."""

    outcome: str
    result: msgspec.Raw


class _Results(msgspec.Struct):
    results: list[msgspec.Raw]


_read_results = msgspec.json.Decoder(_Results).decode


async def wait(
    workers: Workers, waits: Waits, posted: list[Posted], deadline: float
) -> list[Outcome] | None:
    """The outcomes in their order, or None where they take longer or too much room."""
    try:
        async with asyncio.timeout_at(deadline):
            await waits.applied(each.source for each in posted)
            results = await _Asking(workers, posted[0].question).results(posted)
            if results is None:
                return None
            outcomes: list[Outcome] = []
            for each in posted:
                if len(outcomes) % RESULTS_PER_TURN == 0:
                    await asyncio.sleep(0)
                outcomes.append(outcome_of(each, results[each.identity]))
            return outcomes
    except TimeoutError:
        return None


def outcome_of(posted: Posted, result: bytes) -> Outcome:
    """By comparing what was posted with what the books have."""
    return Outcome(_name(posted, result), msgspec.Raw(result))


def _name(posted: Posted, result: bytes) -> str:
    if isinstance(posted.event, Portfolio):
        portfolio, source = decode_portfolio(result)
        return "booked" if source == posted.source else _compared(posted, portfolio)
    entry = decode_result(result)
    if entry.source == posted.source:
        assert entry.status, "a worker gives no answer about what waits to be booked"
        return entry.status.lower()
    return _compared(posted, entry.content)


def _compared(posted: Posted, known: Transaction | Cancellation | Portfolio) -> str:
    assert known.version >= posted.event.version, "the worker has taken ours in"
    if known.version > posted.event.version:
        return "superseded"
    return "duplicate" if known == posted.content else "conflict"


class _Asking:
    """Collects the results of one request, many with each question. All events are of one kind."""

    def __init__(self, workers: Workers, question: str) -> None:
        self._workers = workers
        self._question = question
        self._results: dict[Identity, bytes] = {}
        self._bytes = 0

    async def results(self, posted: Iterable[Posted]) -> dict[Identity, bytes] | None:
        """By identity; None where they are more than one answer should hold."""
        by_partition: dict[int, dict[Identity, None]] = defaultdict(dict)
        for each in posted:
            by_partition[each.source.partition][each.identity] = None
        gate = asyncio.Semaphore(PARTITIONS_MAX)
        async with asyncio.TaskGroup() as group:
            for partition, identities in by_partition.items():
                group.create_task(self._collect(gate, partition, list(identities)))
        return None if self._is_too_large else self._results

    @property
    def _is_too_large(self) -> bool:
        return self._bytes > RESULTS_BYTES_MAX

    async def _collect(
        self, gate: asyncio.Semaphore, partition: int, identities: list[Identity]
    ) -> None:
        while identities and not self._is_too_large:
            asked, behind = identities[:IDENTITIES_MAX], identities[IDENTITIES_MAX:]
            async with gate:
                given = await self._ask(partition, asked)
            self._results |= given
            self._bytes += sum(map(len, given.values()))
            # What is not given yet goes behind the rest: others need not wait for a re-booking.
            identities = behind + [identity for identity in asked if identity not in given]
            if len(given) < len(asked):
                # A re-booking takes its time, and questions would only take more of it.
                await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(self, partition: int, identities: list[Identity]) -> dict[Identity, bytes]:
        """The results that can be given now."""
        body = msgspec.json.encode({"partition": partition, "identities": identities})
        try:
            answer = await self._workers.ask(
                partition, Question(self._question, body=body, is_patient=True)
            )
            results = _read_results(answer.content).results
        except (Problem, msgspec.MsgspecError):
            return {}
        given = {i: bytes(raw) for i, raw in zip(identities, results, strict=True)}
        return {identity: result for identity, result in given.items() if result != b"null"}
