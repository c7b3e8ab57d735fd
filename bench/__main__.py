"""Runs all benchmarks, one after another; status 1 where one finds something wrong."""

import subprocess
import sys

import click

from bench.stage import ROOT


@click.command()
@click.option("--events", default=400_000, show_default=True, type=click.IntRange(10_000))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
def main(events: int, runs: int) -> None:
    """One worker and two from Kafka to PostgreSQL, then a lane without its servers."""
    size = ["--events", str(events)]
    for module, arguments in (
        ("bench.end_to_end", ["--workers", "1", "--workers", "2", "--runs", str(runs)]),
        ("bench.step", []),
    ):
        click.echo(f"== {module}")
        status = subprocess.call([sys.executable, "-m", module, *size, *arguments], cwd=ROOT)
        if status:
            raise click.ClickException(f"{module} ended with status {status}")


if __name__ == "__main__":
    main()
