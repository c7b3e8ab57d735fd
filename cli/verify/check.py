"""Compares everything the system says with the calculator's books, partition by partition."""

import math
from contextlib import closing

from calculator import Portfolio, Rates, ReliefMethod, Source
from cli.lag import end_offsets
from cli.servers import Connections
from cli.verify import rows
from cli.verify.books import CONFLICT, Books, fold
from cli.verify.database import (
    DISPOSAL_COLUMNS,
    LOT_COLUMNS,
    PORTFOLIO_COLUMNS,
    POSITION_COLUMNS,
    TABLES,
    TRANSACTION_COLUMNS,
    Database,
    Rows,
)
from cli.verify.inputs import (
    Event,
    Inputs,
    Partition,
    read_cash_securities,
    read_inputs,
    read_rates,
)
from cli.verify.live import LiveTables
from cli.verify.published import TOPICS, Published, read_published
from cli.verify.reference import compare_reference
from cli.verify.report import A_ROW, NOTHING, Report, Row
from cli.workers import Workers
from streams.topics import Admin
from wire.portfolios import decode_portfolio
from wire.topics import (
    COMPLETED,
    FX_RATES,
    INPUTS,
    INSTRUMENTS,
    PORTFOLIOS,
    PORTFOLIOS_CURRENT,
    POSITIONS,
    REFERENCE,
)  # fmt: skip
from wire.transactions import decode_transaction

RESULT_COLUMNS = (*TRANSACTION_COLUMNS, "disposals")
LIVE_TRANSACTIONS = "live transactions"  # the place of their differences
# Each is a question of its own; more of them would take minutes.
LIVE_TRANSACTIONS_MAX = 20_000


def check(
    found: Connections,
    workers: Workers,
    partitions: int,
    default_method: ReliefMethod,
    rates: Rates,
    limit: int,
) -> Report:
    """Everything has been booked and stored before; nothing may come in meanwhile. `rates` is empty
    as yet."""
    kafka = Admin(found.kafka)
    numbers = range(partitions)
    input_places = [(topic.name, number) for topic in INPUTS for number in numbers]
    reference_places = [(topic.name, 0) for topic in REFERENCE]
    input_ends = end_offsets(kafka, input_places)
    reference_ends = end_offsets(kafka, reference_places)
    result_ends = end_offsets(kafka, [(topic.name, n) for topic in TOPICS for n in numbers])
    report = Report(limit)
    read_rates(found.kafka, reference_ends[FX_RATES.name, 0], rates)
    cash = read_cash_securities(found.kafka, reference_ends[INSTRUMENTS.name, 0])
    inputs = read_inputs(found.kafka, input_ends, partitions)
    report.events = inputs.events
    with (
        closing(Database(found.database_url)) as database,
        closing(LiveTables(workers)) as live,
    ):
        comparison = Comparison(inputs, database, live, report)
        for number in numbers:
            published = read_published(found.kafka, result_ends, number, report)
            books = fold(inputs.partitions[number], published, default_method, rates, cash)
            inputs.partitions[number] = Partition()  # it has served, and it was large
            comparison.compare(number, books, published)
        reference = compare_reference(found.kafka, reference_ends, database, report)
        comparison.compare_the_rest(reference)
    ends = input_ends | reference_ends
    report.has_moved = end_offsets(kafka, ends) != ends
    return report


