import asyncio
import time
from pathlib import Path

import pytest

from streams.membership import Coordinator, Folder, FolderInUse, Membership


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_heartbeat_counts_from_when_it_was_sent_and_only_if_it_was_confirmed(
    monkeypatch: pytest.MonkeyPatch, confirmed: bool
) -> None:
    async def slow(self: object) -> bool:
        await asyncio.sleep(0.2)
        return confirmed

    monkeypatch.setattr(Coordinator.__mro__[1], "_do_heartbeat", slow)
    monkeypatch.setattr(Membership, "confirmed_at", 0.0)
    before = time.monotonic()
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
    with pytest.raises(FolderInUse, match="give each one a folder of its own"):
        Folder(tmp_path / "new")
    first.close()
    second = Folder(tmp_path / "new")
    assert second.member_id == "faust-1"
    second.close()
