"""Runs all benchmarks, one after another.

    python -m bench --only late --only memory
    python -m bench --charts .            # also draws history.svg and latency.svg there

Ends with status 1 where one of them ends otherwise than well.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from bench.stage import ROOT

# By module, with what each is told. Soak is not among them: it is a test that takes half an hour.
BENCHMARKS: Mapping[str, tuple[str, ...]] = {
    "end_to_end": ("--workers", "1", "--workers", "2", "--peer-warm"),
    "step": (),
    "calculator": (),
    "history": (),
    "late": (),
    "late_rate": (),
    "memory": (),
    "latency": (),
    "ticks": (),
    "ingest": (),
    "prices": (),
    "restart": (),
    "rebalance": (),
    "series": (),
    "valuations": (),
}
CHARTS = ("history", "latency")


def commands(only: tuple[str, ...], charts: Path | None) -> Iterator[tuple[str, list[str]]]:
    """(name, arguments of Python) of each."""
    for name in only or BENCHMARKS:
        arguments = ["-m", f"bench.{name}", *BENCHMARKS[name]]
        if charts is not None and name in CHARTS:
            arguments += ["--chart", str(charts.resolve() / f"{name}.svg")]
        yield name, arguments


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(BENCHMARKS)), help="Not all of them.")
@click.option(
    "--charts", type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A folder to draw charts in.",
)  # fmt: skip
def main(only: tuple[str, ...], charts: Path | None) -> None:
    """Measure everything. Nothing else should run on the machine."""
    failed = []
    for name, arguments in commands(only, charts):
        click.echo(f"== bench.{name}")
        if subprocess.call([sys.executable, *arguments], cwd=ROOT):
            failed.append(name)
    if failed:
        raise click.ClickException(f"did not end well: {', '.join(failed)}")


if __name__ == "__main__":
    main()
