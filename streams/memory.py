"""How much memory the process takes from the machine."""

import ctypes

_ARENA_MAX = -8  # of mallopt


def share_one_arena() -> bool:
    """Let all threads allocate from one arena, before any is started; say whether that is so.

    Elsewise each thread gets one of its own, and what one of them has freed is of no use to the
    others: lanes that take turns with large batches would hold as much as if all had one at once.
    Only glibc has a word for it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_ARENA_MAX, 1))
