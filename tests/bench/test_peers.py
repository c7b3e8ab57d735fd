from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest
from click.testing import CliRunner

from bench import peer, peer_table
from bench.kstreams import build
from bench.load import Load, Totals, expected
from bench.stage import BenchmarkError
from cli.servers import ServerError
from tests.conftest import LOCAL

NAME = "peer_transactions"
ROW = f"""\
INSERT INTO {NAME} VALUES
    (%s, 'P', 'I', %s, '2023-01-02', '2023-01-04', 'BUY', 1, 1, 1, 0, 'USD', 'USD', 1, 1, 1,
    %s, %s, %s)
"""
RIGHT = Totals(3, 0, 0, Decimal(7), Decimal("30.000000000001"), Decimal("1.5"))


def test_a_peer_whose_sums_are_wrong_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(load: Load) -> Totals:
        return replace(expected(load), cost=Decimal(1))

    monkeypatch.setattr(peer, "expected", wrong)
    # The other sink stands beside ours in test_benchmarks.py.
    arguments = ["--events", "10000", "--runs", "1", "--peer-sink", "copy"]
    done = CliRunner().invoke(peer.main, arguments)
    assert done.exit_code == 1
    assert "peer_copy_transactions is wrong" in done.output
    right = expected(Load(events=10_000))
    found = peer_table.Sums(10_000, right.realized_gain_loss, right.quantity, right.cost)
    assert f"found    {found}" in done.output


def test_open_is_what_the_last_transaction_of_a_holding_left(database_url: str) -> None:
    fill(database_url)
    assert peer_table.sums(database_url, NAME) == peer_table.Sums(
        3, Decimal("1.5"), Decimal(7), Decimal("30.000000000001")
    )


@pytest.mark.parametrize(
    "wrong",
    [
        replace(RIGHT, transactions=2),
        replace(RIGHT, realized_gain_loss=Decimal(1)),
        replace(RIGHT, quantity=Decimal(8)),
        replace(RIGHT, cost=Decimal(30)),
    ],
)
def test_each_sum_has_to_be_right(database_url: str, wrong: Totals) -> None:
    fill(database_url)
    peer_table.check(database_url, NAME, RIGHT)
    with pytest.raises(BenchmarkError, match="is wrong"):
        peer_table.check(database_url, NAME, wrong)


def fill(database_url: str) -> None:
    peer_table.create(database_url, NAME)
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(ROW, ("T2", "A", "1.5", 3, "10.000000000001"))
        cursor.execute(ROW, ("T1", "A", 0, 5, 50))
        cursor.execute(ROW, ("T3", "B", 0, 4, 20))
    connection.close()


def test_what_does_not_compile_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "Broken.java"
    broken.write_text("class Broken { int one() {} }")
    monkeypatch.setattr(build, "SOURCES", [broken])
    before = set((LOCAL / "cache").iterdir())
    with pytest.raises(ServerError, match="must return a result of type int"):
        build.built(LOCAL / "cache")
    assert set((LOCAL / "cache").iterdir()) == before
