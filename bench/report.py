"""What the runs said, as a table for people or as JSON for programs."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click

from bench.calculator import Alone
from bench.floor import Floor
from bench.load import Load
from bench.watch import Span
from cli.printing import console, table


@dataclass(frozen=True, slots=True)
class Run:
    """One run of ours, and the limits beside it."""

    workers: int
    span: Span
    seconds_to_positions: float  # from the last row to the last of everything else
    floors: dict[str, Floor]
    alone: Alone


@dataclass(frozen=True, slots=True)
class Measured:
    """All runs of one load on one machine; of the peers one span for each run."""

    load: Load
    machine: dict[str, str]
    runs: list[Run]
    peers: dict[str, list[Span]]

    def of(self, workers: int) -> list[Run]:
        return [run for run in self.runs if run.workers == workers]

    @property
    def workers(self) -> list[int]:
        return sorted({run.workers for run in self.runs})

    def as_json(self) -> dict[str, object]:
        rates = {n: [run.span.events_per_second for run in self.of(n)] for n in self.workers}
        return asdict(self) | {"events_per_second": {n: spread(r) for n, r in rates.items()}}


def plural(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def spread(figures: Sequence[float]) -> dict[str, float]:
    return {
        "median": statistics.median(figures),
        "lowest": min(figures),
        "highest": max(figures),
    }


def print_measured(measured: Measured) -> None:
    load = measured.load
    for name, value in measured.machine.items():
        click.echo(f"{name}: {value}")
    click.echo(f"load: {load.events:,} events, {load.method}, {load.holdings:,} holdings\n")
    for workers in measured.workers:
        runs = measured.of(workers)
        title = f"{plural(workers, 'worker')} and 1 store"
        print_spans(title, [run.span for run in runs], _limits(runs))
    for peer, spans in measured.peers.items():
        print_spans(peer, spans)
    for peer, spans in measured.peers.items():
        for workers in measured.workers:
            ratio = _ratio([run.span for run in measured.of(workers)], spans)
            click.echo(f"{plural(workers, 'worker')}: {ratio:.2f} times {peer}")


def print_spans(title: str, spans: Sequence[Span], beside: Sequence[list[str]] = ()) -> None:
    """A column for each run, and more rows of the same columns beside."""
    numbers = [f"run {number}" for number in range(1, len(spans) + 1)]
    rows = [*_rows(spans), *beside]
    click.echo(f"Kafka to committed rows, {title}")
    console().print(table("", ["", *numbers, "median"], rows))
    rate = spread([span.events_per_second for span in spans])
    click.echo(
        f"{rate['median']:,.0f} events/s, from {rate['lowest']:,.0f} to {rate['highest']:,.0f}\n"
    )


def _ratio(ours: Sequence[Span], peer: Sequence[Span]) -> float:
    """The median of the runs, in each of which the two were neighbours."""
    return statistics.median(
        one.events_per_second / other.events_per_second
        for one, other in zip(ours, peer, strict=True)
    )


def _rows(spans: Sequence[Span]) -> list[list[str]]:
    usages = [span.usage for span in spans]
    return [
        _row("events/s", [span.events_per_second for span in spans]),
        _row("  its second half", [span.second_half for span in spans]),
        *(
            _row(f"CPU us an event: {kind}", [usage.cpu_us[kind] for usage in usages])
            for kind in usages[0].cpu_us
        ),
        _row("CPU us an event: all", [sum(usage.cpu_us.values()) for usage in usages]),
        _row("cores idle", [usage.idle_cores for usage in usages], 2),
        _row("cores used by others", [usage.other_cores for usage in usages], 2),
        _row("cores stolen", [usage.stolen_cores for usage in usages], 2),
        _row("seconds to the first row", [span.seconds_to_first_row for span in spans], 1),
    ]


def _limits(runs: Sequence[Run]) -> list[list[str]]:
    rows = [_row("seconds to the positions", [run.seconds_to_positions for run in runs], 1)]
    for name in runs[0].floors:
        floors = [run.floors[name] for run in runs]
        rows.append(_row(f"sink alone, {name}: events/s", [f.events_per_second for f in floors]))
        for kind in floors[0].cpu_us:
            rows.append(_row(f"  CPU us an event: {kind}", [f.cpu_us[kind] for f in floors]))
    alone = [run.alone for run in runs]
    return [
        *rows,
        _row("calculator alone, one core: events/s", [a.events_per_second for a in alone]),
        _row("  CPU us an event: decode", [a.decode_us for a in alone]),
        _row("  CPU us an event: ledger", [a.ledger_us for a in alone]),
    ]


def _row(name: str, figures: Sequence[float], digits: int | None = None) -> list[str]:
    if digits is None:
        digits = 0 if min(figures) >= 1000 else 1
    cells = [f"{figure:,.{digits}f}" for figure in (*figures, statistics.median(figures))]
    return [name, *cells]
