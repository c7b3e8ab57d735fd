"""The securities that are cash by their instruments, and where in their topic each became it, or is
it no more."""

from bisect import bisect_left


class KnownCash:
    """One copy for all lanes. One thread keeps and moves; any other may read meanwhile.

    Lanes may book by what they have not come to yet in the topic: where they come to it, they find
    it booked.
    """

    def __init__(self) -> None:
        self.securities: set[str] = set()
        self.through = 0  # next offset of the topic, all before which is in `securities`
        self._changed: list[str] = []
        self._offsets: list[int] = []  # where each of them changed
        self._said = 0  # changes that whoever moves was told of

    def keep(self, offset: int, security_id: str, *, is_cash: bool) -> None:
        """Take in the next instrument that came in force."""
        if is_cash is (security_id in self.securities):
            return
        if is_cash:
            self.securities.add(security_id)
        else:
            self.securities.remove(security_id)
        self._changed.append(security_id)
        self._offsets.append(offset)

    def move(self, through: int) -> bool:
        """Everything before this offset was kept; whether any of it changed what is cash."""
        self.through = through
        before, self._said = self._said, len(self._offsets)
        return before < self._said

    def since(self, offset: int, limit: int) -> tuple[list[str], int]:
        """Up to `limit` securities that became cash from there on, or are it no more, and the
        offset before which there are no others."""
        through = self.through
        first, end = bisect_left(self._offsets, offset), bisect_left(self._offsets, through)
        if end - first > limit:
            end = first + limit
            through = self._offsets[end]
        return self._changed[first:end], through
