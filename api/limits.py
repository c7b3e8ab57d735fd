"""How often somebody may ask: a bucket of tokens for each.

A few lines of our own, as the libraries of this kind count in windows or want a store.
"""

import math
import time
from collections.abc import Callable
from http import HTTPStatus

from api.problems import Problem

# Who asked longest ago is forgotten first, and begins anew with a full bucket.
BUCKETS_MAX = 10_000


class Limits:
    """`rate` tokens a second flow into each bucket, a second's worth of them fits in, and each
    request takes one. A rate of 0 limits nobody."""

    def __init__(self, rate: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens, and when there were so many

    def charge(self, who: str) -> None:
        """Take a token; a problem 429 where there is none."""
        if not self._rate:
            return
        now = self._now()
        before, at = self._buckets.pop(who, (float(self._rate), now))
        tokens = min(float(self._rate), before + (now - at) * self._rate)
        is_enough = tokens >= 1
        self._buckets[who] = (tokens - 1 if is_enough else tokens, now)
        if len(self._buckets) > BUCKETS_MAX:
            del self._buckets[next(iter(self._buckets))]
        if not is_enough:
            raise _too_many(self._rate, (1 - tokens) / self._rate)


def _too_many(rate: int, seconds: float) -> Problem:
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too-many-requests",
        f"More than {rate} requests a second.",
        headers={"Retry-After": str(math.ceil(seconds))},
    )
