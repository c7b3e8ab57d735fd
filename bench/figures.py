"""What a benchmark found: each figure over all runs, with its spread, beside what is aimed at."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import click

from bench.machine import Usage
from cli.printing import console, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that every run measured."""

    name: str
    unit: str
    runs: Sequence[float]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"at most {shown(self.at_most)}"
        return "" if self.at_least is None else f"at least {shown(self.at_least)}"

    @property
    def is_reached(self) -> bool | None:
        """By the median; None where nothing is aimed at."""
        if self.at_most is not None:
            return self.median <= self.at_most
        return None if self.at_least is None else self.median >= self.at_least

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "runs": list(self.runs),
            "median": self.median,
            "lowest": min(self.runs),
            "highest": max(self.runs),
            "at_most": self.at_most,
            "at_least": self.at_least,
            "is_reached": self.is_reached,
        }

    def row(self) -> list[str]:
        verdict = {None: "", True: "yes", False: "NO"}[self.is_reached]
        spread = f"{shown(min(self.runs))} to {shown(max(self.runs))}"
        return [self.name, self.unit, shown(self.median), spread, self.target, verdict]


@dataclass(frozen=True, slots=True)
class Report:
    """Figures by what they are about."""

    machine: Mapping[str, str]
    groups: dict[str, list[Figure]] = field(default_factory=dict)

    def show(self, *, as_json: bool) -> None:
        if as_json:
            groups = {
                title: [figure.as_json() for figure in figures]
                for title, figures in self.groups.items()
            }
            click.echo(json.dumps({"machine": self.machine, "groups": groups}))
            return
        for name, value in self.machine.items():
            click.echo(f"{name}: {value}")
        columns = ["", "unit", "median", "lowest to highest", "aimed at", "reached"]
        for title, figures in self.groups.items():
            console().print(table(title, columns, [figure.row() for figure in figures]))


def of_usage(usages: Sequence[Usage], *, after: str = "an event") -> list[Figure]:
    """Who used the processors, by kind of process, and who else did."""
    kinds = usages[0].cpu_us
    by_kind = [
        Figure(
            name=f"CPU: {kind}",
            unit=f"us {after}",
            runs=[usage.cpu_us[kind] for usage in usages],
        )
        for kind in kinds
    ]
    total = Figure(
        name="CPU: all",
        unit=f"us {after}",
        runs=[sum(usage.cpu_us.values()) for usage in usages],
    )
    cores = [
        Figure(name=f"cores {name}", unit="", runs=runs)
        for name, runs in (
            ("idle", [usage.idle_cores for usage in usages]),
            ("used by others", [usage.other_cores for usage in usages]),
            ("stolen", [usage.stolen_cores for usage in usages]),
        )
    ]
    return [*by_kind, total, *cores]


def shown(figure: float) -> str:
    """With three digits or more that say something."""
    size = abs(figure)
    return f"{figure:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
