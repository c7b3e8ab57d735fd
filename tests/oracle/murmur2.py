"""The partition of a portfolio: murmur2 over its UTF-8 bytes, as the Java client computes it."""

MASK = 0xFFFFFFFF
MIX = 0x5BD1E995
SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """Austin Appleby's MurmurHash2 in 32 bits, with Kafka's seed, as an unsigned number."""
    hashed = SEED ^ len(data)
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * MIX & MASK
        word = (word ^ word >> 24) * MIX & MASK
        hashed = hashed * MIX & MASK ^ word
    if whole < len(data):
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * MIX & MASK
    hashed = (hashed ^ hashed >> 13) * MIX & MASK
    return hashed ^ hashed >> 15


def partition_of(portfolio_id: str, partitions: int) -> int:
    """Kafka's default for a key: the hash without its sign, modulo the partitions."""
    return (murmur2(portfolio_id.encode()) & 0x7FFFFFFF) % partitions
