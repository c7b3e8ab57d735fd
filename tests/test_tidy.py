"""The tree keeps the house rules of tests/tidy.py, and each rule can fail."""

import re
import tomllib
from pathlib import Path

import pytest

from analytics.bad_input import Rule as Requirement
from api.problems import RequestRule
from calculator import Reason
from tests import tidy
from wire.fields import Rule

ROOT = Path(__file__).parents[1]
FILES = list(tidy.files(ROOT))
MODULES = {str(path.relative_to(ROOT)): path for path in FILES if path.suffix == ".py"}
PACKAGES = {folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists()}
TESTS = {name: path for name, path in MODULES.items() if name.startswith("tests/")}
PURE = [name for name in MODULES if name.startswith("calculator/")]
FORMULAS = [name for name in MODULES if name.startswith("analytics/")]
# Where amounts pass through; elsewhere seconds may be floats.
MONEY = [
    name
    for name in MODULES
    if name.startswith(("analytics/", "calculator/", "wire/"))
    or name in {f"streams/{m}.py" for m in ("answers", "journal", "kept", "rows", "state", "step")}
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

# What is longer than the rule, by file and function ("": the module), and why.
LONG = {
    ("tests/calculator/rp2_gains.py", "gains"): "one book in the other engine's terms, imports too",
    ("tests/oracle/test_fold.py", ""): "cases of the independent fold, one after another",
    ("tests/streams/test_database.py", ""): "cases of one writer against one database",
    (
        "tests/streams/test_database.py",
        "test_every_field_of_a_result_is_stored_as_it_was_written",
    ): "names every column once",
    ("tests/streams/test_rows.py", "test_what_the_worker_writes_can_be_read"): "names every field",
}
# Tests that cannot run everywhere, by file, and why.
SKIPPING = {
    "tests/cli/test_servers.py": "only root can change to another account",
    "tests/faults/conftest.py": "only who may mount can have a disk that is full",
}
# Packages that no import contract is about.
OUTSIDE = {"bench", "samples", "tests"}


@pytest.mark.parametrize("name", PURE)
def test_calculator_needs_only_the_pure_part_of_the_standard_library(name: str) -> None:
    assert tidy.impure_parts(MODULES[name].read_text(), "calculator") == []


@pytest.mark.parametrize("name", FORMULAS)
def test_analytics_needs_the_money_of_the_calculator_and_a_solver_besides(name: str) -> None:
    allowed = {"analytics", "calculator"} | ({"pyxirr"} if name == "analytics/solver.py" else set())
    assert tidy.impure_parts(MODULES[name].read_text(), *allowed) == []


@pytest.mark.parametrize("name", MONEY)
def test_no_amount_passes_through_a_float(name: str) -> None:
    # The float of the solver is where an exact search begins, and no more.
    allowed = 1 if name == "analytics/solver.py" else 0
    assert len(tidy.floats(MODULES[name].read_text())) == allowed


def test_whoever_asks_over_http_asks_without_a_proxy() -> None:
    found = {name for name, path in MODULES.items() if tidy.asks_a_proxy(path.read_text())}
    assert found == set()


def test_every_module_says_what_it_is() -> None:
    silent = [
        name
        for name, path in MODULES.items()
        if not path.name.startswith(("test_", "conftest"))
        and not tidy.has_docstring(path.read_text())
    ]
    assert silent == []


def test_modules_and_functions_fit_in_the_head_or_have_a_reason() -> None:
    found = {
        (name, function)
        for name, path in MODULES.items()
        for function in tidy.too_long(path.read_text())
    }
    assert found == set(LONG)


def test_every_test_asserts() -> None:
    sources = {
        name.removesuffix(".py").replace("/", "."): path.read_text() for name, path in TESTS.items()
    }
    assert tidy.tests_that_do_not_assert(sources) == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    found = {name for name, path in TESTS.items() if tidy.skips(path.read_text())}
    assert found - {"tests/tidy.py"} == set(SKIPPING)


def test_no_file_names_a_machine_a_registry_or_how_it_was_written() -> None:
    found = {
        str(path.relative_to(ROOT)): words
        for path in FILES
        if (words := tidy.forbidden_words(path.read_text(errors="replace")))
    }
    assert found == {}


@pytest.mark.parametrize("requirement", [*Reason, *Rule, *Requirement, *RequestRule])
def test_every_reason_and_rule_is_met_in_a_test(
    requirement: Reason | Rule | Requirement | RequestRule,
) -> None:
    kind = type(requirement).__name__
    said = re.compile(rf"\b{kind}\.{requirement.name}\b|\b{requirement.value}\b")
    cases = [path for path in TESTS.values() if path.name.startswith("test_")]
    assert any(said.search(path.read_text()) for path in cases)


def test_every_package_is_under_the_import_contracts() -> None:
    contracted = set(PROJECT["tool"]["importlinter"]["root_packages"])
    assert contracted == PACKAGES - OUTSIDE


def test_every_package_is_checked_for_types_and_shipped() -> None:
    checked = re.search(r"^mypy --strict (.*)$", (ROOT / "test").read_text(), re.MULTILINE)
    shipped = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert checked is not None
    assert set(checked[1].split()) == PACKAGES
    assert {pattern.rstrip("*") for pattern in shipped} == PACKAGES - {"tests"}


# Each rule can fail.


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import sqlalchemy", ["sqlalchemy"]),
        ("from wire import fields", ["wire"]),
        ("import time", ["time"]),
        ("def f():\n    from os.path import join", ["os"]),
        ("import datetime\nx = datetime.datetime.now()", ["now in line 2"]),
        ("print(1)", ["print in line 1"]),
    ],
)
def test_what_is_impure_is_found(source: str, found: list[str]) -> None:
    assert tidy.impure_parts(source, "calculator") == found


