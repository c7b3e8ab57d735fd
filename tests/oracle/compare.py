"""Where what a program shows differs from the books: topics, HTTP answers and tables alike."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from tests.oracle.booking import POOL, Row
from tests.oracle.fold import Books, Pair

# Where records may arrive in another order than the oracle was given, these may differ.
SOURCE = frozenset({"source_topic", "source_partition", "source_offset"})
CANONICAL = re.compile(r"0|-?(?:[1-9][0-9]*|0(?=\.))(?:\.[0-9]*[1-9])?")
NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")

Key = tuple[object, ...]
Shown = Mapping[str, object]
Rows = Collection[Shown]
Table = Mapping[Key, Shown]


def differences(
    books: Books,
    *,
    results: Rows | None = None,
    transactions: Rows | None = None,
    disposals: Rows | None = None,
    positions: Rows | None = None,
    lots: Mapping[Pair, Sequence[Shown]] | None = None,
    lots_view: Rows | None = None,
    portfolios: Rows | None = None,
    dead: Iterable[tuple[str, int, int]] | None = None,
    ignore: Collection[str] = SOURCE,
) -> list[str]:
    """Compare whatever is given; everything given must be complete, and columns may be ignored.

    results: JSON objects with their disposals, the newest of each transaction.
    transactions, disposals, positions, lots_view, portfolios: rows, of PostgreSQL or of JSON.
    lots: the answers of the live tables, in order of relief, by (portfolio_id, security_id).
    dead: (topic, partition, offset) of each dead letter.
    """
    results = None if results is None else standing(results)
    bare_results = [without(row, "disposals") for row in books.results.values()]
    of_transaction = ("portfolio_id", "transaction_id")
    of_holding = ("portfolio_id", "security_id")
    tables: list[tuple[str, tuple[str, ...], Rows, Rows | None]] = [
        ("result", of_transaction, bare_results, results),
        ("transaction", of_transaction, bare_results, transactions),
        ("disposal", (*of_transaction, "lot_id"), disposal_rows(books), disposals),
        ("position", of_holding, books.positions.values(), positions),
        ("lot", (*of_holding, "lot_id"), lot_rows(books), lots_view),
        ("portfolio", ("portfolio_id",), books.portfolios.values(), portfolios),
    ]
    found: list[str] = []
    for what, key, wanted, got in tables:
        if got is not None:
            assert not repeats(what, wanted, key)
            found += repeats(what, got, key)
            found += row_differences(what, keyed(wanted, key), keyed(got, key), ignore)
    if results is not None:
        found += result_disposal_differences(books, keyed(results, of_transaction))
    if lots is not None:
        found += lot_differences(books, lots)
    if dead is not None:
        found += dead_differences(books, list(dead))
    return found


def standing(results: Rows) -> Rows:
    """Without cash entries that are gone: whether there ever was one depends on how things came."""
    return [
        row
        for row in results
        if not (row["status"] == "CANCELLED" and str(row["transaction_id"]).endswith("~cash"))
    ]


def newest(rows: Rows, columns: Sequence[str]) -> list[Shown]:
    """Of the rows with equal columns the one of the highest as_of."""
    best: dict[Key, Shown] = {}
    for row in rows:
        key = tuple(row[column] for column in columns)
        if key not in best or int(str(row["as_of"])) > int(str(best[key]["as_of"])):
            best[key] = row
    return list(best.values())


def keyed(rows: Rows, columns: Sequence[str]) -> dict[Key, Shown]:
    """The rows by their key; of those that share one, the last."""
    return {tuple(row[column] for column in columns): row for row in rows}


def repeats(what: str, rows: Rows, columns: Sequence[str]) -> list[str]:
    """Keys that more than one row has."""
    times = Counter(tuple(row[column] for column in columns) for row in rows)
    return sorted(f"{what} {name(key)}: twice" for key, count in times.items() if count > 1)


def said_again(results: Rows) -> list[str]:
    """Results, in the order of their topic, whose as_of is not above what was said before."""
    highest: dict[Key, int] = {}
    found = []
    for row in results:
        key, as_of = (row["portfolio_id"], row["transaction_id"]), int(str(row["as_of"]))
        if as_of <= highest.get(key, -1):
            found.append(f"result {name(key)}: twice")
        highest[key] = max(as_of, highest.get(key, -1))
    return found


def without(row: Row, *columns: str) -> Row:
    """The row less some columns."""
    return {name: value for name, value in row.items() if name not in columns}


def disposal_rows(books: Books) -> list[Row]:
    """The rows of lot_disposals."""
    return [
        {
            "portfolio_id": result["portfolio_id"],
            "transaction_id": result["transaction_id"],
            "security_id": result["security_id"],
            "disposed_at": result["transaction_date"],
        }
        | disposal
        for result in books.results.values()
        for disposal in disposals_of(result)
    ]


def disposals_of(result: Row) -> list[Row]:
    """The disposals of a result, in order of relief."""
    disposals = result["disposals"]
    assert isinstance(disposals, list)
    return disposals


def lot_rows(books: Books) -> list[Row]:
    """The rows of the view lots; what a pool's opened quantity is, the contract leaves open."""
    return [
        without(lot, "opened_quantity") if lot["lot_id"] == POOL else lot
        for lots in books.lots.values()
        for lot in lots
    ]


