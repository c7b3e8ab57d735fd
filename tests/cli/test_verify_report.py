from cli.verify.report import Report

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
