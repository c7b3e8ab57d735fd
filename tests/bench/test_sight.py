import time

from bench.sight import Sight, count_rows, transactions_by_trade
from migrations.upgrade import upgrade
from streams.database import connect, write
from streams.rows import gather
from tests.streams.records import result

PLACE = ("raw_transactions_completed", 0)


def test_a_row_is_seen_when_it_is_committed_never_earlier_and_soon_after(database_url: str) -> None:
    upgrade(database_url)
    store = connect(database_url)
    began, committed = [], []
    with Sight(database_url) as sight:
        for number in range(3):
            began.append(time.perf_counter())
            row = result(transaction_id=f"TRADE-1990-{number:09d}")
            write(store, gather([row]), expected={PLACE: number}, progress={PLACE: number + 1})
            committed.append(time.perf_counter())
    store.close()
    seen = [
        sight.seen_at(transaction)
        for _, transaction in sorted(transactions_by_trade(database_url, 0).items())
    ]
    assert count_rows(database_url) == 3
    assert all(begin < at for begin, at in zip(began, seen, strict=True))
    # An answer that was on its way may not show it, the next one does.
    latest = 2 * sight.longest_gap_seconds
    assert all(at - commit <= latest for at, commit in zip(seen, committed, strict=True))


def test_only_trades_from_a_number_on_are_told(database_url: str) -> None:
    upgrade(database_url)
    store = connect(database_url)
    rows = [result(transaction_id=f"TRADE-1990-{number:09d}") for number in range(4)]
    write(store, gather(rows), expected={PLACE: 0}, progress={PLACE: 4})
    store.close()
    assert set(transactions_by_trade(database_url, 2)) == {2, 3}
