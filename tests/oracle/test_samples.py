"""The sample files that ship: unchanged, readable, and complete in what they show."""

import csv
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date
from pathlib import Path
from typing import Any

import pytest

from reports.limits import Limits
from tests.oracle.booking import Row
from tests.oracle.decode import (
    TYPES,
    Account,
    Malformed,
    Record,
    Trade,
    decode_portfolio,
    decode_transaction,
)
from tests.oracle.events import METHODS
from tests.oracle.fold import expected
from wire.fields import Malformed as ReferenceMalformed
from wire.reference import OF_FX_RATES, OF_INSTRUMENTS, OF_MARKET_PRICES, Kind

CURRENCIES = {"CHF", "EUR", "GBP", "JPY", "USD"}
FOLDER = Path(__file__).parents[2] / "samples"


def transaction_records() -> list[Record]:
    """The lines as they are ingested: an empty column is an absent field."""
    with (FOLDER / "transactions.csv").open(encoding="utf-8", newline="") as lines:
        return [
            Record("raw_transactions", 0, offset, None, json.dumps(present(row)).encode())
            for offset, row in enumerate(csv.DictReader(lines))
        ]


def present(row: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in row.items() if text}


def portfolio_records() -> list[Record]:
    lines = (FOLDER / "portfolios.jsonl").read_bytes().splitlines()
    return [Record("portfolios", 0, offset, None, line) for offset, line in enumerate(lines)]


def rate_records() -> list[Record]:
    with (FOLDER / "fx_rates.csv").open(encoding="utf-8", newline="") as lines:
        return [
            Record("fx_rates", 0, offset, None, json.dumps(row).encode())
            for offset, row in enumerate(csv.DictReader(lines))
        ]


TRANSACTIONS = transaction_records()
BOOKS = expected(TRANSACTIONS, portfolio_records(), rates=rate_records())


def test_the_files_are_those_that_the_generator_wrote() -> None:
    sums = (FOLDER / "SHA256SUMS").read_text().splitlines()
    for line in sums:
        digest, name = line.split()
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name
    assert len(sums) == 5


def test_every_line_can_be_read_and_nothing_contradicts_itself() -> None:
    assert not any(
        isinstance(decode_transaction(record.value), Malformed) for record in TRANSACTIONS
    )
    assert BOOKS.dead == []
    assert 3_000 < len(TRANSACTIONS) < 6_000


def reference(kind: Kind[Any]) -> list[Any]:
    with (FOLDER / f"{kind.name}.csv").open(encoding="utf-8", newline="") as lines:
        return [kind.decode(json.dumps(present(row)).encode()) for row in csv.DictReader(lines)]


def events() -> list[Trade]:
    decoded = (decode_transaction(record.value) for record in TRANSACTIONS)
    return [event for event in decoded if isinstance(event, Trade)]


def test_what_is_traded_has_an_instrument() -> None:
    instruments = reference(OF_INSTRUMENTS)
    assert {each.security_id: each.isin for each in instruments} == {
        trade.security_id: trade.instrument_id for trade in events()
    }


def test_each_share_has_a_price_on_every_day_that_it_is_traded_and_cash_has_none() -> None:
    prices = reference(OF_MARKET_PRICES)
    by_security: dict[str, set[date]] = {}
    for price in prices:
        by_security.setdefault(price.security_id, set()).add(price.price_date)
    shares = {trade.security_id for trade in events()} - {f"CASH.{name}" for name in CURRENCIES}
    assert set(by_security) == shares
    [days] = {frozenset(days) for days in by_security.values()}
    assert len(prices) == len(shares) * len(days)
    assert longest_gap(days) <= Limits().price_max_age_days
    traded = {
        trade.transaction_date.date() for trade in events() if trade.security_id in by_security
    }
    assert traded <= days


def test_each_currency_has_a_rate_in_dollars_that_is_recent_on_every_day() -> None:
    rates = reference(OF_FX_RATES)
    assert not any(isinstance(rate, ReferenceMalformed) for rate in rates)
    by_pair: dict[tuple[str, str], set[date]] = {}
    for rate in rates:
        by_pair.setdefault((rate.from_currency, rate.to_currency), set()).add(rate.rate_date)
    assert {frozenset(pair) for pair in by_pair} == {
        frozenset(("USD", name)) for name in CURRENCIES - {"USD"}
    }
    assert {trade.trade_currency for trade in events()} | {
        str(row["base_currency"]) for row in BOOKS.portfolios.values()
    } == CURRENCIES | {"NOK"}
    assert max(longest_gap(days) for days in by_pair.values()) <= Limits().fx_max_age_days


