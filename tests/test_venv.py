"""`run` installs what it needs, in a project that needs nothing from elsewhere."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "here"
version = "1"
"""
# As little as an editable install needs.
BACKEND = """
import os, zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "here-1-py3-none-any.whl"
    info = {
        "METADATA": "Metadata-Version: 2.1\\nName: here\\nVersion: 1\\n",
        "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("here.pth", os.getcwd())
        for file, content in info.items():
            wheel.writestr(f"here-1.dist-info/{file}", content)
    return name
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "first place"
    (folder / "cli").mkdir(parents=True)
    for name in ("run", "venv.sh"):
        shutil.copy(ROOT / name, folder)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "requirements.lock").touch()
    (folder / "backend.py").write_text(BACKEND)
    (folder / "cli" / "main.py").write_text("import sys; print(__file__, *sys.argv[1:])")
    return folder


def ran(checkout: Path, *arguments: str) -> str:
    """The program that `run` came to, and what it was told."""
    command = [str(checkout / "run"), *arguments]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def made_at(checkout: Path) -> int:
    return (checkout / ".venv" / "pyvenv.cfg").stat().st_mtime_ns


def test_run_installs_once_and_runs_the_program_of_its_own_folder(checkout: Path) -> None:
    program = checkout / "cli" / "main.py"
    assert ran(checkout, "--exit") == f"{program} run --exit"
    first = made_at(checkout)
    assert ran(checkout) == f"{program} run"
    assert made_at(checkout) == first


def test_a_checkout_that_was_copied_or_moved_runs_what_lies_in_it(checkout: Path) -> None:
    ran(checkout)
    copied = checkout.with_name("copied")
    shutil.copytree(checkout, copied, symlinks=True)
    assert ran(copied) == f"{copied / 'cli' / 'main.py'} run"
    moved = checkout.rename(checkout.with_name("moved"))
    assert ran(moved) == f"{moved / 'cli' / 'main.py'} run"
