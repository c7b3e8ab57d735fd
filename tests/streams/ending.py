"""A process with a lane that meets something it must not go on with.

    python -m tests.streams.ending FOLDER (gap | again | tampered)

Says `committed` at each commit, and `went on` if nothing ended it.
"""

import sys
from decimal import Decimal
from pathlib import Path

from streams import state
from streams.tables import Table, Tables
from tests.streams.lanes import Logs, MemoryLog, Message, batch, lane_over
from tests.wire.events import BUY, text_of


class TellingLog(MemoryLog):
    def fail(self, stage: str) -> None:
        if stage == "behind":
            say("committed")


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def message(offset: int) -> Message:
    event = BUY | {"transaction_id": f"T{offset}", "portfolio_id": "P0"}
    return Message(offset, b"P0", text_of(event))


def tamper(table: Table) -> None:
    value = table.get(state.holding_key("P0", "S1"))
    stored = state.decode_holding("P0", "S1", value)
    stored.holding.cost += Decimal("1E-12")
    tampered = state.encode_holding(stored.holding, 1, stored.paged)
    table.write([(state.holding_key("P0", "S1"), tampered)])


def main(folder: Path, what: str) -> None:
    table = Tables(folder).open(0)
    log = TellingLog(Logs(), 0)
    lane = lane_over(table, log)
    lane.handle([batch([message(0)])])
    if what == "tampered":
        tamper(table)
        lane = lane_over(table, log)  # with nothing cached
    offset = {"gap": 2, "again": 0, "tampered": 1}[what]
    lane.handle([batch([message(offset)])])
    say("went on")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
