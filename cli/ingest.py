"""`portfolio ingest`: a file of transactions, or of portfolio records, into Kafka."""

import codecs
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from calculator import Cancellation, Portfolio, Transaction
from cli.printing import console, json_option, messages, print_json
from cli.sending import Sender
from cli.servers import broker
from wire.broker import Broker
from wire.csvlines import (
    BYTE_ORDER_MARK,
    OF_PORTFOLIOS,
    OF_TRANSACTIONS,
    Columns,
    NumberedEvent,
    columns_of,
    events_of_csv,
    events_of_json_lines,
    has_content,
)
from wire.fields import FieldError, Malformed
from wire.portfolios import decode_portfolio
from wire.topics import PORTFOLIOS, RAW_TRANSACTIONS, Topic
from wire.transactions import decode_transaction

PORTFOLIO_FIELD = b'"cost_basis_method"'  # no transaction has it, every portfolio record does
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
STDIN = Path("-")
ERRORS_LISTED_MAX = 100  # in the JSON summary; stderr gets them all
PROGRESS_EVERY = 2000  # events

Read = Callable[[bytes], Transaction | Cancellation | Portfolio | Malformed]


@dataclass(slots=True)
class Summary:
    """What became of a file."""

    file: str
    topic: str
    is_dry_run: bool
    events: int = 0  # read, good or not
    sent: int = 0
    malformed: int = 0
    seconds: float = 0.0
    errors: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """An opened file: its events, how to read one, and where they go."""

    events: Iterator[NumberedEvent]
    read: Read
    topic: Topic
    file: BinaryIO

    @property
    def size_bytes(self) -> int | None:
        """None where nobody knows it, as of a pipe."""
        try:
            return os.fstat(self.file.fileno()).st_size or None
        except OSError:
            return None

    @property
    def position(self) -> int:
        """Bytes of the file that were read."""
        return self.file.tell() if self.file.seekable() else 0


@click.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option("--dry-run", is_flag=True, help="Check every line and send nothing.")
@click.option(
    "--portfolios/--transactions",
    "are_portfolios",
    default=None,
    help="What the file holds. By default its first line tells: only portfolio records have a "
    "cost_basis_method.",
)
@json_option
@click.pass_context
def ingest(
    context: click.Context, file: Path, dry_run: bool, are_portfolios: bool | None, as_json: bool
) -> None:
    """Send the events of FILE, - for stdin: CSV or one JSON object a line, as its first line shows.

    The first line of CSV names the fields; one with a cost_basis_method names those of portfolio
    records, which is what the file then holds.

    Malformed lines are reported on stderr and left out; the others are sent all the same, and the
    exit code is 1. Sending a file again does no harm: what is known already changes nothing.
    """
    kafka = None if dry_run else broker(context.obj)
    summary = ingest_file(file, kafka, are_portfolios)
    if as_json:
        print_json(_described(summary))
    else:
        _show(summary)
    context.exit(1 if summary.malformed else 0)


def ingest_file(file: Path, kafka: Broker | None, are_portfolios: bool | None = None) -> Summary:
    """Send a file to Kafka, None: only check it; complain on stderr."""
    with open_source(file, are_portfolios) as source:
        sender = None if kafka is None else Sender(kafka, source.topic.name)
        with _progress(source, _name(file)) as advance:
            return send_all(source, _name(file), sender, _complain(_name(file)), advance)


@contextmanager
def open_source(file: Path, are_portfolios: bool | None) -> Iterator[Source]:
    """The events of a file; are_portfolios None: its first line tells."""
    with _opened(file) as opened:
        head = _up_to_first_line(opened)
        first = head[-1].removeprefix(BYTE_ORDER_MARK.encode()) if head else b""
        if not has_content(first.decode("utf-8", "surrogateescape")):
            raise click.ClickException(f"{_name(file)} is empty")
        if first.startswith(UTF16_MARKS) or b"\0" in first[:2]:
            raise click.ClickException(f"{_name(file)} is not UTF-8; it looks like UTF-16")
        # One that ends in carriage returns alone came whole.
        top = list(io.StringIO(b"".join(head).decode("utf-8", "surrogateescape"), newline=""))
        columns = columns_of(next(filter(has_content, top), ""))
        events: Iterator[NumberedEvent]
        if _is_csv(file, first, columns):
            rest = io.TextIOWrapper(opened, "utf-8", errors="surrogateescape", newline="")
            if are_portfolios is None:
                are_portfolios = columns is OF_PORTFOLIOS
            columns = OF_PORTFOLIOS if are_portfolios else OF_TRANSACTIONS
            events = events_of_csv(chain(top, rest), columns)
        else:
            if are_portfolios is None:
                are_portfolios = PORTFOLIO_FIELD in first
            events = events_of_json_lines(chain(head, opened))
        read, topic = (
            (decode_portfolio, PORTFOLIOS)
            if are_portfolios
            else (decode_transaction, RAW_TRANSACTIONS)
        )
        yield Source(events, read, topic, opened)


