"""What differs: counted in full, shown up to a limit."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = tuple[object, ...]
NOTHING = "nothing"
A_ROW = "a row"
SHOWN_LENGTH_MAX = 200  # characters of a value, which may be of megabytes


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the calculator says."""

    place: str  # the table, topic or live answer
    key: str
    column: str  # empty where the whole row is missing or too much
    expected: str
    found: str

    def __str__(self) -> str:
        what = f"{self.place} {self.key}" + (f" {self.column}" if self.column else "")
        return f"{what}: expected {self.expected}, found {self.found}"


@dataclass(slots=True)
class Report:
    """Everything that was compared."""

    limit: int  # differences to keep; all are counted
    events: int = 0  # records of raw_transactions
    not_asked: int = 0  # transactions that were not asked live, being too many
    has_moved: bool = False  # more came in meanwhile, so differences may mean nothing
    differences: list[Difference] = field(default_factory=list)
    differing: Counter[str] = field(default_factory=Counter)  # by place
    compared: Counter[str] = field(default_factory=Counter)  # rows, by place

    @property
    def is_good(self) -> bool:
        return not self.differing

    def add(self, place: str, key: Hashable, column: str, expected: object, found: object) -> None:
        self.differing[place] += 1
        if len(self.differences) < self.limit:
            self.differences.append(
                Difference(place, _key_text(key), column, _shown(expected), _shown(found))
            )

    def compare(
        self,
        place: str,
        columns: Sequence[str],
        expected: Mapping[Any, Row],
        found: Mapping[Any, Row],
    ) -> None:
        """Rows by key; each row that differs is one difference, named by its first column."""
        self.compared[place] += len(expected)
        for key, row in expected.items():
            actual = found.get(key)
            if actual is None:
                self.add(place, key, "", A_ROW, NOTHING)
            elif row != actual:
                column, one, other = _first_unequal(columns, row, actual)
                self.add(place, key, column, one, other)
        for key in found.keys() - expected.keys():
            self.add(place, key, "", NOTHING, A_ROW)


def _first_unequal(columns: Sequence[str], row: Row, actual: Row) -> tuple[str, object, object]:
    for column, one, other in zip(columns, row, actual, strict=True):
        if one != other:
            return column, *_from_first_unequal(one, other)
    raise AssertionError("the rows differ")


def _from_first_unequal(one: object, other: object) -> tuple[object, object]:
    """Of two lists, as the disposals of a sale, what is behind their common beginning."""
    if not (isinstance(one, tuple) and isinstance(other, tuple)):
        return one, other
    common = 0
    for this, that in zip(one, other, strict=False):
        if this != that:
            break
        common += 1
    return one[common:], other[common:]


def _shown(value: object) -> str:
    """As much as people read. Cut before it is made a text, which may be long to make, too."""
    text = _text(value)
    return text if len(text) <= SHOWN_LENGTH_MAX else text[:SHOWN_LENGTH_MAX] + "..."


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value[:SHOWN_LENGTH_MAX]))})"
    if isinstance(value, bytes | str):
        value = value[: SHOWN_LENGTH_MAX + 1]
    return str(value)


def _key_text(key: Hashable) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
