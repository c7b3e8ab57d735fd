import doctest
from pathlib import Path

import analytics

README = Path(analytics.__file__).with_name("README.md")


def test_the_example_of_the_readme_says_what_it_says() -> None:
    result = doctest.testfile(str(README), module_relative=False, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted >= 9


def test_the_readme_tells_of_every_module() -> None:
    modules = {path.stem for path in README.parent.glob("*.py")} - {"__init__"}
    told = {
        line.split("`")[1]
        for line in README.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    }
    assert told == modules
