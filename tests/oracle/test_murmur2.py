"""Vectors that Apache Kafka's own tests of its client publish (UtilsTest.testMurmur2)."""

import pytest

from tests.oracle.murmur2 import murmur2, partition_of


@pytest.mark.parametrize(
    ("data", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_the_java_client(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed % 2**32


def test_the_partition_drops_the_sign_instead_of_negating() -> None:
    assert partition_of("21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000
