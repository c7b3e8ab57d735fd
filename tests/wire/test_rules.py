"""Every rule, by an event that breaks it and nothing else, unless it says so."""

from enum import StrEnum
from io import StringIO

import pytest

from calculator import Cancellation, Portfolio, Transaction
from tests.wire.events import BUY, CANCEL, FULL, PORTFOLIO, text_of, with_token
from wire.csvlines import events_of_csv
from wire.fields import Malformed, Rule
from wire.objects import MESSAGE_BYTES_MAX
from wire.portfolios import decode_portfolio
from wire.transactions import decode_transaction

# Of reference data, and tested with it.
OF_REFERENCE = {
    Rule.MULTIPLIER_MUST_BE_POSITIVE,
    Rule.BOOLEAN_MUST_BE_TRUE_OR_FALSE,
    Rule.ISIN_MUST_BE_TWELVE_CHARACTERS,
    Rule.ISIN_MUST_HAVE_ITS_CHECK_DIGIT,
    Rule.COUNTRY_MUST_BE_TWO_CAPITALS,
    Rule.CURRENCIES_MUST_DIFFER,
}
# Decided by who takes the event in, and tested there.
DECIDED_ELSEWHERE = {
    Rule.VERSION_MUST_BE_HIGHER_TO_CORRECT,
    Rule.PARTITION_MUST_BE_THAT_OF_THE_PORTFOLIO,
}
DIVIDEND = BUY | {"transaction_type": "DIVIDEND", "quantity": None, "price": None}
DEPOSIT = BUY | {"transaction_type": "DEPOSIT", "gross_transaction_amount": "5"}
WITHDRAWAL = BUY | {"transaction_type": "WITHDRAWAL"}

