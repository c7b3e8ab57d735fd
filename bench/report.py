"""What the runs said, as a table for people or as JSON for programs."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click

from bench.calculator import Alone
from bench.floor import Floor
from bench.load import Load
from bench.machine import Usage
from cli.printing import console, table


@dataclass(frozen=True, slots=True)
class Run:
    """Rates are in events/s, `usage.cpu_us` is for one event."""

    workers: int
    events_per_second: float
    second_half: float  # of the same, without the start
    usage: Usage
    seconds_to_first_row: float  # from the start of the workers
    seconds_to_positions: float  # from the last row to the last of everything else
    floors: dict[str, Floor]
    alone: Alone


@dataclass(frozen=True, slots=True)
class Measured:
    """All runs of one load on one machine."""

    load: Load
    machine: dict[str, str]
    runs: list[Run]

    def of(self, workers: int) -> list[Run]:
        return [run for run in self.runs if run.workers == workers]

    @property
    def workers(self) -> list[int]:
        return sorted({run.workers for run in self.runs})

    def as_json(self) -> dict[str, object]:
        rates = {n: [run.events_per_second for run in self.of(n)] for n in self.workers}
        return asdict(self) | {"events_per_second": {n: spread(r) for n, r in rates.items()}}


def spread(figures: Sequence[float]) -> dict[str, float]:
    return {
        "median": statistics.median(figures),
        "lowest": min(figures),
        "highest": max(figures),
    }


def print_measured(measured: Measured) -> None:
    out, load = console(), measured.load
    for name, value in measured.machine.items():
        click.echo(f"{name}: {value}")
    click.echo(f"load: {load.events:,} events, {load.method}, {load.holdings:,} holdings\n")
    for workers in measured.workers:
        runs = measured.of(workers)
        title = f"Kafka to committed rows, {workers} worker{'s' if workers > 1 else ''} and 1 store"
        out.print(table(title, ["", *_numbers(runs), "median"], _rows(runs)))
        rate = spread([run.events_per_second for run in runs])
        click.echo(
            f"{rate['median']:,.0f} events/s, from {rate['lowest']:,.0f} to {rate['highest']:,.0f}\n"
        )


def _numbers(runs: Sequence[Run]) -> list[str]:
    return [f"run {number}" for number in range(1, len(runs) + 1)]


def _rows(runs: Sequence[Run]) -> list[list[str]]:
    rows = [
        _row("events/s", [run.events_per_second for run in runs]),
        _row("  its second half", [run.second_half for run in runs]),
        *(
            _row(f"CPU us an event: {kind}", [run.usage.cpu_us[kind] for run in runs])
            for kind in runs[0].usage.cpu_us
        ),
        _row("CPU us an event: all", [sum(run.usage.cpu_us.values()) for run in runs]),
        _row("cores idle", [run.usage.idle_cores for run in runs], 2),
        _row("cores used by others", [run.usage.other_cores for run in runs], 2),
        _row("cores stolen", [run.usage.stolen_cores for run in runs], 2),
        _row("seconds to the first row", [run.seconds_to_first_row for run in runs], 1),
        _row("seconds to the positions", [run.seconds_to_positions for run in runs], 1),
    ]
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
