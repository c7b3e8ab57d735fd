"""`portfolio ingest`: a file of transactions, portfolio records or reference data, into Kafka."""

import codecs
import io
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import wraps
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli.printing import console, json_option, messages, print_json
from cli.sending import Sender
from cli.servers import broker
from wire import reference
from wire.broker import Broker
from wire.csvlines import (
    BYTE_ORDER_MARK,
    OF_PORTFOLIOS,
    OF_REFERENCE,
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
from wire.transactions import identify_transaction

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
STDIN = Path("-")
ERRORS_LISTED_MAX = 100  # in the JSON summary; stderr gets them all
PROGRESS_EVERY = 2000  # events

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file may hold: how to tell and to read it, and where its events go by which key."""

    telltale: str  # a field that each event of this kind has, and none of another
    columns: Columns
    read: Callable[[bytes], Any]  # Malformed, or what `key_of` takes
    topic: Topic
    key_of: Callable[[Any], str]


OF_PORTFOLIO = attrgetter("portfolio_id")
KINDS = {
    "transactions": Kind(
        "transaction_type", OF_TRANSACTIONS, identify_transaction, RAW_TRANSACTIONS, OF_PORTFOLIO
    ),
    "portfolios": Kind(
        "cost_basis_method", OF_PORTFOLIOS, decode_portfolio, PORTFOLIOS, OF_PORTFOLIO
    ),
} | {
    kind.name.replace("_", "-"): Kind(
        kind.telltale, OF_REFERENCE[kind.telltale], kind.decode, kind.topic, kind.key_of
    )
    for kind in reference.KINDS
}


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
    """An opened file: its events, and what they are."""

    events: Iterator[NumberedEvent]
    kind: Kind
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


def kind_options(command: Function) -> Function:
    """A flag for each kind, of which one may be given; without one the file tells."""

    @wraps(command)
    def of_kind(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it takes
        given = [name for name in KINDS if options.pop(name.replace("-", "_"))]
        if len(given) > 1:
            flags = " and ".join(f"--{name}" for name in given)
            raise click.UsageError(f"A file holds one kind: {flags} exclude each other.")
        return command(*arguments, kind=given[0] if given else None, **options)

    for name, kind in reversed(KINDS.items()):
        of_kind = click.option(
            f"--{name}", is_flag=True,
            help=f"The file holds {name.replace('-', ' ')}; by default the first line tells, by its "
            f"{kind.telltale}.",
        )(of_kind)  # fmt: skip
    return cast(Function, of_kind)


@click.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option("--dry-run", is_flag=True, help="Check every line and send nothing.")
@kind_options
@json_option
@click.pass_context
def ingest(
    context: click.Context, file: Path, dry_run: bool, kind: str | None, as_json: bool
) -> None:
    """Send the events of FILE, - for stdin: CSV or one JSON object a line, as its first line shows.

    The first line of CSV names the fields, and so tells what the file holds: transactions,
    portfolio records, instruments, market prices, exchange rates or business dates.

    Malformed lines are reported on stderr and left out; the others are sent all the same, and the
    exit code is 1. Sending a file again does no harm: what is known already changes nothing.
    """
    kafka = None if dry_run else broker(context.obj)
    summary = ingest_file(file, kafka, kind)
    if as_json:
        print_json(_described(summary))
    else:
        _show(summary)
    context.exit(1 if summary.malformed else 0)


def ingest_file(file: Path, kafka: Broker | None, kind: str | None = None) -> Summary:
    """Send a file to Kafka, None: only check it; complain on stderr."""
    with open_source(file, kind) as source:
        sender = None if kafka is None else Sender(kafka, source.kind.topic.name)
        with _progress(source, _name(file)) as advance:
            return send_all(source, _name(file), sender, _complain(_name(file)), advance)


@contextmanager
def open_source(file: Path, name: str | None) -> Iterator[Source]:
    """The events of a file; name None: its first line tells which of the KINDS they are."""
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
            kind = KINDS[name] if name else _kind_where(lambda kind: kind.columns is columns)
            events = events_of_csv(chain(top, rest), kind.columns)
        else:
            kind = KINDS[name] if name else _kind_where(lambda kind: _has(first, kind.telltale))
            events = events_of_json_lines(chain(head, opened))
        yield Source(events, kind, opened)


def _kind_where(is_told: Callable[[Kind], bool]) -> Kind:
    """What nothing is told of is taken for transactions, whose errors then say what is missing."""
    return next(filter(is_told, KINDS.values()), KINDS["transactions"])


def _has(line: bytes, field: str) -> bool:
    """Whether a JSON object has the field, also one that is cut off."""
    return re.search(rb'"%b"\s*:' % field.encode(), line) is not None


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
    summary = Summary(name, source.kind.topic.name, is_dry_run=sender is None)
    began = time.monotonic()
    for line, event in source.events:
        summary.events += 1
        content = event if isinstance(event, Malformed) else source.kind.read(event)
        if isinstance(content, Malformed):
            summary.malformed += 1
            complain(line, content.errors)
            if len(summary.errors) < ERRORS_LISTED_MAX:
                summary.errors += [_listed(line, error) for error in content.errors]
        elif sender is not None:
            assert isinstance(event, bytes)
            sender.send(source.kind.key_of(content), event)
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
