"""What came out of events that were just published, asked of the workers that book them."""

import asyncio
from typing import NamedTuple

import msgspec

from api.live import Workers, path
from api.problems import Problem
from calculator import Cancellation, Entry, Source, Transaction
from wire.partitioner import partition_of
from wire.results import decode_result

ASKED_SECONDS = 2  # for how long a worker may hold one question back
PAUSE_SECONDS = 0.1
QUESTIONS_MAX = 16  # at the same time, of one request


class Posted(NamedTuple):
    """An event, and the record it is in."""

    event: Transaction | Cancellation
    source: Source


class Outcome(msgspec.Struct):
    """What came out of one event, and what the books say of its transaction now."""

    outcome: str
    result: msgspec.Raw


async def wait(workers: Workers, posted: list[Posted], deadline: float) -> list[Outcome] | None:
    """The outcomes in their order, or None where they take longer."""
    try:
        async with asyncio.timeout_at(deadline):
            await _all_applied(workers, [each.source for each in posted])
            identities = dict.fromkeys(_identity(each) for each in posted)
            gate = asyncio.Semaphore(QUESTIONS_MAX)
            found = await asyncio.gather(*(_result(workers, gate, *ids) for ids in identities))
    except TimeoutError:
        return None
    results = dict(zip(identities, found, strict=True))
    return [outcome_of(each, results[_identity(each)]) for each in posted]


async def wait_applied(workers: Workers, sources: list[Source], deadline: float) -> bool:
    """Whether the live tables have taken all of the records in before the deadline."""
    try:
        async with asyncio.timeout_at(deadline):
            await _all_applied(workers, sources)
    except TimeoutError:
        return False
    return True


def outcome_of(posted: Posted, result: bytes) -> Outcome:
    """By comparing what was posted with what the books have."""
    entry = decode_result(result)
    return Outcome(_name(posted, entry), msgspec.Raw(result))


def _name(posted: Posted, entry: Entry) -> str:
    if entry.source == posted.source:
        assert entry.status, "a worker gives no answer about what waits to be booked"
        return entry.status.lower()
    assert entry.content.version >= posted.event.version, "the worker has taken ours in"
    if entry.content.version > posted.event.version:
        return "superseded"
    return "duplicate" if entry.content == posted.event else "conflict"


def _identity(posted: Posted) -> tuple[str, str]:
    return posted.event.portfolio_id, posted.event.transaction_id


async def _all_applied(workers: Workers, sources: list[Source]) -> None:
    # The last record of a partition is the highest.
    last = {source.partition: source for source in sources}
    await asyncio.gather(*(_applied(workers, source) for source in last.values()))


async def _applied(workers: Workers, source: Source) -> None:
    question = source._asdict() | {"timeout": ASKED_SECONDS}
    parameters = {name: str(value) for name, value in question.items()}
    while True:
        try:
            answer = await workers.ask(source.partition, "/applied", parameters)
        except Problem:  # nobody there for now
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if answer.status_code == 200:
            return
        if answer.status_code != 202:
            await asyncio.sleep(PAUSE_SECONDS)


async def _result(
    workers: Workers, gate: asyncio.Semaphore, portfolio_id: str, transaction_id: str
) -> bytes:
    partition = partition_of(portfolio_id, workers.partitions)
    question = path("portfolios", portfolio_id, "transactions", transaction_id)
    async with gate:
        while True:
            try:
                answer = await workers.ask(partition, question)
                if answer.status_code == 200:
                    return answer.content
            except Problem:
                pass
            await asyncio.sleep(PAUSE_SECONDS)