TRANSACTIONS: list[tuple[Rule, str, bytes | None]] = [
    (Rule.MESSAGE_MUST_BE_GIVEN, "", None),
    (Rule.MESSAGE_MUST_BE_GIVEN, "", b""),
    (Rule.MESSAGE_MUST_FIT, "", text_of(FULL).ljust(MESSAGE_BYTES_MAX + 1)),
    (Rule.MESSAGE_MUST_BE_UTF8, "", b"\xff"),
    (Rule.MESSAGE_MUST_BE_UTF8, "", str(FULL).encode("utf-16")),
    (Rule.MESSAGE_MUST_BE_UTF8, "", b'{"\xed\xa0\x80":1}'),
    (Rule.MESSAGE_MUST_BE_JSON, "", b"\xef\xbb\xbf" + text_of(FULL)),
    (Rule.MESSAGE_MUST_BE_JSON, "", text_of(FULL) + b"{}"),
    (Rule.MESSAGE_MUST_BE_JSON, "", text_of(FULL)[:-1]),
    (Rule.MESSAGE_MUST_BE_JSON, "", text_of(FULL)[:-1] + b",}"),
    (Rule.MESSAGE_MUST_BE_JSON, "", with_token(FULL, "quantity", "NaN")),
    (Rule.MESSAGE_MUST_BE_JSON, "", with_token(FULL, "quantity", "-Infinity")),
    (Rule.MESSAGE_MUST_BE_JSON, "", with_token(FULL, "quantity", "01")),
    (Rule.MESSAGE_MUST_BE_JSON, "", with_token(FULL, "transaction_id", '"a\nb"')),
    (Rule.MESSAGE_MUST_BE_JSON, "", b"[" * MESSAGE_BYTES_MAX),
    (Rule.MESSAGE_MUST_BE_JSON, "", b'{"quantity":' * 5000),
    (Rule.MESSAGE_MUST_BE_AN_OBJECT, "", b"null"),
    (Rule.MESSAGE_MUST_BE_AN_OBJECT, "", b"[" + text_of(FULL) + b"]"),
    (Rule.MESSAGE_MUST_BE_AN_OBJECT, "", b'"BUY"'),
    (Rule.FIELD_MUST_BE_KNOWN, "note", text_of(FULL | {"note": None})),
    (Rule.FIELD_MUST_BE_KNOWN, "Quantity", text_of(FULL | {"Quantity": "1"})),
    (Rule.FIELD_MUST_BE_KNOWN, "quantity ", text_of(FULL | {"quantity ": "1"})),
    (Rule.FIELD_MUST_BE_GIVEN_ONCE, "quantity", b'{"quantity":"10",' + text_of(FULL)[1:]),
    (Rule.FIELD_MUST_BE_GIVEN_ONCE, "quantity", b'{"\\u0071uantity":"1",' + text_of(FULL)[1:]),
    (Rule.FIELD_MUST_BE_GIVEN_ONCE, "version", b'{"version":null,' + text_of(FULL)[1:]),
    *(
        (Rule.FIELD_MUST_BE_GIVEN, name, text_of(BUY | {name: None}))
        for name in BUY
        if name != "price"
    ),
    *(
        (Rule.FIELD_MUST_BE_GIVEN, name, text_of(CANCEL | {name: None}))
        for name in ("transaction_id", "portfolio_id", "transaction_type")
    ),
    *(
        (Rule.FIELD_MUST_BE_TEXT, name, with_token(FULL, name, token))
        for name in ("transaction_id", "instrument_id", "settlement_date", "currency")
        for token in ("1", "true", "[]", "{}")
    ),
    *(
        (Rule.ID_MUST_BE_PLAIN, name, with_token(FULL, name, token))
        for name in ("transaction_id", "portfolio_id", "security_id", "instrument_id")
        for token in (
            '""', '" a"', '"a "', '"a  b"', r'"abc\n"', r'"a\tb"', '"a|b"', '"a/b"', '"é"',
            r'"\ud800"',            '"' + "a" * 129 + '"', r'"a\u0000"',
        )
    ),
    *(
        (Rule.CURRENCY_MUST_BE_THREE_CAPITALS, name, text_of(FULL | {name: text}))
        for name in ("trade_currency", "currency")
        for text in ("usd", "USD\n", "", "US", "USDX", "ÜSD")
    ),
    *(
        (
            Rule.TRANSACTION_TYPE_MUST_BE_KNOWN,
            "transaction_type",
            text_of(FULL | {"transaction_type": name}),
        )
        for name in ("buy", "BUY ", "", "SHORT", 1, ["BUY"], {"BUY": 1})
    ),
    *(
        (Rule.DECIMAL_MUST_BE_PLAIN, name, text_of(FULL | {name: text}))
        for name in ("quantity", "price", "gross_transaction_amount", "trade_fee", "fx_rate")
        for text in (
            "NaN", "Infinity", "1_000", " 1", "1 ", "1\n", "\u0661\u0662", "1e3", "+1", "01", ".5",
            "1.",            "", "1,5", "0x10", "--1", True, ["1"], {"a": "1"},
        )
    ),
    *(
        (Rule.DECIMAL_MUST_BE_PLAIN, "quantity", with_token(FULL, "quantity", token))
        for token in ("1e400", "1E2", "1.5e-1")
    ),
    (Rule.DECIMAL_MUST_FIT, "quantity", text_of(FULL | {"quantity": "1000000000000000"})),
    (Rule.DECIMAL_MUST_FIT, "price", text_of(FULL | {"price": "0.0000000000001"})),
    (Rule.DECIMAL_MUST_FIT, "fx_rate", text_of(FULL | {"fx_rate": "1000000000"})),
    (Rule.DECIMAL_MUST_FIT, "trade_fee", with_token(FULL, "trade_fee", "9" * 5000)),
    *(
        (Rule.DECIMAL_MUST_NOT_BE_NEGATIVE, name, text_of(FULL | {name: "-0.01"}))
        for name in ("quantity", "price", "gross_transaction_amount", "trade_fee", "fx_rate")
    ),
    (Rule.FX_RATE_MUST_BE_POSITIVE, "fx_rate", text_of(FULL | {"fx_rate": "0.00"})),
    (Rule.FX_RATE_MUST_BE_POSITIVE, "fx_rate", text_of(FULL | {"fx_rate": "-0"})),
    *(
        (Rule.INSTANT_MUST_BE_RFC_3339, name, text_of(FULL | {name: text}))
        for name in ("transaction_date", "settlement_date")
        for text in (
            "2024-01-02T03:04:05", "2024-01-02 03:04:05Z", "2024-W01-1", "20240101", "2024-1-2",
            "20240101T000000Z", "2024-01-02T03:04Z", "2024-01-02T03:04:05,5Z",
            "2024-01-02T03:04:05.Z",            "2024-01-02T03:04:05.1234567Z",
            "2024-01-02T03:04:05+24:00",
            "2024-01-02T03:04:05+05:60",            "2024-01-02T03:04:05+0530", "2024-01-02Z",
            "2024-01-02\n", "2024-001", "", "1704164645",
        )
    ),
    *(
        (Rule.DATE_MUST_EXIST, "transaction_date", text_of(FULL | {"transaction_date": text}))
        for text in (
            "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-01", "0000-01-01",
            "2024-02-30T00:00:00Z", "2024-01-02T24:00:00Z", "2024-01-02T23:59:60Z",
            "2024-01-02T12:60:00Z",
        )
    ),
    *(
        (Rule.DATE_MUST_LIE_IN_1900_TO_2200, name, text_of(FULL | {name: text}))
        for name in ("transaction_date", "settlement_date")
        for text in (
            "1899-12-31", "2201-01-01", "1899-12-31T23:59:59.999999Z", "2201-01-01T00:00:00Z",
            "1900-01-01T00:59:59+01:00", "2200-12-31T23:00:00-01:00", "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
        )
    ),
    *(
        (Rule.VERSION_MUST_BE_A_POSITIVE_INTEGER, "version", with_token(FULL, "version", token))
        for token in (
            "0", "-1", "1.0", "1e0", '"01"', '"+1"', '" 1"', '""', "2147483648", "true", "[]",
            "9" * 5000,
            '"1\\n"', '"\u0661"',
        )
    ),
    *(
        (Rule.QUANTITY_MUST_BE_POSITIVE, "quantity", text_of(FULL | changes))
        for changes in (
            {"quantity": "0"},
            {"transaction_type": "SELL", "quantity": "0.00"},
            {"transaction_type": "TRANSFER_IN", "quantity": "-0"},
            {"transaction_type": "TRANSFER_OUT", "quantity": 0},
            {"transaction_type": "DEPOSIT", "quantity": None, "gross_transaction_amount": "0"},
            {"transaction_type": "DEPOSIT", "quantity": "0", "gross_transaction_amount": None},
            {"transaction_type": "WITHDRAWAL", "quantity": None, "gross_transaction_amount": "0"},
            {"transaction_type": "WITHDRAWAL", "quantity": "0", "gross_transaction_amount": None},
        )
    ),
    *(
        (
            Rule.AMOUNT_OR_QUANTITY_AND_PRICE_MUST_BE_GIVEN,
            "gross_transaction_amount",
            text_of(BUY | {"transaction_type": kind, "price": None}),
        )
        for kind in ("BUY", "SELL", "TRANSFER_IN", "DEPOSIT", "DIVIDEND", "INTEREST", "FEE", "TAX")
    ),
    (
        Rule.AMOUNT_OR_QUANTITY_AND_PRICE_MUST_BE_GIVEN,
        "gross_transaction_amount",
        text_of(DIVIDEND),
    ),
    (Rule.QUANTITY_OR_AMOUNT_MUST_BE_GIVEN, "quantity", text_of(WITHDRAWAL | {"quantity": None})),
    (Rule.VERSION_MUST_BE_AT_LEAST_2_TO_CANCEL, "version", text_of(CANCEL | {"version": "1"})),
    (Rule.VERSION_MUST_BE_AT_LEAST_2_TO_CANCEL, "version", text_of(CANCEL | {"version": None})),
]  # fmt: skip

