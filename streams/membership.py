"""This process as a member of its consumer group. Importing this gives Kafka's client, which makes
its coordinator itself, one that knows what follows.

Kafka keeps a member that was killed until its session ends, and the group waits for it in every
rebalance meanwhile. A process that is started again in the same folder knows that the one before
it is dead, and leaves the group in its name.

A coordinator that cannot go on would wait for ever for somebody to ask it why; here the process
ends.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import structlog
from aiokafka.consumer import consumer, group_coordinator
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest

log = structlog.get_logger(__name__)
EXIT_MEMBERSHIP = 74
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds since the machine started, its sleep included: others did not sleep."""
    return time.clock_gettime(_CLOCK)


class FolderRefused(Exception):
    """Another process that is alive has this folder, or it cannot be used. The message says which
    and what to do."""


class Folder:
    """A folder that is this process's alone. The lock goes with the process, however it ends, so
    whoever has it knows that the process before is dead."""

    def __init__(self, path: Path) -> None:
        """Raises FolderRefused."""
        self._member = path / "member"
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / "lock").open("w")
        except OSError as error:
            raise FolderRefused(f"the folder {path} cannot be used: {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            if isinstance(error, BlockingIOError):
                why = "another process works in it: give each one a folder of its own, or end it"
            else:
                why = f"it cannot be locked: {error}"
            raise FolderRefused(f"the folder {path}: {why}") from error

    def close(self) -> None:
        self._lock.close()

    @property
    def member_id(self) -> str:
        """Of the process that was a member here last; empty where that is not known."""
        try:
            place, _, member_id = self._member.read_text().partition(" ")
        except (OSError, UnicodeError):
            return ""
        # The lock of a copy says nothing about the process of the original.
        return member_id if place == self._place else ""

    @member_id.setter
    def member_id(self, member_id: str) -> None:
        try:
            self._member.write_text(f"{self._place} {member_id}")
        except OSError as error:
            # Without it the next start takes as long as the session, no more.
            log.warning("member_not_noted", error=str(error))

    @property
    def _place(self) -> str:
        return str(os.fstat(self._lock.fileno()).st_ino)


class Membership:
    """What this process knows of its place in the group, where the coordinator finds it."""

    folder: ClassVar[Folder | None] = None
    # Since when the broker surely counts this process as a member.
    confirmed_at: ClassVar[float] = 0.0


def end(error: BaseException) -> NoReturn:
    log.critical("membership_failed", error=repr(error), exc_info=error)
    os._exit(EXIT_MEMBERSHIP)


class Coordinator(group_coordinator.GroupCoordinator):  # type: ignore[misc]
    """Notes who it is and when the group confirmed it last."""

    _has_said_goodbye = False
    _member_id = ""

    @property
    def member_id(self) -> str:
        return self._member_id

    @member_id.setter
    def member_id(self, member_id: str) -> None:
        self._member_id = member_id
        # Before the join is complete: a process may be killed in the middle of it.
        if member_id and Membership.folder is not None:
            Membership.folder.member_id = member_id

    async def _do_rejoin_group(self, subscription: Any) -> Any:
        if not self._has_said_goodbye:
            self._has_said_goodbye = True
            await self._leave_for_the_one_before()
        return await super()._do_rejoin_group(subscription)

    async def _leave_for_the_one_before(self) -> None:
        before = Membership.folder.member_id if Membership.folder is not None else ""
        if not before:
            return
        try:
            answer = await self._send_req(LeaveGroupRequest(self.group_id, before))
        except KafkaError as error:
            log.warning("could_not_leave_for_the_one_before", error=repr(error))
        else:
            # An error says that the group does not know it any more.
            log.info("left_for_the_one_before", was_member=answer.error_code == 0)

    async def _coordination_routine(self) -> None:
        try:
            await super()._coordination_routine()
        except Exception as error:  # noqa: BLE001 - the process ends
            end(error)

    async def _push_error_to_user(self, exc: Exception) -> None:
        end(exc)

    async def _do_heartbeat(self) -> Any:
        # The session is prolonged from when the broker is asked at the earliest, and a frozen
        # process may read its answer much later.
        asked_at = now()
        confirmed = await super()._do_heartbeat()
        if confirmed:
            Membership.confirmed_at = asked_at
        return confirmed


consumer.GroupCoordinator = Coordinator
