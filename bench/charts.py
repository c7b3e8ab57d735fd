"""Charts as SVG files that are the same, byte for byte, where the figures are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

Points = Sequence[tuple[float, float]]


def lines(
    path: Path, title: str, x: str, y: str, series: Mapping[str, Points], *, log_x: bool = False
) -> None:
    """Draw one line for each of `series`, from 0 upwards; `x` and `y` name the axes and units."""
    with mpl.rc_context({"svg.hashsalt": "bench", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        axes = figure.subplots()
        for name, points in series.items():
            axes.plot([at for at, _ in points], [value for _, value in points], "o-", label=name)
        axes.set(title=title, xlabel=x, ylabel=y, ylim=(0, None))
        if log_x:
            axes.set_xscale("log")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})
