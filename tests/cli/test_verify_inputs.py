from faust.types.tuples import TP

from calculator import Source
from cli.servers import Connections
from cli.verify.inputs import read_inputs
from tests.streams.test_transport import Log
from tests.system.log import make_topics_anew
from wire.topics import FORWARDED


def test_a_forwarded_record_whose_header_names_are_no_text_speaks_for_itself(
    servers: Connections,
) -> None:
    make_topics_anew(servers.kafka)
    log = Log(servers.kafka.bootstrap)
    log.tp = TP(FORWARDED.name, 3)
    log.headers(b"plain", b"\xff", b"a\x80b", compression=0)
    inputs = read_inputs(servers.kafka, {(FORWARDED.name, 3): 3}, 8)
    assert inputs.unreadable.keys() == {Source(FORWARDED.name, 3, offset) for offset in range(3)}
    assert inputs.events == 0
