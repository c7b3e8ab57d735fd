from tests.bench.test_benchmarks import printed


def test_a_file_and_posts_are_acknowledged_and_the_limits_stand_beside_them() -> None:
    found = printed("bench.ingest", "--events", "12000", "--posted", "12000", "--runs", "1")
    file, posts, bare_posts, bare = (
        {figure["name"]: figure for figure in figures} for figures in found["groups"].values()
    )
    assert file["acknowledged"]["median"] > 0
    assert file["acknowledged"]["at_least"] == 50_000
    assert posts["acknowledged"]["median"] > 0
    assert posts["acknowledged"]["at_least"] == 20_000
    assert file["limit: bare producer"]["median"] > 0
    assert file["limit: checking alone, one core"]["median"] > 0
    assert file["CPU: ingest"]["median"] > bare["CPU: producer"]["median"] > 0
    assert posts["limit: bare HTTP and producer"]["median"] > 0
    assert posts["CPU: api"]["median"] > 0
    assert bare_posts["CPU: server"]["median"] > 0