def _is_csv(file: Path, first: bytes, columns: Columns | None) -> bool:
    """By the first line, and where that is no line of either kind by the name."""
    if first.lstrip().startswith(b"{"):
        return False
    return columns is not None or file.suffix.lower() == ".csv"


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    if file == STDIN:
        return nullcontext(click.get_binary_stream("stdin"))
    return file.open("rb")


def _up_to_first_line(opened: BinaryIO) -> list[bytes]:
    """The lines of a file up to the first that is not empty."""
    head = []
    for line in iter(opened.readline, b""):
        head.append(line)
        if has_content(line.decode("utf-8", "surrogateescape")):
            break
    return head


def _name(file: Path) -> str:
    return "stdin" if file == STDIN else str(file)


def send_all(
    source: Source,
    name: str,
    sender: Sender | None,
    complain: Callable[[int, Iterable[FieldError]], None],
    advance: Callable[[], None] = lambda: None,
) -> Summary:
    """Check and send every event; without a sender only check."""
    summary = Summary(name, source.topic.name, is_dry_run=sender is None)
    began = time.monotonic()
    for line, event in source.events:
        summary.events += 1
        content = event if isinstance(event, Malformed) else source.read(event)
        if isinstance(content, Malformed):
            summary.malformed += 1
            complain(line, content.errors)
            if len(summary.errors) < ERRORS_LISTED_MAX:
                summary.errors += [_listed(line, error) for error in content.errors]
        elif sender is not None:
            assert isinstance(event, bytes)
            sender.send(content.portfolio_id, event)
        if summary.events % PROGRESS_EVERY == 0:
            advance()
    if sender is not None:
        sender.finish()
        summary.sent = sender.sent
    summary.seconds = time.monotonic() - began
    return summary


def _complain(file: str) -> Callable[[int, Iterable[FieldError]], None]:
    def complain(line: int, errors: Iterable[FieldError]) -> None:
        for error in errors:
            where = f"{file}:{line}: {error.field}: " if error.field else f"{file}:{line}: "
            click.echo(f"{where}{error.rule.value}: {error.message}", err=True)

    return complain


@contextmanager
def _progress(source: Source, name: str) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; nothing on a pipe."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
        console=messages(),
        transient=True,
        disable=not messages().is_terminal,
    )
    with bar:
        task = bar.add_task(Path(name).name, total=source.size_bytes)
        yield lambda: bar.update(task, completed=source.position)


def _listed(line: int, error: FieldError) -> dict[str, object]:
    return {
        "line": line,
        "field": error.field,
        "rule": error.rule.value,
        "message": error.message,
    }


def _described(summary: Summary) -> dict[str, object]:
    return {
        "file": summary.file,
        "topic": summary.topic,
        "dry_run": summary.is_dry_run,
        "events": summary.events,
        "sent": summary.sent,
        "malformed": summary.malformed,
        "seconds": round(summary.seconds, 3),
        "errors": summary.errors,
    }


def _show(summary: Summary) -> None:
    good = summary.events - summary.malformed
    rate = f", {summary.events / summary.seconds:,.0f} a second" if summary.seconds > 1 else ""
    out = console()
    if summary.is_dry_run:
        out.print(f"{good} good and {summary.malformed} malformed; nothing was sent")
    else:
        out.print(
            f"sent {summary.sent} to {summary.topic} in {summary.seconds:.1f} s{rate}; "
            f"{summary.malformed} malformed"
        )
