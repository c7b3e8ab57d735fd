import doctest
from pathlib import Path

import calculator

README = Path(calculator.__file__).with_name("README.md")


def test_the_example_of_the_readme_says_what_it_says() -> None:
    result = doctest.testfile(str(README), module_relative=False, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted >= 9
