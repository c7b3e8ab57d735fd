"""Keys are remembered for a moment: what that is good for, and where it ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from api import keyring
from api.keyring import Keyring
from api.keys import Access, Key, Scope, new_key
from api.problems import Problem
from cli.servers import Connections
from tests.api.holders import away, executing, hold, revoke

READS = Access(frozenset({Scope.READ}), None)


def ask(database_url: str, questions: Callable[[Keyring], Awaitable[None]]) -> None:
    async def asking() -> None:
        ring = Keyring(database_url)
        try:
            await questions(ring)
        finally:
            ring.close()

    asyncio.run(asking())


async def refused(ring: Keyring, key: Key) -> str:
    with pytest.raises(Problem) as problem:
        await ring.find(key)
    assert (problem.value.status, problem.value.headers) == (503, {"Retry-After": "1"})
    return problem.value.kind


async def until_forgotten() -> None:
    await asyncio.sleep(keyring.REMEMBERED_SECONDS + 0.05)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times, shorter than they are."""
    monkeypatch.setattr(keyring, "REMEMBERED_SECONDS", 1.0)
    monkeypatch.setattr(keyring, "REFRESHED_SECONDS", 0.3)
    monkeypatch.setattr(keyring, "PAUSE_SECONDS", 0.2)


def test_the_times_are_those_that_are_told() -> None:
    assert (keyring.REMEMBERED_SECONDS, keyring.REFRESHED_SECONDS) == (30.0, 10.0)


def test_a_key_is_looked_up_once_and_then_remembered(migrated: str, servers: Connections) -> None:
    key = hold(migrated, "read")

    async def questions(ring: Keyring) -> None:
        assert ring.recall(key) is None
        assert await ring.find(key) == READS
        with away(servers.database_url, migrated):
            assert ring.recall(key) == READS
            assert await ring.find(key) == READS
            assert await ring.find(Key(key.key_id, new_key().secret)) is None
            assert ring.recall(Key(key.key_id, new_key().secret)) is None

    ask(migrated, questions)


@pytest.mark.usefixtures("short")
def test_without_postgresql_a_key_is_good_for_a_moment_and_then_unknown_and_never_refused(
    migrated: str, servers: Connections
) -> None:
    key = hold(migrated, "read")

    async def questions(ring: Keyring) -> None:
        assert await ring.find(key) == READS
        with away(servers.database_url, migrated):
            await asyncio.sleep(keyring.REFRESHED_SECONDS + 0.05)
            assert ring.recall(key) == READS
            await until_forgotten()
            assert ring.recall(key) is None
            assert await refused(ring, key) == "database-away"
            assert await refused(ring, new_key()) == "database-away"
        await asyncio.sleep(keyring.PAUSE_SECONDS + 0.05)
        assert await ring.find(key) == READS

    ask(migrated, questions)


@pytest.mark.usefixtures("short")
def test_a_revoked_key_stops_behind_the_next_look_and_at_the_latest_when_it_is_forgotten(
    migrated: str,
) -> None:
    busy, idle = hold(migrated, "read"), hold(migrated, "read")

    async def questions(ring: Keyring) -> None:
        assert await ring.find(busy) == await ring.find(idle) == READS
        revoke(migrated, busy)
        revoke(migrated, idle)
        assert ring.recall(busy) == READS
        await asyncio.sleep(keyring.REFRESHED_SECONDS + 0.05)
        ring.recall(busy)  # begins to look
        await asyncio.sleep(0.2)
        assert ring.recall(busy) is None
        assert await ring.find(busy) is None
        await until_forgotten()
        assert ring.recall(idle) is None
        assert await ring.find(idle) is None

    ask(migrated, questions)


@pytest.mark.usefixtures("short")
def test_a_key_in_use_is_never_waited_for(migrated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = hold(migrated, "read")

    async def questions(ring: Keyring) -> None:
        assert await ring.find(key) == READS
        monkeypatch.setattr(ring, "_read", slowly(ring._read, 0.2))
        until = time.monotonic() + 2 * keyring.REMEMBERED_SECONDS
        while time.monotonic() < until:
            assert ring.recall(key) == READS
            await asyncio.sleep(0.02)

    ask(migrated, questions)


def slowly(read: Callable[[str], object], seconds: float) -> Callable[[str], object]:
    def slow(key_id: str) -> object:
        time.sleep(seconds)
        return read(key_id)

    return slow


def test_looking_keys_up_does_not_hold_the_event_loop_up(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = hold(migrated, "read")

    async def questions(ring: Keyring) -> None:
        monkeypatch.setattr(ring, "_read", slowly(ring._read, 0.6))
        looking = asyncio.create_task(ring.find(key))
        longest, at = 0.0, time.monotonic()
        while not looking.done():
            await asyncio.sleep(0.01)
            longest, at = max(longest, time.monotonic() - at), time.monotonic()
        assert await looking == READS
        assert longest < 0.3

    ask(migrated, questions)


def test_many_who_wait_for_one_key_make_one_look_up(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, looks = hold(migrated, "read"), []

    async def questions(ring: Keyring) -> None:
        read = ring._read

        def counted(key_id: str) -> object:
            looks.append(key_id)
            time.sleep(0.1)
            return read(key_id)

        monkeypatch.setattr(ring, "_read", counted)
        asked = [asyncio.create_task(ring.find(key)) for _ in range(50)]
        await asyncio.sleep(0)
        asked[0].cancel()  # who goes away takes nothing from the others
        assert await asyncio.gather(*asked[1:]) == [READS] * 49
        assert looks == [key.key_id]

    ask(migrated, questions)


def test_who_tries_keys_out_fills_no_memory_and_those_who_are_known_go_on(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "LOOK_UPS_MAX", 5)
    key = hold(migrated, "read")

    async def questions(ring: Keyring) -> None:
        assert await ring.find(key) == READS
        monkeypatch.setattr(ring, "_read", slowly(ring._read, 0.1))
        tried = await asyncio.gather(
            *(ring.find(new_key()) for _ in range(20)), return_exceptions=True
        )
        assert tried.count(None) == 5
        assert sum(isinstance(each, Problem) and each.status == 503 for each in tried) == 15
        assert ring.recall(key) == READS
        assert list(ring._kept) == [key.key_id]

    ask(migrated, questions)


def test_a_key_that_expires_ends_while_it_is_remembered(migrated: str) -> None:
    key = hold(migrated, "read")
    with executing(migrated) as database:
        database.execute("UPDATE api_keys SET expires_at = now() + interval '1 second'")

    async def questions(ring: Keyring) -> None:
        assert await ring.find(key) == READS
        await asyncio.sleep(1.1)
        assert ring.recall(key) is None
        assert await ring.find(key) is None

    ask(migrated, questions)


def test_a_database_that_was_not_migrated_is_503(database_url: str) -> None:
    async def questions(ring: Keyring) -> None:
        assert await refused(ring, new_key()) == "database-empty"

    ask(database_url, questions)


def test_a_scope_that_this_program_does_not_know_gives_nothing(migrated: str) -> None:
    key = hold(migrated, "read", "everything")

    async def questions(ring: Keyring) -> None:
        assert await ring.find(key) == READS

    ask(migrated, questions)
