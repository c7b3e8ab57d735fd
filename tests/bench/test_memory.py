from dataclasses import replace

from bench import memory
from bench.load import expected
from tests.bench.test_benchmarks import printed


def test_what_is_resident_stands_beside_what_is_stored() -> None:
    (found,) = printed("bench.memory", "--holdings", "200", "--runs", "1", "--worker-runs", "1")[
        "groups"
    ].values()
    figures = {figure["name"]: figure["median"] for figure in found}
    # Of each lot and of each holding there is at least its id.
    assert figures["limit: holdings and lots as they are stored"] * 2**20 > 200 * 11 * 10
    for who in ("lanes", "worker"):
        looks = [figures[f"{who}, {n:,} events"] for n in (1, 220, 550, 1100, 1650, 2200)]
        assert 20 < min(looks) <= max(looks) <= figures[f"{who}, at its peak"] + 1
    assert [figure["at_most"] for figure in found if figure["at_most"]] == [1024, 1024]


def test_all_lots_that_the_title_names_are_open_in_the_end() -> None:
    load = memory.load_of(500)
    assert 5000 <= expected(load).open_lots <= 6000
    assert expected(replace(load, events=5000)).open_lots == 5000