class Comparison:
    """One partition after another; what belongs to none comes last."""

    def __init__(
        self, inputs: Inputs, database: Database, live: LiveTables, report: Report
    ) -> None:
        self._database = database
        self._live = live
        self._report = report
        self._unreadable = inputs.unreadable
        # Those that move cash are in no input; of a table without its rows inputs are the measure.
        inputs_count = sum(len(partition.transactions) for partition in inputs.partitions)
        transactions = max(inputs_count, database.count_of_transactions())
        self._ask_every = max(1, math.ceil(transactions / LIVE_TRANSACTIONS_MAX))
        self._conflicts: dict[Source, Event | Portfolio] = {}
        self._perhaps_dead: set[Source] = set()
        self._portfolio_ids: set[str] = set()

    def compare(self, number: int, books: Books, published: Published) -> None:
        self._conflicts |= books.dead
        self._perhaps_dead |= books.perhaps_dead
        self._portfolio_ids |= books.portfolio_ids
        results = self._compare_results(books, published)
        self._compare_portfolios(books, published)
        positions = self._compare_positions(books, published)
        self._compare_lots(books)
        self._compare_live(number, books, positions)
        self._compare_live_transactions(number, results)

    def compare_the_rest(self, reference: Rows) -> None:
        """Rows of portfolios that never were, and dead letters, those of reference data given."""
        for table in TABLES:
            for portfolio_id in self._database.portfolio_ids(table) - self._portfolio_ids:
                self._report.add(f"table {table}", portfolio_id, "", NOTHING, A_ROW)
        expected: Rows = {
            source: (record.key, record.value, record.errors)
            for source, record in self._unreadable.items()
        }
        expected |= reference
        letters = self._database.dead_letters()
        for source in self._perhaps_dead - self._conflicts.keys():
            letters.pop(source, None)
        for source, content in self._conflicts.items():
            expected[source] = (None, content, CONFLICT)
            if source in letters:
                _, value, errors = letters[source]
                letters[source] = (None, _decoded(source.topic, value), errors)
        self._report.compare("table dead_letters", ("key", "value", "errors"), expected, letters)

    def _compare_results(self, books: Books, published: Published) -> Rows:
        expected: Rows = {}
        with_disposals: Rows = {}
        disposals: Rows = {}
        shown: Rows = {}
        for identity, entry in books.journal.entries.items():
            row = (*rows.content_row(entry.content), *rows.outcome_row(entry))
            taken = tuple(map(rows.disposal_row, rows.disposals_of(entry)))
            found = published.result(identity)
            sources, as_of = books.sources_of(identity), None
            source = sources[0]
            if found is not None:
                shown[identity] = (*found[0], found[1])
                *_, topic, partition, offset, as_of = found[0]
                source = next((one for one in sources if one == (topic, partition, offset)), source)
            expected[identity] = (*row, *source, as_of)
            with_disposals[identity] = (*expected[identity], taken)
            for disposal in taken:
                row = (*rows.disposed_row(entry), *disposal, as_of)
                disposals[*identity, disposal[0]] = row
        for identity in published.results.keys() - expected.keys():
            shown[identity] = ()
        self._report.compare(f"topic {COMPLETED.name}", RESULT_COLUMNS, with_disposals, shown)
        ids = books.portfolio_ids
        stored = self._database.transactions(ids)
        self._report.compare("table transactions", TRANSACTION_COLUMNS, expected, stored)
        stored = self._database.disposals(ids)
        self._report.compare("table lot_disposals", DISPOSAL_COLUMNS, disposals, stored)
        return with_disposals

    def _compare_portfolios(self, books: Books, published: Published) -> None:
        shown = {key: published.portfolio(key) for key in published.portfolios}
        expected: Rows = {
            portfolio_id: (*rows.portfolio_row(portfolio), _as_of(shown.get(portfolio_id)))
            for portfolio_id, portfolio in books.journal.portfolios.items()
        }
        stored = self._database.portfolios(books.portfolio_ids)
        place = f"topic {PORTFOLIOS_CURRENT.name}"
        self._report.compare(place, PORTFOLIO_COLUMNS, expected, shown)
        self._report.compare("table portfolios", PORTFOLIO_COLUMNS, expected, stored)

    def _compare_positions(self, books: Books, published: Published) -> Rows:
        shown = {key: published.position(key) for key in published.positions}
        expected: Rows = {
            key: (*rows.position_row(holding), _as_of(shown.get(key)))
            for key, holding in books.journal.holdings.items()
        }
        stored = self._database.positions(books.portfolio_ids)
        self._report.compare(f"topic {POSITIONS.name}", POSITION_COLUMNS, expected, shown)
        self._report.compare("table positions", POSITION_COLUMNS, expected, stored)
        return expected

    def _compare_lots(self, books: Books) -> None:
        expected: Rows = {}
        for key, holding in books.journal.holdings.items():
            opened = rows.opened_quantities(books.journal, holding)
            for lot in holding.lots:
                lot_id, acquired_at, *amounts = rows.lot_row(lot)
                expected[*key, lot_id] = (acquired_at, opened[lot.lot_id], *amounts)
        stored = self._database.lots(books.portfolio_ids)
        self._report.compare("view lots", LOT_COLUMNS, expected, stored)

    def _compare_live(self, number: int, books: Books, positions: Rows) -> None:
        shown: Rows = {}
        for portfolio_id in books.portfolio_ids:
            answer = self._live.positions(number, portfolio_id)
            shown.update({(portfolio_id, security): row for security, row in answer.items()})
        self._report.compare("live positions", POSITION_COLUMNS, positions, shown)
        expected: Rows = {}
        shown = {}
        for key, holding in books.journal.holdings.items():
            # By their place in the order of relief.
            for place, lot in enumerate(holding.lots):
                expected[*key, place] = rows.lot_row(lot)
            for place, row in enumerate(self._live.lots(number, *key)):
                shown[*key, place] = row
        self._report.compare("live lots", rows.LOT, expected, shown)

    def _compare_live_transactions(self, number: int, results: Rows) -> None:
        expected = {identity: results[identity] for identity in sorted(results)[:: self._ask_every]}
        shown = self._live.transactions(number, expected)
        self._report.compare(LIVE_TRANSACTIONS, RESULT_COLUMNS, expected, shown)
        self._report.not_asked += len(results) - len(expected)


def _as_of(row: Row | None) -> object:
    """The last column of what was published."""
    return None if row is None else row[-1]


def _decoded(topic: str, value: object) -> object:
    """What a dead letter says, to compare by content."""
    assert isinstance(value, bytes)
    return decode_portfolio(value) if topic == PORTFOLIOS.name else decode_transaction(value)
