"""Disks that can be filled to the last byte: memory mounted as a folder."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SmallDisk:
    """Needs the right to mount, as root has it."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        size = f"size={megabytes}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.folder], check=True)

    @contextmanager
    def full(self) -> Iterator[None]:
        """There is no room at all inside the `with`."""
        filler = self.folder / "filler"
        with filler.open("wb") as file:
            while free := self._free_bytes():
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)
        yield
        filler.unlink()

    def _free_bytes(self) -> int:
        disk = os.statvfs(self.folder)
        return disk.f_bfree * disk.f_frsize