def test_what_is_pure_is_left_alone() -> None:
    source = "from decimal import Decimal\nfrom calculator.lot import Lot"
    assert tidy.impure_parts(source, "calculator") == []


@pytest.mark.parametrize("source", ["x = 0.1", "x = 1e26", "x = float(y)", "def f(x: float): ..."])
def test_a_float_is_found(source: str) -> None:
    assert tidy.floats(source) == [1]


@pytest.mark.parametrize(
    "call",
    [
        "httpx.get(url)",
        "httpx.Client(timeout=1, trust_env=True)",
        "httpx.AsyncClient(base_url=url)",
        "Door()",
    ],
)
def test_what_would_ask_a_proxy_is_found(call: str) -> None:
    assert tidy.asks_a_proxy(f"from httpx import Client as Door\n{call}") == [2]


@pytest.mark.parametrize(
    "call",
    ["httpx.get(url, trust_env=False)", "httpx.Client(transport=door)", "client.get(url)"],
)
def test_what_asks_without_a_proxy_is_left_alone(call: str) -> None:
    assert tidy.asks_a_proxy(call) == []


def test_a_module_without_a_docstring_is_found() -> None:
    assert not tidy.has_docstring("x = 1")
    assert tidy.has_docstring('"""One."""\nx = 1')
    assert tidy.has_docstring("")


def test_what_is_too_long_is_found() -> None:
    function = "def long():\n" + "    x = 1\n" * tidy.LINES_PER_FUNCTION_MAX
    assert tidy.too_long(function) == {"long": tidy.LINES_PER_FUNCTION_MAX + 1}
    assert tidy.too_long("x = 1\n" * tidy.LINES_PER_MODULE_MAX) == {}
    assert tidy.too_long("x = 1\n" * (tidy.LINES_PER_MODULE_MAX + 1)) == {"": 401}


@pytest.mark.parametrize(
    "body", ["work()", "assert True", "local()", "with suppress(E):\n  work()", "it.check()"]
)
def test_a_test_that_asserts_nothing_is_found(body: str) -> None:
    source = f"def test_it():\n {body}\ndef local():\n work()"
    helpers = "def work():\n assert x\ndef check():\n assert x"  # of another module, not imported
    sources = {"tests.test_a": source, "tests.helpers": helpers}
    assert tidy.tests_that_do_not_assert(sources) == ["test_it"]


@pytest.mark.parametrize(
    "body",
    [
        "assert x == 1",
        "with pytest.raises(E):\n  work()",
        "local()",
        "check()",
        "raise AssertionError(x)",
    ],
)
def test_a_test_that_asserts_through_what_it_calls_is_left_alone(body: str) -> None:
    source = f"from tests.helpers import work as check\ndef test_it():\n {body}\n"
    sources = {
        "tests.test_a": source + "def local():\n check()",
        "tests.helpers": "def work():\n through()\ndef through():\n assert x",
    }
    assert tidy.tests_that_do_not_assert(sources) == []


@pytest.mark.parametrize(
    "line",
    ["@pytest.mark.skip", "@pytest.mark.skipif(x)", "@pytest.mark.xfail", "pytest.skip('no')"],
)
def test_a_skipped_test_is_found(line: str) -> None:
    source = f"{line}\ndef f(): ..." if line.startswith("@") else line
    assert tidy.skips(source) == [1]


@pytest.mark.parametrize(
    "words",
    [
        ("/wo", "rk/main"),
        ("see ../sha", "red/notes"),
        ("--index-url https://py", "pi.org/simple"),
        ("# TO", "DO: later"),
        ("written by an LL", "M"),
    ],
)
def test_forbidden_words_are_found(words: tuple[str, str]) -> None:
    assert len(tidy.forbidden_words("first line\n" + "".join(words))) == 1


def test_ordinary_words_are_left_alone() -> None:
    assert tidy.forbidden_words("the session said: a workload of /tmp and /path/to/python3") == []


def test_only_files_of_the_project_are_looked_at(tmp_path: Path) -> None:
    for name in (
        "a.py",
        ".venv/b.py",
        ".local/c",
        "d/e.py",
        "__pycache__/f.pyc",
        ".ci/run",
        ".env",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {str(path.relative_to(tmp_path)) for path in tidy.files(tmp_path)}
    assert found == {"a.py", "d/e.py", ".ci/run"}
