"""The calculator alone: the same events decoded and folded in memory, by one processor.

No Kafka, no disk, no result text: what the rules themselves cost.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import islice
from multiprocessing import get_context

import click

from bench.figures import Figure, Report
from bench.lanes import as_in_a_worker
from bench.load import METHODS, Load, Totals, expected, portfolios, transactions
from bench.machine import describe
from bench.stage import BenchmarkError
from calculator import EXACT, Booked, Ledger, MemoryJournal, Portfolio, Transaction
from cli.printing import json_option
from wire.portfolios import decode_portfolio
from wire.transactions import decode_transaction

ZERO = Decimal(0)
EVENTS_AT_ONCE = 16_000  # what eight lanes have in hand together


@dataclass(frozen=True, slots=True)
class Alone:
    """Processor time is for one event."""

    events_per_second: float
    decode_us: float
    ledger_us: float
    is_right: bool


def measure(load: Load) -> Alone:
    journal = MemoryJournal()
    ledger = Ledger(journal)
    for _, value in portfolios(load):
        portfolio = decode_portfolio(value)
        assert isinstance(portfolio, Portfolio)
        ledger.take_portfolio(portfolio)
    decoding = folding = 0.0
    for values in _chunks(load):
        begin = time.process_time()
        contents = [decode_transaction(value) for value in values]
        decoded = time.process_time()
        for content in contents:
            assert isinstance(content, Transaction)
            ledger.take(content)
        ledger.settle()
        folding += time.process_time() - decoded
        decoding += decoded - begin
    return Alone(
        load.events / (decoding + folding),
        decoding / load.events * 1e6,
        folding / load.events * 1e6,
        _totals(journal) == expected(load),
    )


def in_memory(load: Load) -> Alone:
    """`measure` as a limit beside others: raises BenchmarkError where the books are wrong."""
    alone = measure(load)
    if not alone.is_right:
        raise BenchmarkError("the books in memory are not those of the independent fold")
    return alone


def in_a_process(load: Load) -> Alone:
    """The same in a process of its own, which gives its memory back."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_undisturbed, (load,))


def _undisturbed(load: Load) -> Alone:
    as_in_a_worker()
    return in_memory(load)


def _chunks(load: Load) -> Iterator[list[bytes]]:
    values = (value for _, value in transactions(load))
    while chunk := list(islice(values, EVENTS_AT_ONCE)):
        yield chunk


def _totals(journal: MemoryJournal) -> Totals:
    booked = [e.outcome for e in journal.entries.values() if isinstance(e.outcome, Booked)]
    holdings = journal.holdings.values()
    with localcontext(EXACT):
        return Totals(
            transactions=len(booked),
            disposals=sum(len(outcome.disposals) for outcome in booked),
            open_lots=sum(len(holding.lots) for holding in holdings),
            quantity=sum((holding.quantity for holding in holdings), ZERO),
            cost=sum((holding.cost for holding in holdings), ZERO),
            realized_gain_loss=sum((holding.realized_gain_loss for holding in holdings), ZERO),
        )


def figures_of(runs: Sequence[Alone]) -> list[Figure]:
    """Each of one core, without Kafka, disk or the text of results."""
    return [
        Figure(name="events/s", unit="", runs=[run.events_per_second for run in runs]),
        Figure(name="decode", unit="us", runs=[run.decode_us for run in runs]),
        Figure(name="ledger", unit="us", runs=[run.ledger_us for run in runs]),
    ]


@click.command()
@click.option("--events", default=400_000, show_default=True, type=click.IntRange(1))
@click.option("--method", default="FIFO", show_default=True, type=click.Choice(METHODS))
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@json_option
def main(events: int, method: str, runs: int, as_json: bool) -> None:
    """Decode and fold the load in memory; decoding alone is the limit of all."""
    machine, load = describe(), Load(events=events, method=method)
    try:
        found = [in_a_process(load) for _ in range(runs)]
    except BenchmarkError as error:
        raise click.ClickException(str(error)) from error
    Report(machine, {f"calculator alone, {method}": figures_of(found)}).show(as_json=as_json)


if __name__ == "__main__":
    main()
