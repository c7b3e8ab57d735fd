"""The import contracts of pyproject.toml hold, and each breaks where it should."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RULES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

ONE_WAY = "Data flows one way: the shells know the core, the core knows nobody"
A_PLACE = "Inside calculator, every module has a place"
FORMULAS = "Inside analytics, every module has a place"
ITS_MONEY = "Of the calculator, analytics knows its money and who moves cash"
FAUST = "Only these modules of streams know Faust and its client"
STEP = "The booking step takes bytes and knows no broker, disk or database"
FORMATS = "The formats know no door that events come in by"
BOOKS = "The books do not depend on PostgreSQL"
BROKEN = [
    ("api/body.py", "import streams.state", ONE_WAY),
    ("streams/state.py", "import api.problems", ONE_WAY),
    ("streams/state.py", "import cli.settings", ONE_WAY),
    ("wire/topics.py", "import migrations.schema", ONE_WAY),
    ("migrations/schema.py", "import wire.topics", ONE_WAY),
    ("calculator/lot.py", "import wire.topics", ONE_WAY),
    ("reports/moves.py", "import api.problems", ONE_WAY),
    ("analytics/days.py", "import reports.moves", ONE_WAY),
    ("calculator/lot.py", "import calculator.booking", A_PLACE),
    ("calculator/booked.py", "import calculator.open_lots", A_PLACE),
    ("calculator/brand_new.py", "", A_PLACE),
    ("analytics/days.py", "import wire.topics", ONE_WAY),
    ("calculator/lot.py", "import analytics.days", ONE_WAY),
    ("analytics/days.py", "import analytics.dietz", FORMULAS),
    ("analytics/brand_new.py", "", FORMULAS),
    ("analytics/days.py", "import calculator.lot", ITS_MONEY),
    ("analytics/days.py", "from calculator import ledger", ITS_MONEY),
    ("calculator/lot.py", "import faust", FAUST),
    ("streams/lane.py", "import faust", FAUST),
    ("streams/brand_new.py", "import aiokafka", FAUST),
    ("streams/state.py", "import rocksdict", STEP),
    ("wire/fields.py", "import confluent_kafka", FORMATS),
    ("streams/lane.py", "import psycopg2", BOOKS),
    ("streams/lane.py", "import streams.database", BOOKS),
]


def broken_contracts(tree: Path) -> set[str]:
    """Of the names of all contracts, those that the tree breaks."""
    linter = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    said = subprocess.run(
        linter, cwd=tree, env=environment, capture_output=True, text=True, timeout=60
    )
    states = {
        contract["name"]: line.split()[len(contract["name"].split())]
        for contract in RULES["contracts"]
        for line in said.stdout.splitlines()
        if line.startswith(contract["name"] + " ")
    }
    assert set(states.values()) <= {"KEPT", "BROKEN"}
    assert len(states) == len(RULES["contracts"]), said.stdout + said.stderr
    return {name for name, state in states.items() if state == "BROKEN"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy that may be spoiled."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in RULES["root_packages"]:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    assert broken_contracts(tree) == set()


@pytest.mark.parametrize(("module", "line", "contract"), BROKEN)
def test_a_contract_breaks_where_it_should(
    tree: Path, module: str, line: str, contract: str
) -> None:
    with (tree / module).open("a") as file:
        file.write(f"\n{line}\n")
    assert contract in broken_contracts(tree)


def test_every_contract_is_among_those_that_were_broken() -> None:
    assert {contract for _, _, contract in BROKEN} == {c["name"] for c in RULES["contracts"]}
