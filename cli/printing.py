"""How commands print: tables for people, one JSON object for programs, the rest on stderr."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import click
from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

_Command = TypeVar("_Command", bound=Callable[..., Any])
WIDTH_ON_A_PIPE = 1000  # columns; what reads it need not fit a screen
_PASSWORDS = re.compile(r"(://[^\s:/?#@]*:)[^\s/?#]*(?=@)|([?&](?:ssl)?password=)[^\s&#]*", re.I)
NUMERIC = (
    "quantity", "cost", "gain", "proceeds", "price", "lots", "amount", "net", "fee", "value",
    "weight", "change", "gross", "year", "benchmark", "excess", "local", "by_currency", "flow",
    "xirr", "over_period", "dietz", "share", "number", "contribution", "YTD", "1Y", "3Y", "5Y", "SI",
)  # fmt: skip


def json_option(command: _Command) -> _Command:
    """`--json`: what the command prints as one JSON object on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def print_json(value: object) -> None:
    """One line; numbers of the books are texts in it already."""
    click.echo(json.dumps(value, ensure_ascii=False))


def console() -> Console:
    """Where tables for people go. Nothing in an id or a path is markup, or stands for an emoji."""
    width = None if sys.stdout.isatty() else WIDTH_ON_A_PIPE
    return Console(width=width, highlight=False, markup=False, emoji=False)


def messages() -> Console:
    """Where remarks and progress go, so that stdout carries the answer alone."""
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table whose cells are shown as they are; None is a blank, and a bar a bar."""
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        is_number = any(word in column for word in NUMERIC)
        made.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        made.add_row(*map(_cell, row))
    return made


def _cell(cell: object) -> RenderableType:
    if isinstance(cell, ProgressBar):
        return cell
    return "" if cell is None else str(cell)


def amount(text: str | None) -> str | None:
    """An exact amount to two places, half-even, for people; None stays what it is: not known."""
    return None if text is None else f"{Decimal(text):z,.2f}"


def percent(text: str | None) -> str | None:
    """A fraction likewise."""
    return None if text is None else f"{Decimal(text).scaleb(2):z,.2f} %"


def masked(text: str) -> str:
    """An address, or a text with addresses in it, without passwords."""
    return _PASSWORDS.sub(r"\1\2***", text)
