"""This process as a member of its consumer group.

Kafka keeps a member that was killed until its session ends, and the group waits for it in every
rebalance meanwhile. A process that is started again in the same folder knows that the one before
it is dead, and leaves the group in its name.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Any, ClassVar

import structlog
from aiokafka.consumer import consumer, group_coordinator
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest

log = structlog.get_logger(__name__)


class FolderInUse(Exception):
    """Another process that is alive has this folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"another process works in {folder}: give each one a folder of its own, or end it"
        )


class Folder:
    """A folder that is this process's alone. The lock goes with the process, however it ends, so
    whoever has it knows that the process before is dead."""

    def __init__(self, path: Path) -> None:
        """Raises FolderInUse."""
        path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise FolderInUse(path) from error
        self._member = path / "member"

    def close(self) -> None:
        os.close(self._lock)

    @property
    def member_id(self) -> str:
        """Of the process that was a member last; empty where none was."""
        try:
            return self._member.read_text()
        except FileNotFoundError:
            return ""

    @member_id.setter
    def member_id(self, member_id: str) -> None:
        self._member.write_text(member_id)


class Membership:
    """What this process knows of its place in the group. Set by one thread, read by any."""

    folder: ClassVar[Folder | None] = None
    # Since when the broker surely counts this process as a member.
    confirmed_at: ClassVar[float] = 0.0


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
            log.warning("left_for_the_one_before", error=repr(error))
        else:
            # An error says that the group does not know it any more.
            log.info("left_for_the_one_before", was_member=answer.error_code == 0)

    async def _do_heartbeat(self) -> Any:
        # The session is prolonged from when the broker is asked at the earliest, and a frozen
        # process may read its answer much later.
        asked_at = time.monotonic()
        confirmed = await super()._do_heartbeat()
        if confirmed:
            Membership.confirmed_at = asked_at
        return confirmed


consumer.GroupCoordinator = Coordinator
