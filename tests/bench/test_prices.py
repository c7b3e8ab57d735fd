import psycopg2
import pytest

from bench.prices import check
from bench.stage import BenchmarkError
from migrations.upgrade import upgrade
from tests.bench.test_benchmarks import printed


def test_prices_and_their_corrections_are_stored_and_the_limit_stands_beside_them() -> None:
    found = printed("bench.prices", "--prices", "60000", "--runs", "1")
    new, corrected = (
        {figure["name"]: figure for figure in figures} for figures in found["groups"].values()
    )
    for figures in (new, corrected):
        assert figures["stored"]["median"] > 0
        assert figures["stored"]["at_least"] == 20_000
        assert figures["cores of their own would do"]["median"] > 0
        assert figures["limit: bare consumer and COPY, primary key"]["median"] > 0
        assert min(figures[f"CPU: {kind}"]["median"] for kind in ("store", "postgres")) > 0
    assert {"machine", "python", "kafka", "postgresql", "packages"} <= set(found["machine"])


def test_a_wrong_price_ends_the_benchmark(database_url: str) -> None:
    upgrade(database_url)
    connection = psycopg2.connect(database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO market_prices VALUES ('SECURITY-00000', '2020-01-01', 101, 'USD', 1, 0)"
        )
    check(database_url, prices=1, version=1)
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE market_prices SET price = price + 0.01")
    connection.close()
    with pytest.raises(BenchmarkError, match="the prices are wrong"):
        check(database_url, prices=1, version=1)
