"""Lot relief: which lots a decrease takes first. A method is an ordering, nothing else."""

from enum import StrEnum


class ReliefMethod(StrEnum):
    """How a holding chooses the lots that a decrease relieves."""

    FIFO = "FIFO"  # oldest first, by booking order
    LIFO = "LIFO"  # newest first
    HIFO = "HIFO"  # highest unit cost first, ties oldest first
    LOFO = "LOFO"  # lowest unit cost first, ties oldest first
    AVCO = "AVCO"  # one pool at average cost

    def __init__(self, _: str) -> None:
        # Plain attributes: comparing enum members costs a call, and this is asked per lot.
        self.by_unit_cost = self.value in ("HIFO", "LOFO")
        self.newest_first = self.value == "LIFO"
        self.highest_first = self.value == "HIFO"
        self.pools = self.value == "AVCO"
