from tests.bench.test_benchmarks import printed


def test_a_worker_comes_back_on_its_disk_on_an_empty_one_and_behind_a_backlog() -> None:
    found = printed(
        "bench.restart", "--events", "2000", "--per-second", "200", "--stop-seconds", "1",
        "--runs", "1",
    )["groups"]  # fmt: skip
    stopped, killed, imports, rebuilt, catching_up = (
        {figure["name"]: figure for figure in figures} for figures in found.values()
    )
    for start in (stopped, killed):
        first = start["first event booked"]
        assert first["median"] >= imports["whole process"]["median"] / 2
        assert first["at_most"] == 5
        assert first["median"] <= start["in each partition"]["median"]
    assert rebuilt["rebuilt until the first event is booked"]["median"] > 0
    assert rebuilt["limit: bare reading of changelog and results"]["median"] > 0
    assert rebuilt["transactions"]["median"] > 2000
    assert catching_up["booked"]["median"] > 0
    assert catching_up["booked"]["at_least"] == 400
    assert (
        catching_up["limit: as long a backlog in large batches, and nothing arrives"]["median"] > 0
    )
