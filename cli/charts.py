"""Small charts of lines, as wide as there is room, and without a colour where there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isnan

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.text import Text

HEIGHT = 8  # lines, axes apart
WIDTH_MAX = 100  # columns, labels included
BAR_WIDTH = 20
POINTS_MIN = 2
_FLAT = 1e-9  # of its values, what a line must move to be drawn as one that does


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """Points are for the eye: floats, whatever they were. NaN is a gap."""

    title: str
    days: Sequence[date]
    lines: Mapping[str, Sequence[float]]  # by name; two at most can be told apart
    unit: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.title, style="bold")
        has_colors = console.color_system is not None
        drawn = self._drawn(
            min(options.max_width, WIDTH_MAX), has_colors, is_ascii=options.ascii_only
        )
        yield Text.from_ansi(drawn, no_wrap=True, overflow="crop")

    def _drawn(self, width: int, has_colors: bool, *, is_ascii: bool) -> str:
        # Who asks for JSON need not wait for numpy.
        import numpy as np
        from uniplot import plot_to_string

        several = len(self.lines) > 1
        bounds = _bounds([point for points in self.lines.values() for point in points])
        drawn = plot_to_string(
            xs=[np.array(self.days, dtype="datetime64[D]")] * len(self.lines),
            ys=[np.array(points) for points in self.lines.values()],
            lines=True,
            height=HEIGHT,
            line_length_hard_cap=width,
            width=width,
            color=several and has_colors,
            # Without colours lines differ by their letters.
            character_set="ascii" if is_ascii or (several and not has_colors) else "braille",
            legend_labels=list(self.lines) if several else None,
            y_unit=self.unit,
            **bounds,
        )
        return drawn.translate(_PLAIN_FRAME) if is_ascii else drawn


def _bounds(points: Sequence[float]) -> dict[str, float]:
    """Of lines that are flat, as far as floats can tell, some room around them; none of others."""
    known = [point for point in points if not isnan(point)]
    if not known:
        return {}
    lowest, highest = min(known), max(known)
    room = max(abs(lowest), abs(highest)) * _FLAT
    if room < 1 or highest - lowest > room:
        return {}
    return {"y_min": lowest - 1e6 * room, "y_max": highest + 1e6 * room}


# What frames are drawn with.
_PLAIN_FRAME = str.maketrans("┌┐└┘─│▁", "++++-|_")


def bar(fraction: float) -> ProgressBar:
    """A part of 1; what is below zero is nothing."""
    return ProgressBar(total=1, completed=max(fraction, 0.0), width=BAR_WIDTH)
