"""Which partition a portfolio belongs to: murmur2, as Java's producer and Faust place keys."""

from functools import lru_cache
from struct import unpack_from

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(key: bytes) -> int:
    """The hash of org.apache.kafka.common.utils.Utils.murmur2, as an unsigned number."""
    size = len(key)
    words = size // 4
    hashed = _SEED ^ size
    for word in unpack_from(f"<{words}I", key):
        mixed = word * _MULTIPLIER & _MASK
        mixed = (mixed ^ mixed >> 24) * _MULTIPLIER & _MASK
        hashed = hashed * _MULTIPLIER & _MASK ^ mixed
    rest = key[words * 4 :]
    if rest:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _MASK
    hashed = (hashed ^ hashed >> 13) * _MULTIPLIER & _MASK
    return hashed ^ hashed >> 15


@lru_cache(maxsize=65_536)
def partition_of(portfolio_id: str, partitions: int) -> int:
    """The partition of everything about a portfolio."""
    return (murmur2(portfolio_id.encode()) & 0x7FFFFFFF) % partitions