def longest_gap(days: Iterable[date]) -> int:
    """In days; over the whole time of the sample."""
    known = sorted(days)
    assert (known[0], known[-1]) == (date(2017, 1, 3), date(2022, 12, 28))
    return max((after - before).days for before, after in itertools.pairwise(known))


def test_every_type_method_status_and_outcome_is_there() -> None:
    rows = BOOKS.results.values()
    assert {row["transaction_type"] for row in rows} == TYPES | {"CANCEL"}
    assert {row["status"] for row in rows} == {"BOOKED", "REJECTED", "PENDING", "CANCELLED"}
    assert {"booked", "duplicate", "superseded"} == set(BOOKS.outcomes)
    relieving = {
        BOOKS.positions[key]["cost_basis_method"]
        for key in BOOKS.positions
        if BOOKS.positions[key]["realized_gain_loss"]
    }
    assert relieving == set(METHODS)


def test_each_portfolio_has_a_record_and_every_base_currency_comes_up() -> None:
    accounts = [decode_portfolio(record.value) for record in portfolio_records()]
    assert all(isinstance(account, Account) for account in accounts)
    assert set(BOOKS.portfolios) == {key[0] for key in BOOKS.results}
    bases = {row["base_currency"] for row in BOOKS.portfolios.values()}
    assert bases == {"USD", "EUR", "GBP", "CHF", "JPY"}
    assert BOOKS.portfolios["P-1006"]["cost_basis_method"] == "AVCO"


def test_the_lines_are_not_in_the_order_of_their_dates() -> None:
    dates = [
        event.transaction_date.astimezone(UTC).date()
        for event in (decode_transaction(record.value) for record in TRANSACTIONS)
        if isinstance(event, Trade)
    ]
    steps_back = sum(later < earlier for earlier, later in itertools.pairwise(dates))
    assert steps_back > 150
    assert (dates[0].year, max(dates).year) == (2017, 2022)


@pytest.mark.parametrize(
    ("portfolio_id", "name", "shown"),
    [
        ("P-1001", "OVERSOLD", {"status": "BOOKED"}),
        ("P-1001", "CROSSED", {"status": "BOOKED", "version": 2, "quantity": 45}),
        ("P-1002", "NEVER-HELD", {"reason": "quantity_must_not_exceed_holding"}),
        ("P-1002", "NO-RATE", {"status": "BOOKED", "fx_rate": None}),
        ("P-1002", "IN-KRONER", {"status": "PENDING", "reason": "fx_rate_must_be_known"}),
        ("P-1002", "RATE-FOUND", {"status": "BOOKED", "version": 2}),
        ("P-1003", "IN-DOLLARS", {"reason": "trade_currency_must_match_the_holding"}),
        ("P-1003", "VOID-FIRST", {"status": "CANCELLED"}),
        ("P-1004", "WRONG-SHARE", {"status": "BOOKED", "security_id": "PEP.XSWX"}),
        ("P-1004", "REVIVED", {"status": "BOOKED", "version": 3}),
        ("P-1005", "VOID", {"status": "CANCELLED", "version": 2}),
    ],
)
def test_the_stories_end_as_the_read_me_says(portfolio_id: str, name: str, shown: Row) -> None:
    row = BOOKS.results[portfolio_id, f"T{portfolio_id[2:]}-{name}"]
    assert {column: row[column] for column in shown} == shown


def test_only_the_stories_are_left_unbooked() -> None:
    statuses = Counter(row["status"] for row in BOOKS.results.values())
    assert statuses == {"BOOKED": 5_098, "REJECTED": 2, "PENDING": 1, "CANCELLED": 2}


def test_without_the_rates_one_more_is_left() -> None:
    row = expected(TRANSACTIONS, portfolio_records()).results["P-1002", "T1002-NO-RATE"]
    assert (row["status"], row["reason"]) == ("PENDING", "fx_rate_must_be_known")


def test_the_oversold_sale_was_rejected_until_the_late_purchase_came() -> None:
    late = next(
        place for place, record in enumerate(TRANSACTIONS) if b"LATE-BUY" in (record.value or b"")
    )
    before = expected(TRANSACTIONS[:late], portfolio_records())
    assert before.results["P-1001", "T1001-OVERSOLD"]["status"] == "REJECTED"
    after = expected(TRANSACTIONS[: late + 1], portfolio_records())
    assert after.results["P-1001", "T1001-OVERSOLD"]["status"] == "BOOKED"
