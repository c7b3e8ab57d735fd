"""The life of a system: `up --detach`, a supervisor that is killed, `down`, `reset`, `run`."""

import io
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from rich.console import Console, RenderableType

from cli import addresses, story, up
from cli.addresses import Addresses
from cli.printing import WIDTH_ON_A_PIPE
from cli.servers import ServerError, embedded, supervise
from cli.servers.processes import Command
from cli.servers.supervise import Supervisor
from tests.api.serving import served
from tests.cli.portfolio import Portfolio, until
from tests.test_readme import FENCED

END_SECONDS_MAX = 30


def processes_of(portfolio: Portfolio) -> set[int]:
    """All that work for this DATA_DIR, this test process aside."""
    data_dir = str(portfolio.settings.data_dir)
    found = set()
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), process.environ().get("DATA_DIR", "")]
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
        if process.pid != os.getpid() and any(data_dir in part for part in told):
            found.add(process.pid)
    return found


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        yield port


def test_an_api_that_cannot_listen_says_so_and_ends_as_one_that_was_told_wrong(
    taken_port: int, tmp_path: Path
) -> None:
    alone = Portfolio({"DATA_DIR": str(tmp_path), "API_PORT": str(taken_port)})
    for question in (("api",), ("api", "--port", str(taken_port))):
        said = alone(*question, code=2).stderr
        assert f"port {taken_port} of 127.0.0.1 is taken by another program: set API_PORT" in said


@pytest.fixture
def ended(installed: Portfolio) -> Iterator[Portfolio]:
    """Whatever a test leaves running is ended."""
    yield installed
    supervisor = supervise.running(installed.settings)
    if supervisor is not None:
        supervise.stop(supervisor)
    until(lambda: not processes_of(installed), END_SECONDS_MAX)


def test_what_up_started_ends_with_it_even_by_sigkill_and_starts_again(ended: Portfolio) -> None:
    said = ended.json("up", "--workers", "1", "--detach")
    assert len(said["workers"]) == 1
    status = ended.json("status")
    assert (status["api"]["is_ready"], status["store"]["is_ready"]) == (True, True)
    # Kafka, PostgreSQL, a worker, the store, the API, and what keeps them.
    assert len(processes_of(ended)) >= 6
    supervisor = supervise.running(ended.settings)
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    until(lambda: not processes_of(ended), END_SECONDS_MAX)
    assert addresses.written(ended.settings) is None
    assert ended.json("status", code=1)["away"] != []
    ended("up", "--workers", "1", "--detach")
    assert ended.json("down") == {"stopped": ["portfolio"]}
    assert processes_of(ended) == set()
    assert ended.json("down") == {"stopped": []}


def test_a_reset_leaves_nothing_of_what_was_there(ended: Portfolio) -> None:
    ended("up", "--workers", "1", "--detach")
    file = ended.settings.data_dir / "portfolio.jsonl"
    file.write_text(
        json.dumps({"portfolio_id": "P1", "base_currency": "EUR", "cost_basis_method": "FIFO"})
    )
    ended("ingest", file)
    assert ended.json("verify")["compared"]["table portfolios"] == 1
    ended("down")
    assert len(ended.json("reset", "--yes")["topics"]) == 12
    assert embedded.running(ended.settings) == {}
    ended("up", "--workers", "1", "--detach")
    assert ended.json("status")["lag"] == {"book": 0, "store": 0}
    assert ended.json("verify")["compared"]["table portfolios"] == 0
    ended("down")


def test_a_port_that_is_taken_is_said_before_anything_starts(
    ended: Portfolio, taken_port: int
) -> None:
    other = Portfolio(ended.environment | {"API_PORT": str(taken_port)})
    said = other("up", code=1).stderr
    assert f"port {taken_port} of 127.0.0.1 is taken by another program: set API_PORT" in said
    assert processes_of(ended) == set()


def test_up_waits_for_every_part_and_names_the_one_that_does_not_come(
    installed: Portfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "READY_SECONDS_MAX", 1.0)
    ready, waiting = FastAPI(), FastAPI()
    ready.get("/readyz")(lambda: {"status": "ok"})
    waiting.get("/readyz")(lambda: JSONResponse({"status": "waiting for PostgreSQL"}, 503))
    with served(ready) as good, served(waiting) as late, Supervisor(print) as supervisor:
        up.wait_until_ready(installed.settings, supervisor, Addresses(good, (good,), good))
        with pytest.raises(ServerError, match=f"the store {late} is not ready: .*PostgreSQL"):
            up.wait_until_ready(installed.settings, supervisor, Addresses(good, (good,), late))
        with pytest.raises(ServerError, match=f"the worker {late} is not ready"):
            up.wait_until_ready(installed.settings, supervisor, Addresses(good, (late,), good))


def test_up_says_at_once_which_setting_a_part_refuses_for_good(
    installed: Portfolio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "REFUSED_SECONDS_MIN", 2.0)
    program = "import pathlib, sys; print('set it back'); sys.exit(2)"
    part = Command(name="part", argv=[sys.executable, "-c", program], log=tmp_path / "part.log")
    waiting = FastAPI()
    waiting.get("/readyz")(lambda: JSONResponse({"status": "joining"}, 503))
    with served(waiting) as late, Supervisor(print) as supervisor:
        supervisor.start(part)
        with pytest.raises(ServerError, match=r"(?s)part refuses its settings.*set it back"):
            up.wait_until_ready(installed.settings, supervisor, Addresses(late, (), late))


@pytest.mark.timeout(600)
def test_the_sample_comes_out_right_and_again_when_it_is_run_again(ended: Portfolio) -> None:
    first = ended.json("run", "--exit")
    assert first["verified"]["good"] is True
    assert first["verified"]["events"] > 5000
    assert {one["cost_basis_method"] for one in first["portfolios"]} == {
        "FIFO", "LIFO", "HIFO", "LOFO", "AVCO",
    }  # fmt: skip
    assert len(first["sale"]["transaction"]["disposals"]) >= 2
    assert {one["status"] for one in first["not_booked"]} == {"PENDING", "REJECTED"}
    assert {one["total"]["quality"] for one in first["valuations"]} == {"valued"}
    returns = [period["net"] for one in first["performances"] for period in one["periods"]]
    assert len(returns) == len(first["portfolios"]) * len(story.PERIODS)
    assert [one for one in returns if one["total_return"] is None] == []
    text = shown(story.shown(first))
    parts = FENCED["text"].split("...\n")
    assert len(parts) == 2
    assert [part for part in parts if part not in text] == []
    assert processes_of(ended) == set()
    again = ended.json("run", "--exit")
    assert again["verified"]["events"] == 2 * first["verified"]["events"]
    assert again["verified"]["good"] is True
    assert again["positions"] == first["positions"]
    assert again["performances"] == first["performances"]


def shown(story_told: RenderableType) -> str:
    """As on a pipe, without the blanks behind titles."""
    out = io.StringIO()
    Console(file=out, width=WIDTH_ON_A_PIPE, highlight=False, markup=False).print(story_told)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
