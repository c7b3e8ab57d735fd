"""What became of an event at the door."""

from enum import StrEnum


class Taken(StrEnum):
    """Of one identity the highest version stands, whichever comes first."""

    JOURNALLED = "journalled"
    DUPLICATE = "duplicate"  # same version, same content: nothing changes
    SUPERSEDED = "superseded"  # a higher version is known
    CONFLICT = "conflict"  # same version, other content: the first to arrive stays
