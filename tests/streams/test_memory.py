import subprocess
import sys
from pathlib import Path

import pytest

# Prints how many arenas eight threads that are there together have used.
_PROGRAM = """\
import ctypes, sys, threading
from streams.memory import share_one_arena

if sys.argv[1] == "shared":
    assert share_one_arena()
met = threading.Barrier(8)

def allocate():
    kept = [bytes(10_000) for _ in range(100)]
    met.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
print(open(sys.argv[2]).read().count("<heap nr="))
"""


@pytest.mark.parametrize("arenas", ["shared", "of each"])
def test_all_threads_allocate_from_one_arena(arenas: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, arenas, f"{tmp_path}/info.xml"],
        capture_output=True, text=True, check=False, env={},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (int(done.stdout) == 1) == (arenas == "shared")
