import time

from cli.verify.report import SHOWN_LENGTH_MAX, Report

COLUMNS = ("quantity", "cost")


def compared(
    expected: dict[str, tuple[object, ...]], found: dict[str, tuple[object, ...]], limit: int = 10
) -> Report:
    report = Report(limit)
    report.compare("table positions", COLUMNS, expected, found)
    return report


def test_equal_rows_are_good_and_counted() -> None:
    report = compared({"A": (1, 2), "B": (3, 4)}, {"B": (3, 4), "A": (1, 2)})
    assert report.is_good
    assert report.compared == {"table positions": 2}


def test_a_changed_column_is_named_with_both_values() -> None:
    report = compared({"A": (1, 2)}, {"A": (1, 5)})
    assert not report.is_good
    assert str(report.differences[0]) == "table positions A cost: expected 2, found 5"


def test_a_missing_row_is_found() -> None:
    report = compared({"A": (1, 2)}, {})
    assert str(report.differences[0]) == "table positions A: expected a row, found nothing"


def test_a_row_that_should_not_be_there_is_found() -> None:
    report = compared({}, {"A": (1, 2)})
    assert str(report.differences[0]) == "table positions A: expected nothing, found a row"


def test_all_differences_are_counted_though_few_are_kept() -> None:
    report = compared({str(n): (n, n) for n in range(100)}, {}, limit=3)
    assert len(report.differences) == 3
    assert report.differing == {"table positions": 100}


def test_of_large_values_only_the_beginning_is_shown() -> None:
    huge = bytes(40 << 20)
    began = time.monotonic()
    report = compared({str(n): (n, huge) for n in range(3)}, {str(n): (n, None) for n in range(3)})
    shown = [len(text) for one in report.differences for text in (one.expected, str(one))]
    assert max(shown) < 2 * SHOWN_LENGTH_MAX
    assert report.differences[0].found == "None"
    assert time.monotonic() - began < 1


def test_of_a_long_list_that_differs_at_its_end_the_end_is_shown() -> None:
    lots = tuple((f"L{n}", n) for n in range(50_000))
    report = compared({"A": (1, (*lots, ("M", 1)))}, {"A": (1, (*lots, ("M", 2)))})
    assert (report.differences[0].expected, report.differences[0].found) == ("((M, 1))", "((M, 2))")