PORTFOLIOS: list[tuple[Rule, str, bytes | None]] = [
    (Rule.MESSAGE_MUST_BE_GIVEN, "", None),
    (Rule.FIELD_MUST_BE_KNOWN, "transaction_id", text_of(PORTFOLIO | {"transaction_id": "T1"})),
    (Rule.FIELD_MUST_BE_GIVEN_ONCE, "name", b'{"name":"a","name":"a",' + text_of(PORTFOLIO)[1:]),
    *((Rule.FIELD_MUST_BE_GIVEN, name, text_of(PORTFOLIO | {name: None})) for name in PORTFOLIO),
    *(
        (Rule.FIELD_MUST_BE_TEXT, name, text_of(PORTFOLIO | {name: 1}))
        for name in ("portfolio_id", "base_currency", "name", "opened_on")
    ),
    (Rule.ID_MUST_BE_PLAIN, "portfolio_id", text_of(PORTFOLIO | {"portfolio_id": "P/1"})),
    *(
        (Rule.TEXT_MUST_BE_PLAIN, name, text_of(PORTFOLIO | {name: text}))
        for name in ("name", "client_id", "booking_center")
        for text in ("", "x" * 257, "a\nb", "a\x00", "\x7f", "\x85", "\ud800")
    ),
    (
        Rule.CURRENCY_MUST_BE_THREE_CAPITALS,
        "base_currency",
        text_of(PORTFOLIO | {"base_currency": "Us$"}),
    ),
    *(
        (
            Rule.COST_BASIS_METHOD_MUST_BE_KNOWN,
            "cost_basis_method",
            text_of(PORTFOLIO | {"cost_basis_method": method}),
        )
        for method in ("fifo", "AVERAGE", "", 1, ["FIFO"])
    ),
    *(
        (
            Rule.CASH_MANAGEMENT_MUST_BE_KNOWN,
            "cash_management",
            text_of(PORTFOLIO | {"cash_management": kept}),
        )
        for kept in ("AUTOMATIC", "none", "", 1, ["explicit"])
    ),
    *(
        (Rule.DATE_MUST_BE_YEAR_MONTH_DAY, "opened_on", text_of(PORTFOLIO | {"opened_on": text}))
        for text in ("2024-01-02T00:00:00Z", "20240102", "2024-1-2", "2024-01-02\n")
    ),
    (Rule.DATE_MUST_EXIST, "opened_on", text_of(PORTFOLIO | {"opened_on": "2024-02-30"})),
    (
        Rule.DATE_MUST_LIE_IN_1900_TO_2200,
        "opened_on",
        text_of(PORTFOLIO | {"opened_on": "1899-12-31"}),
    ),
    (
        Rule.VERSION_MUST_BE_A_POSITIVE_INTEGER,
        "version",
        text_of(PORTFOLIO | {"version": 0}),
    ),
]

