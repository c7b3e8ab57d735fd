"""What README.md says of the program is so."""

import importlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from prometheus_client import generate_latest

from calculator import Portfolio, Transaction
from cli.main import COMMANDS, main
from cli.settings import Settings
from streams import metrics
from tests.cli.portfolio import VARIABLES
from tests.test_tidy import MODULES, PACKAGES
from wire.portfolios import decode_portfolio
from wire.transactions import decode_transaction

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
FENCED = dict(re.findall(r"^```(python|sh|text)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
BLOCKS = re.findall(r"^```(?:python|sh)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", TEXT)
INVOCATIONS = sorted(
    {
        span.removeprefix("docker compose exec api ")
        for span in [*SPANS, *(line for block in BLOCKS for line in block.splitlines())]
        if re.match(r"(docker compose exec api )?portfolio \w", span)
    }
)


def column(heading: str, number: int = 0) -> list[str]:
    """The cells of one column of the table whose first heading is this."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert table is not None
    return [row.strip("|").split(" | ")[number].strip() for row in table[1].splitlines()]


def json_texts() -> list[str]:
    """What the examples post, and what the producer sends."""
    posted = re.findall(r"curl .*-d '([^']*)'", TEXT)
    event = re.search(r"^value = '(.*)'$", FENCED["python"], re.MULTILINE)
    assert event is not None
    return [*posted, event[1]]


@pytest.mark.parametrize("invocation", INVOCATIONS)
def test_every_command_exists_with_its_options(invocation: str) -> None:
    words = re.findall(r"[\w./-]+", invocation)[1:]
    command: click.Command = main
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None
        command = found
    spelled = {option for each in command.params for option in each.opts}
    assert {word for word in words if word.startswith("--")} <= spelled


def test_every_command_is_told_of() -> None:
    assert {invocation.split()[1] for invocation in INVOCATIONS} == set(COMMANDS)


def test_every_setting_is_told_of_with_its_default() -> None:
    variables = [name for cell in column("variable") for name in re.findall(r"`(\w+)`", cell)]
    assert set(variables) == VARIABLES
    given = Settings.from_environment({}, dotenv=Path("/dev/null"))
    defaults = dict(zip(column("variable"), column("variable", 1), strict=True))
    assert defaults["`PARTITIONS`"] == str(given.partitions)
    assert defaults["`API_HOST`, `API_PORT`"] == f"{given.api_host}, {given.api_port}"
    assert defaults["`DEFAULT_COST_BASIS_METHOD`"] == given.default_cost_basis_method


def test_every_exit_code_is_told_of() -> None:
    constants: dict[str, Any] = {}
    for name in MODULES:
        if name.startswith("streams/") and "EXIT_" in MODULES[name].read_text():
            module = importlib.import_module(name.removesuffix(".py").replace("/", "."))
            constants |= {k: v for k, v in vars(module).items() if k.startswith("EXIT_")}
    assert {int(code) for code in column("code")} == {0, *constants.values()}


@pytest.mark.parametrize("text", json_texts())
def test_the_events_of_the_examples_are_well_formed(text: str) -> None:
    event = json.loads(text)
    if "portfolios" in event:
        for each in event["portfolios"]:
            assert isinstance(decode_portfolio(json.dumps(each).encode()), Portfolio)
    else:
        assert isinstance(decode_transaction(json.dumps(event).encode()), Transaction)


def test_the_examples_need_no_new_curl() -> None:
    assert len(json_texts()) == 4
    assert "curl --json" not in TEXT  # as of 7.82


def test_the_producer_partitions_as_the_workers_do() -> None:
    compile(FENCED["python"], "README.md", "exec")
    assert '"partitioner": "murmur2_random"' in FENCED["python"]


def test_every_metric_that_is_named_exists() -> None:
    known = generate_latest(metrics.REGISTRY) + generate_latest(metrics.STORE_REGISTRY)
    named = re.findall(r"`(portfolio_\w+)`", TEXT)
    assert named
    assert [name for name in named if f"# TYPE {name} " not in known.decode()] == []


def test_every_file_and_folder_that_is_named_exists() -> None:
    named = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    named += [span for span in SPANS if re.fullmatch(r"(?:[\w.-]+/)+[\w.-]*", span)]
    named += [line for block in BLOCKS for line in re.findall(r"samples/[\w.]+", block)]
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_folder_of_the_tree_is_told_of() -> None:
    told = {name for cell in column("folder") for name in re.findall(r"`(\w+)/`", cell)}
    assert told == PACKAGES | {"deploy"}


def test_what_compose_is_told_exists() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    for profile in re.findall(r"--profile (\w+)", TEXT):
        assert f"profiles: [{profile}]" in compose
    for service in re.findall(r"--scale (\w+)=", TEXT):
        assert f"\n  {service}:\n" in compose


def test_the_python_that_is_asked_for_is_the_one_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = re.search(r"Python ([\d.]+) or newer", TEXT)
    assert asked is not None
    assert project["requires-python"] == f">={asked[1]}"
