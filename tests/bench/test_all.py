import subprocess
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bench import __main__ as everything
from bench.__main__ import BENCHMARKS, CHARTS, commands
from bench.stage import ROOT

# Run within end_to_end, and half an hour of faults.
APART = {"peer", "plain_faust", "soak"}


def test_every_command_of_the_folder_is_run() -> None:
    found = {
        path.stem
        for path in (ROOT / "bench").glob("*.py")
        if '__name__ == "__main__"' in path.read_text() and path.stem != "__main__"
    }
    assert found == BENCHMARKS.keys() | APART


def test_each_understands_what_it_is_told(tmp_path: Path) -> None:
    charts = set()
    for name, (_, module, *arguments) in commands((), tmp_path):
        command = import_module(module).main
        assert isinstance(command, click.Command)
        chosen = command.make_context(name, arguments).params
        if chosen.get("chart") is not None:
            charts.add(chosen["chart"])
    assert charts == {tmp_path / f"{name}.svg" for name in CHARTS}


def test_one_that_fails_is_named_when_all_have_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def call(argv: list[str], cwd: Path) -> int:
        ran.append(argv[2])
        return int(argv[2] == "bench.late")

    monkeypatch.setattr(subprocess, "call", call)
    done = CliRunner().invoke(everything.main, ["--only", "late", "--only", "step"])
    assert ran == ["bench.late", "bench.step"]
    assert done.exit_code == 1
    assert "did not end well: late" in done.output
    assert CliRunner().invoke(everything.main, ["--only", "step"]).exit_code == 0
