"""Charts as people see them: on a terminal, on a pipe, and where there are letters alone."""

import io
import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pytest
from rich.console import Console

from cli.charts import HEIGHT, LineChart, bar
from cli.performance import grain_of, question
from cli.printing import amount, percent
from cli.returns import _linked

DAYS = [date(2024, 1, 1) + timedelta(days=number) for number in range(60)]
RISING = [float(number) for number in range(60)]
FALLING = [-each for each in RISING]


def drawn(
    lines: Mapping[str, Sequence[float]],
    *,
    width: int = 1000,
    encoding: str = "utf-8",
    is_terminal: bool = False,
) -> str:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding)
    console = Console(
        file=out, width=width, force_terminal=is_terminal, color_system="truecolor",
        _environ={"TERM": "xterm"},
    ) if is_terminal else Console(file=out, width=width, _environ={})  # fmt: skip
    console.print(LineChart(title="a title", days=DAYS, lines=lines, unit=" %"))
    out.flush()
    return raw.getvalue().decode(encoding)


def test_a_line_rises_from_the_left_to_the_right() -> None:
    rows = [
        line.partition("│")[2].partition("│")[0]
        for line in drawn({"net": RISING}).splitlines()
        if line.startswith("│")
    ]
    assert len(rows) == HEIGHT
    first = [min(place for place, letter in enumerate(row) if letter not in " ▁") for row in rows]
    assert first == sorted(first, reverse=True)
    assert first[0] > first[-1] + 40


@pytest.mark.parametrize("width", [40, 80, 1000])
def test_it_is_as_wide_as_there_is_room(width: int) -> None:
    said = drawn({"net": RISING}, width=width)
    assert max(map(len, said.splitlines())) <= min(width, 100)
    assert said.startswith("a title\n")


def test_on_a_pipe_two_lines_differ_by_letters() -> None:
    said = drawn({"net": RISING, "benchmark": FALLING})
    assert "++ net   xx benchmark" in said
    assert "\x1b" not in said


def test_on_a_terminal_two_lines_differ_by_colors() -> None:
    said = drawn({"net": RISING, "benchmark": FALLING}, is_terminal=True)
    assert "\x1b[34m" in said
    assert "\x1b[35m" in said


def test_where_there_are_letters_alone_they_are_enough() -> None:
    said = drawn({"net": RISING, "benchmark": FALLING}, encoding="ascii")
    assert said.count("|") >= 2 * HEIGHT
    assert "?" not in drawn({"net": RISING}, encoding="ascii")


def test_what_is_not_known_is_a_gap() -> None:
    gap = [math.nan if 20 <= place < 40 else each for place, each in enumerate(RISING)]
    assert drawn({"net": gap}) != drawn({"net": RISING})
    columns = [line[40:50] for line in drawn({"net": gap}).splitlines() if line.startswith("│")]
    there = [line[40:50] for line in drawn({"net": RISING}).splitlines() if line.startswith("│")]
    assert set("".join(columns)) <= {" ", "▁"}
    assert not set("".join(there)) <= {" ", "▁"}


def test_parts_are_linked_and_a_gap_does_not_lose_what_was_earned() -> None:
    points = _linked(["0.1", None, "0.1"])
    assert points[0] == 0
    assert points[1] == pytest.approx(10)
    assert math.isnan(points[2])
    assert points[3] == pytest.approx(21)


def test_a_bar_is_never_below_nothing() -> None:
    assert bar(-0.5).completed == 0
    assert bar(0.25).completed == 0.25


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, None),
        ("0", "0.00"),
        ("1234567.125", "1,234,567.12"),
        ("1234567.135", "1,234,567.14"),
        ("-0.004", "0.00"),
        ("-0.006", "-0.01"),
        ("99999999999999999999999999.999999999999", "100,000,000,000,000,000,000,000,000.00"),
    ],
)
def test_amounts_are_rounded_for_people_half_even(text: str | None, said: str | None) -> None:
    assert amount(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, None), ("0.0125", "1.25 %"), ("-0.00001", "0.00 %"), ("12.34565", "1,234.56 %")],
)
def test_fractions_are_percentages_for_people(text: str | None, said: str | None) -> None:
    assert percent(text) == said


def test_a_question_leaves_out_what_is_not_asked() -> None:
    assert question() == {}
    assert question(("YTD",), None, None, breakdown="DAILY", benchmark=None) == {
        "periods": ["YTD"],
        "breakdown": "DAILY",
    }


@pytest.mark.parametrize(
    ("days", "grain"),
    [(1, "DAILY"), (93, "DAILY"), (94, "MONTHLY"), (3660, "MONTHLY"), (3661, "QUARTERLY")],
)
def test_a_period_is_drawn_in_parts_that_fit(days: int, grain: str) -> None:
    assert grain_of(days).value == grain


@pytest.mark.parametrize("level", [0.0, 1.0, 1e15, 1e19, -1e25])
def test_a_flat_line_is_drawn_however_high(level: float) -> None:
    flat = drawn({"value": [level] * len(DAYS)}, width=80)
    assert len(flat.splitlines()) == HEIGHT + 4
    nearly = drawn({"value": [level, level * (1 + 1e-15)] * (len(DAYS) // 2)}, width=80)
    assert len(nearly.splitlines()) == HEIGHT + 4
