"""Of everything that arrived for one identity: what stands, and what must be a dead letter.

In its own partition the order of arrival is that of the offsets. A record that was forwarded
arrived at a time nobody can tell from the topic it was first in, so where versions conflict
either content may be the first; what was published then says which it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from calculator import Cancellation, Portfolio, Source, Transaction

Content = TypeVar("Content", Transaction | Cancellation, Portfolio)


@dataclass(frozen=True, slots=True)
class Arrival(Generic[Content]):
    """One readable record."""

    source: Source
    content: Content
    is_direct: bool  # was in the partition of its portfolio from the beginning


@dataclass(frozen=True, slots=True)
class Standing(Generic[Content]):
    """What became of the arrivals of one identity."""

    content: Content
    sources: tuple[Source, ...]  # of these records one is the result's
    dead: tuple[Arrival[Content], ...] = ()
    perhaps_dead: tuple[Arrival[Content], ...] = ()  # by an order of arrival nobody can tell


def standing(
    arrivals: Sequence[Arrival[Content]], is_published: Callable[[Content], bool]
) -> Standing[Content]:
    """arrivals: in the order of their partition; is_published: whether the books show this."""
    if len(arrivals) == 1:
        return Standing(arrivals[0].content, (arrivals[0].source,))
    if all(arrival.is_direct for arrival in arrivals):
        return _in_order(arrivals)
    return _in_any_order(arrivals, is_published)


def _in_order(arrivals: Sequence[Arrival[Content]]) -> Standing[Content]:
    known = arrivals[0]
    dead = []
    for arrival in arrivals[1:]:
        if arrival.content.version > known.content.version:
            known = arrival
        elif arrival.content.version == known.content.version and arrival.content != known.content:
            dead.append(arrival)
    return Standing(known.content, (known.source,), tuple(dead))


def _in_any_order(
    arrivals: Sequence[Arrival[Content]], is_published: Callable[[Content], bool]
) -> Standing[Content]:
    version = max(arrival.content.version for arrival in arrivals)
    newest = [arrival for arrival in arrivals if arrival.content.version == version]
    chosen = next((a for a in newest if is_published(a.content)), newest[0]).content
    perhaps = tuple(
        arrival
        for arrival in arrivals
        if arrival.content.version < version
        and any(
            other.content.version == arrival.content.version and other.content != arrival.content
            for other in arrivals
        )
    )
    return Standing(
        chosen,
        tuple(arrival.source for arrival in newest if arrival.content == chosen),
        tuple(arrival for arrival in newest if arrival.content != chosen),
        perhaps,
    )
