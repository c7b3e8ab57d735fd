import asyncio
import os
import shutil
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError
from structlog.testing import capture_logs

from streams.membership import (
    EXIT_MEMBERSHIP,
    Coordinator,
    Folder,
    FolderRefused,
    Membership,
    now,
)


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_heartbeat_counts_from_when_it_was_sent_and_only_if_it_was_confirmed(
    monkeypatch: pytest.MonkeyPatch, confirmed: bool
) -> None:
    async def slow(self: object) -> bool:
        await asyncio.sleep(0.2)
        return confirmed

    monkeypatch.setattr(Coordinator.__mro__[1], "_do_heartbeat", slow)
    monkeypatch.setattr(Membership, "confirmed_at", 0.0)
    before = now()
    asyncio.run(Coordinator._do_heartbeat(Coordinator.__new__(Coordinator)))
    if confirmed:
        assert before <= Membership.confirmed_at < before + 0.1
    else:
        assert not Membership.confirmed_at


def test_a_folder_is_one_process_s_alone_and_tells_the_next_who_the_member_was(
    tmp_path: Path,
) -> None:
    first = Folder(tmp_path / "new")
    assert first.member_id == ""
    first.member_id = "faust-1"
    with pytest.raises(FolderRefused, match="give each one a folder of its own"):
        Folder(tmp_path / "new")
    first.close()
    second = Folder(tmp_path / "new")
    assert second.member_id == "faust-1"
    second.close()


def test_a_copy_of_a_folder_does_not_speak_for_the_original(tmp_path: Path) -> None:
    original = Folder(tmp_path / "original")
    original.member_id = "faust-1"
    shutil.copytree(tmp_path / "original", tmp_path / "copy")
    copy = Folder(tmp_path / "copy")
    assert copy.member_id == ""
    assert original.member_id == "faust-1"
    copy.close()
    original.close()


def test_a_folder_that_cannot_be_used_is_not_called_another_process_s(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderRefused, match=r"cannot be used: .* Not a directory"):
        Folder(tmp_path / "file" / "folder")


@pytest.mark.parametrize("note", ["a folder", "no text"])
def test_a_note_that_cannot_be_written_or_read_stops_nobody(tmp_path: Path, note: str) -> None:
    folder = Folder(tmp_path)
    member = tmp_path / "member"
    if note == "a folder":
        member.mkdir()
        with capture_logs() as logs:
            folder.member_id = "faust-1"
        assert [line["event"] for line in logs] == ["member_not_noted"]
    else:
        member.write_bytes(b"\xff\xfe 1")
    assert folder.member_id == ""
    folder.close()


@pytest.mark.parametrize("way", ["told", "raised"])
def test_a_coordinator_that_cannot_go_on_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    class Ended(BaseException):
        pass

    def leave(code: int) -> None:
        raise Ended(code)

    async def fail(self: object) -> None:
        raise KafkaError("unexpected")

    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(Coordinator.__mro__[1], "_coordination_routine", fail)
    coordinator = Coordinator.__new__(Coordinator)
    routine = (
        coordinator._push_error_to_user(KafkaError("unexpected"))
        if way == "told"
        else coordinator._coordination_routine()
    )
    with pytest.raises(Ended, match=str(EXIT_MEMBERSHIP)):
        asyncio.run(routine)
