"""Who holds a security: an index beside the journal, for what changes in all portfolios at once."""

from bisect import bisect_left, bisect_right, insort
from typing import Protocol


class Holders(Protocol):
    """The portfolios by the securities that they have a holding of."""

    walks: dict[str, str]
    """security_id -> portfolio_id up to which its holdings were met since its instrument made it
    cash, or made it cash no more; empty at the begin."""

    def of(self, security_id: str, after: str, limit: int) -> list[str]:
        """Up to `limit` portfolios above `after`, lowest first. Those of holdings that were put
        since the last batch may be missing: they were put under the terms in force."""

    def put_walk(self, security_id: str, after: str) -> None: ...
    def drop_walk(self, security_id: str) -> None: ...


class MemoryHolders:
    """The index in sorted lists."""

    def __init__(self) -> None:
        self.walks: dict[str, str] = {}
        self._portfolios: dict[str, list[str]] = {}

    def put(self, portfolio_id: str, security_id: str) -> None:
        portfolios = self._portfolios.setdefault(security_id, [])
        at = bisect_left(portfolios, portfolio_id)
        if portfolios[at : at + 1] != [portfolio_id]:
            insort(portfolios, portfolio_id)

    def drop(self, portfolio_id: str, security_id: str) -> None:
        portfolios = self._portfolios[security_id]
        del portfolios[bisect_left(portfolios, portfolio_id)]

    def of(self, security_id: str, after: str, limit: int) -> list[str]:
        portfolios = self._portfolios.get(security_id, [])
        start = bisect_right(portfolios, after)
        return portfolios[start : start + limit]

    def put_walk(self, security_id: str, after: str) -> None:
        self.walks[security_id] = after

    def drop_walk(self, security_id: str) -> None:
        del self.walks[security_id]
