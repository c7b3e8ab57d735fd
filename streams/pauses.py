"""The time from one transaction to the next, in which more records gather for it.

A transaction of a few records costs all processes more than everything else about them. Where the
machine is busy a transaction takes longer, and the next one comes so many times later, so that
fewer of them leave more room.
"""

from dataclasses import dataclass

TIMES = 4


@dataclass(frozen=True, slots=True)
class Pause:
    """Its bounds in seconds."""

    least: float
    most: float

    def after(self, seconds: float) -> float:
        """From the begin of a transaction that took so long to that of the next."""
        return min(self.most, max(self.least, TIMES * seconds))