def row_differences(what: str, wanted: Table, got: Table, ignore: Collection[str]) -> list[str]:
    """Rows that lack, rows too many, and columns that differ."""
    found = [f"{what} {name(key)}: missing" for key in wanted.keys() - got.keys()]
    found += [f"{what} {name(key)}: unexpected" for key in got.keys() - wanted.keys()]
    for key in wanted.keys() & got.keys():
        found += column_differences(f"{what} {name(key)}", wanted[key], got[key], ignore)
    return sorted(found)


def result_disposal_differences(books: Books, got: Table) -> list[str]:
    """The disposals of results, one by one in order."""
    found = []
    for key in books.results.keys() & got.keys():
        what = f"result {name(key)}: disposal"
        found += list_differences(what, disposals_of(books.results[key]), got[key]["disposals"])
    return sorted(found)


def lot_differences(books: Books, got: Mapping[Pair, Sequence[Shown]]) -> list[str]:
    """The live lots of every holding, in order of relief."""
    found = [f"lots of {name(key)}: missing" for key in books.lots.keys() - got.keys()]
    found += [f"lots of {name(key)}: unexpected" for key in got.keys() - books.lots.keys()]
    shown = ("lot_id", "acquired_at", "quantity", "cost", "cost_local")
    for key in books.lots.keys() & got.keys():
        lots = [{column: lot[column] for column in shown} for lot in books.lots[key]]
        found += list_differences(f"lots of {name(key)}: lot", lots, got[key])
    return sorted(found)


def list_differences(what: str, wanted: Sequence[Row], got: object) -> list[str]:
    """Rows that come in an order; no list at all is an empty one."""
    rows = [] if got is None else got
    if not isinstance(rows, Sequence) or len(rows) != len(wanted):
        return [f"{what}s: expected {len(wanted)}, got {got!r}"]
    found = []
    for place, (want, row) in enumerate(zip(wanted, rows, strict=True)):
        found += column_differences(f"{what} {place}", want, row, ())
    return found


def dead_differences(books: Books, got: list[tuple[str, int, int]]) -> list[str]:
    """Each dead record once, and no other."""
    wanted = {(record.topic, record.partition, record.offset) for record in books.dead}
    found = [f"dead letter {place}: missing" for place in wanted - set(got)]
    found += [f"dead letter {place}: unexpected" for place in set(got) - wanted]
    found += [f"dead letter {place}: twice" for place in set(got) if got.count(place) > 1]
    return sorted(found)


def name(key: Key) -> str:
    """A key as people write it."""
    return " / ".join(map(str, key))


def column_differences(what: str, wanted: Shown, got: Shown, ignore: Collection[str]) -> list[str]:
    """The columns of one row; what the row shows beyond them is its own affair."""
    found = []
    for column, value in wanted.items():
        if column in ignore:
            continue
        if column not in got:
            found.append(f"{what}: {column} is not shown")
        elif column == "detail":
            if not detail_agrees(wanted, got["detail"]):
                found.append(f"{what}: detail expected about {value!r}, got {got['detail']!r}")
        elif not agrees(value, got[column]):
            found.append(f"{what}: {column} expected {value!s}, got {got[column]!r}")
    return found


def detail_agrees(wanted: Shown, detail: object) -> bool:
    """Only an excess must name its two quantities; what is in order has nothing to explain."""
    if wanted["reason"] is None:
        return detail is None
    if wanted["reason"] != "quantity_must_not_exceed_holding":
        return detail is None or isinstance(detail, str)
    return isinstance(detail, str) and set(str(wanted["detail"]).split()) <= set(
        NUMBER.findall(detail)
    )


def agrees(wanted: object, got: object) -> bool:
    """Equal by value; as JSON text also in the one form that the contract allows."""
    match wanted, got:
        case Decimal(), str():
            return CANONICAL.fullmatch(got) is not None and Decimal(got) == wanted
        case datetime(), str():
            return got.endswith("Z") and datetime.fromisoformat(got) == wanted
        case datetime(), datetime():
            return got.tzinfo is not None and got == wanted
        case date(), str():
            return got == wanted.isoformat()
        case int(), str():
            return got == str(wanted)
        case _:
            return type(wanted) is type(got) and wanted == got