HEADER = "transaction_id,portfolio_id,transaction_type\n"
FILES: list[tuple[Rule, str, str]] = [
    (Rule.LINE_MUST_BE_CSV, "", HEADER + '"a"b,c,d\n'),
    (Rule.LINE_MUST_BE_CSV, "", '"' + HEADER),
    (Rule.LINE_MUST_HAVE_A_CELL_FOR_EACH_COLUMN, "", HEADER + "a,b\n"),
    (Rule.LINE_MUST_HAVE_A_CELL_FOR_EACH_COLUMN, "", HEADER + "a,b,c,\n"),
    (Rule.FIELD_MUST_BE_KNOWN, "amount", "amount," + HEADER),
    (Rule.FIELD_MUST_BE_GIVEN_ONCE, "portfolio_id", "portfolio_id," + HEADER),
    (Rule.FIELD_MUST_BE_GIVEN, "portfolio_id", "transaction_id,transaction_type\n"),
    (Rule.MESSAGE_MUST_BE_UTF8, "", HEADER + "a,b,\udcff\n"),
]


def test_each_rule_has_a_case() -> None:
    cases = {rule for rule, _, _ in (*TRANSACTIONS, *PORTFOLIOS, *FILES)}
    assert cases | DECIDED_ELSEWHERE | OF_REFERENCE == set(Rule)
    assert not cases & (DECIDED_ELSEWHERE | OF_REFERENCE)


def test_the_events_that_the_cases_spoil_are_good() -> None:
    for event in (BUY, FULL, DEPOSIT, WITHDRAWAL, DIVIDEND | {"gross_transaction_amount": "0"}):
        assert isinstance(decode_transaction(text_of(event)), Transaction)
    assert isinstance(decode_transaction(text_of(FULL).ljust(MESSAGE_BYTES_MAX)), Transaction)
    assert isinstance(decode_transaction(text_of(CANCEL)), Cancellation)
    assert isinstance(decode_portfolio(text_of(PORTFOLIO)), Portfolio)
    assert list(events_of_csv(StringIO(HEADER + "a,b,c\n", newline=""))) == [
        (2, b'{"transaction_id":"a","portfolio_id":"b","transaction_type":"c"}')
    ]


@pytest.mark.parametrize(("rule", "field", "value"), TRANSACTIONS)
def test_a_transaction_that_breaks_a_rule_is_told_which(
    rule: Rule, field: str, value: bytes | None
) -> None:
    expected = {(rule, field)}
    if (rule, field) == (Rule.FIELD_MUST_BE_GIVEN, "quantity"):
        # Without a quantity a price is no amount either.
        expected.add((Rule.AMOUNT_OR_QUANTITY_AND_PRICE_MUST_BE_GIVEN, "gross_transaction_amount"))
    assert broken(decode_transaction(value)) == expected


@pytest.mark.parametrize(("rule", "field", "value"), PORTFOLIOS)
def test_a_portfolio_that_breaks_a_rule_is_told_which(
    rule: Rule, field: str, value: bytes | None
) -> None:
    assert broken(decode_portfolio(value)) == {(rule, field)}


@pytest.mark.parametrize(("rule", "field", "text"), FILES)
def test_a_csv_file_that_breaks_a_rule_is_told_which(rule: Rule, field: str, text: str) -> None:
    [(_, event)] = events_of_csv(StringIO(text, newline=""))
    assert broken(event) == {(rule, field)}


def broken(event: object) -> set[tuple[StrEnum, str]]:
    assert isinstance(event, Malformed), event
    broken = [(error.rule, error.field) for error in event.errors]
    assert len(set(broken)) == len(broken)
    return set(broken)
