from pathlib import Path

from bench.charts import lines


def test_a_chart_shows_every_series_and_is_the_same_each_time(tmp_path: Path) -> None:
    series = {"FIFO": [(1.0, 5.0), (10.0, 6.0)], "AVCO": [(1.0, 4.0), (10.0, 4.5)]}
    for name in ("one", "two"):
        lines(tmp_path / name, "Cost by history", "events", "us", series, log_x=True)
    drawn = (tmp_path / "one").read_text()
    assert all(text in drawn for text in ("FIFO", "AVCO", "Cost by history", "events", "us"))
    assert drawn == (tmp_path / "two").read_text()
