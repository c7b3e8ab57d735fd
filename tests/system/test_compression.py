from tests.system.events import trade
from tests.system.log import send
from tests.system.system import System

CODECS = ("gzip", "lz4", "snappy", "zstd")


def test_producers_may_compress_as_they_like(system: System) -> None:
    system.worker().start()
    system.store.start()
    for codec in CODECS:
        # Several in one batch, so that compressing is worth it to the client.
        batch = [trade("P1", f"{codec}{n}", "BUY", "2024-01-02", "1", "1") for n in range(50)]
        send(system.kafka, batch, compression=codec)
    system.wait_settled()
    assert len(system.rows("transactions")) == 50 * len(CODECS)
    assert system.differences() == []
