"""Disks that can be filled to the last byte: memory mounted as a folder."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def may_mount() -> bool:
    """Whether small disks can be had: root may mount, but not in every container."""
    with tempfile.TemporaryDirectory() as folder:
        disk = SmallDisk.mount(Path(folder), 1)
        if disk.returncode == 0:
            subprocess.run(["umount", folder], check=True)
    return disk.returncode == 0


class SmallDisk:
    """Needs the right to mount, as root has it."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.mount(folder, megabytes).check_returncode()

    @staticmethod
    def mount(folder: Path, megabytes: int) -> subprocess.CompletedProcess[bytes]:
        size = f"size={megabytes}m,mode=755"
        command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
        return subprocess.run(command, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.folder], check=True)

    @contextmanager
    def full(self) -> Iterator[None]:
        """There is no room at all inside the `with`."""
        filler = self.folder / "filler"
        try:
            with filler.open("wb") as file:
                while free := self._free_bytes():
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)
            yield
        finally:
            # The tests that follow have the same disk.
            filler.unlink()

    def _free_bytes(self) -> int:
        disk = os.statvfs(self.folder)
        return disk.f_bfree * disk.f_frsize
