"""Reference data: each rule, what a good record means, and that nothing is accepted wrongly."""

import json
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calculator import FxRate
from tests.wire.events import JSON_VALUES, ODD_TOKENS, text_of, with_token
from tests.wire.reference import DAY, FULL, INSTRUMENT, PRICE, RATE
from tests.wire.spoiled import HARMS
from tests.wire.test_rules import broken
from wire.fields import Malformed, Rule
from wire.reference import (
    KINDS,
    OF_BUSINESS_DATES,
    OF_FX_RATES,
    OF_INSTRUMENTS,
    OF_MARKET_PRICES,
    BusinessDate,
    Instrument,
    Kind,
    MarketPrice,
)

ALIKE = [(kind, event, name) for kind, event in FULL for name in kind.fields]
IDS = ("security_id", "calendar")
TEXTS = ("name", "asset_class", "product_type", "sector", "rating", "issuer")
CURRENCIES = ("instrument_currency", "currency", "from_currency", "to_currency")
DATES = ("maturity_date", "price_date", "rate_date", "business_date")
NUMBERS = ("price", "rate", "multiplier")
BAD: list[tuple[tuple[str, ...], Rule, tuple[Any, ...]]] = [
    (IDS, Rule.ID_MUST_BE_PLAIN, ("", " a", "a|b", "a\n", "x" * 129)),
    (IDS, Rule.FIELD_MUST_BE_TEXT, (1, True, [], {})),
    (TEXTS, Rule.TEXT_MUST_BE_PLAIN, ("", "x" * 257, "a\nb", "\x00", "\ud800")),
    (TEXTS, Rule.FIELD_MUST_BE_TEXT, (1,)),
    (CURRENCIES, Rule.CURRENCY_MUST_BE_THREE_CAPITALS, ("usd", "US", "USDX", "USD\n")),
    (DATES, Rule.DATE_MUST_BE_YEAR_MONTH_DAY, ("2024-01-02T00:00:00Z", "20240102")),
    (DATES, Rule.DATE_MUST_EXIST, ("2023-02-29",)),
    (DATES, Rule.DATE_MUST_LIE_IN_1900_TO_2200, ("1899-12-31", "2201-01-01")),
    (DATES, Rule.FIELD_MUST_BE_TEXT, (20240102,)),
    (NUMBERS, Rule.DECIMAL_MUST_BE_PLAIN, ("1e3", "NaN", " 1", "+1", "", True, [])),
    (NUMBERS, Rule.DECIMAL_MUST_NOT_BE_NEGATIVE, ("-0.01",)),
    (NUMBERS, Rule.DECIMAL_MUST_FIT, ("0.0000000000001", "1" + "0" * 15)),
    (
        ("isin",),
        Rule.ISIN_MUST_BE_TWELVE_CHARACTERS,
        ("US037833100", "US03783310055", "us0378331005", "1S0378331005", "", "US037833100A"),
    ),
    (("isin",), Rule.ISIN_MUST_HAVE_ITS_CHECK_DIGIT, ("US0378331004",)),
    (("isin", "country_of_risk"), Rule.FIELD_MUST_BE_TEXT, (1,)),
    (
        ("country_of_risk",),
        Rule.COUNTRY_MUST_BE_TWO_CAPITALS,
        ("us", "USA", "U", "", "U1", "US\n"),
    ),
    (
        ("is_business_day",),
        Rule.BOOLEAN_MUST_BE_TRUE_OR_FALSE,
        ("True", "yes", "", 1, 0, [], {}),
    ),
    (("version",), Rule.VERSION_MUST_BE_A_POSITIVE_INTEGER, (0, -1, "01", 2**31, True)),
]
CASES: list[tuple[Kind[Any], Rule, str, bytes | None]] = [
    *((kind, rule, name, text_of(event | {name: value}))
      for kind, event, name in ALIKE for names, rule, values in BAD if name in names
      for value in values),
    *((kind, Rule.FIELD_MUST_BE_GIVEN, name, text_of(event | {name: None}))
      for kind, event in FULL for name in kind.needed),
    *((kind, Rule.FIELD_MUST_BE_KNOWN, "note", text_of(event | {"note": None}))
      for kind, event in FULL),
    *((kind, Rule.FIELD_MUST_BE_GIVEN_ONCE, name, b'{"%b":null,' % name.encode() + text_of(event)[1:])
      for kind, event, name in ALIKE),
    *((kind, Rule.MESSAGE_MUST_BE_GIVEN, "", None) for kind in KINDS),
    *((kind, Rule.MESSAGE_MUST_BE_JSON, "", b"{") for kind in KINDS),
    (OF_MARKET_PRICES, Rule.DECIMAL_MUST_BE_PLAIN, "price", with_token(PRICE, "price", "1e400")),
    (OF_FX_RATES, Rule.DECIMAL_MUST_FIT, "rate", text_of(RATE | {"rate": "1000000000"})),
    (OF_FX_RATES, Rule.FX_RATE_MUST_BE_POSITIVE, "rate", text_of(RATE | {"rate": "0.00"})),
    (OF_FX_RATES, Rule.CURRENCIES_MUST_DIFFER, "to_currency", text_of(RATE | {"to_currency": "USD"})),
    (OF_INSTRUMENTS, Rule.MULTIPLIER_MUST_BE_POSITIVE, "multiplier",
     text_of(INSTRUMENT | {"multiplier": 0})),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "rule", "field", "value"), CASES)
def test_a_record_that_breaks_a_rule_is_told_which(
    kind: Kind[Any], rule: Rule, field: str, value: bytes | None
) -> None:
    assert broken(kind.decode(value)) == {(rule, field)}


def test_all_that_is_wrong_is_named() -> None:
    event = {"price_date": "2024-02-30", "price": "-1", "currency": "x", "version": 0, "rate": 1}
    assert broken(OF_MARKET_PRICES.decode(text_of(event))) == {
        (Rule.FIELD_MUST_BE_GIVEN, "security_id"),
        (Rule.DATE_MUST_EXIST, "price_date"),
        (Rule.DECIMAL_MUST_NOT_BE_NEGATIVE, "price"),
        (Rule.CURRENCY_MUST_BE_THREE_CAPITALS, "currency"),
        (Rule.VERSION_MUST_BE_A_POSITIVE_INTEGER, "version"),
        (Rule.FIELD_MUST_BE_KNOWN, "rate"),
    }


def test_every_field_arrives_where_it_belongs() -> None:
    full = {kind: kind.decode(text_of(event)) for kind, event in FULL}
    assert full[OF_INSTRUMENTS] == Instrument(
        security_id="AAPL.XNAS", name="Apple Inc., 苹果 😀", isin="US0378331005",
        instrument_currency="USD", asset_class="Equity", product_type="Common stock",
        sector="Information technology", country_of_risk="US", rating="AA+", issuer="Apple Inc.",
        maturity_date=date(2040, 2, 29), multiplier=Decimal("0.5"), version=3,
    )  # fmt: skip
    assert full[OF_MARKET_PRICES] == MarketPrice(
        security_id="AAPL.XNAS", price_date=date(2024, 1, 31), price=Decimal("184.4"),
        currency="USD", version=2,
    )  # fmt: skip
    assert full[OF_FX_RATES] == FxRate(
        from_currency="USD", to_currency="EUR", rate_date=date(2024, 1, 31),
        rate=Decimal("0.9213"), version=2,
    )  # fmt: skip
    assert full[OF_BUSINESS_DATES] == BusinessDate(
        calendar="XNYS", business_date=date(2024, 7, 4), is_business_day=False, version=2
    )


def test_what_is_absent_has_its_default() -> None:
    assert OF_INSTRUMENTS.decode(b'{"security_id":"A","instrument_currency":"USD"}') == Instrument(
        security_id="A", instrument_currency="USD", multiplier=Decimal(1), version=1
    )
    assert OF_BUSINESS_DATES.decode(b'{"business_date":"2024-01-02","calendar":null}') == (
        BusinessDate(
            calendar="DEFAULT", business_date=date(2024, 1, 2), is_business_day=True, version=1
        )
    )
    free = OF_MARKET_PRICES.decode(text_of(PRICE | {"price": 0, "version": None}))
    assert isinstance(free, MarketPrice)
    assert (str(free.price), free.version) == ("0", 1)


def test_the_text_of_a_boolean_is_one_as_csv_has_no_other() -> None:
    for text, said in (("true", True), ("false", False)):
        assert OF_BUSINESS_DATES.decode(text_of(DAY | {"is_business_day": text})) == (
            OF_BUSINESS_DATES.decode(text_of(DAY | {"is_business_day": said}))
        )


def test_a_number_is_read_as_it_was_written() -> None:
    record = OF_MARKET_PRICES.decode(with_token(PRICE, "price", "0.100000000001"))
    assert isinstance(record, MarketPrice)
    assert record.price == Decimal("0.100000000001")


# Codes of listed companies; the last three are examples of ISO 6166 and of a stock exchange.
@pytest.mark.parametrize(
    "isin",
    [
        "US0378331005",
        "GB0002634946",
        "DE0007164600",
        "CH0038863350",
        "JP3633400001",
        "AU0000XVGZA3",
    ],
)
def test_the_check_digit_of_an_isin_is_known_and_no_other_is_taken(isin: str) -> None:
    for digit in "0123456789":
        record = OF_INSTRUMENTS.decode(text_of(INSTRUMENT | {"isin": isin[:-1] + digit}))
        assert isinstance(record, Instrument) == (digit == isin[-1])


@pytest.mark.parametrize(
    ("kind", "event", "key"),
    [
        (OF_INSTRUMENTS, INSTRUMENT, "AAPL.XNAS"),
        (OF_MARKET_PRICES, PRICE, "AAPL.XNAS|2024-01-31"),
        (OF_FX_RATES, RATE, "USD|EUR|2024-01-31"),
        (OF_BUSINESS_DATES, DAY, "XNYS|2024-07-04"),
    ],
)
def test_the_key_is_the_identity(kind: Kind[Any], event: dict[str, object], key: str) -> None:
    assert kind.key_of(kind.decode(text_of(event))) == key


def test_each_kind_has_a_field_by_which_it_is_known() -> None:
    for kind in KINDS:
        assert kind.telltale in kind.needed
        others = {name for other in KINDS if other is not kind for name in other.fields}
        assert kind.telltale not in others | set(ODD_TOKENS)


# -- whatever the bytes


def once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(members)) == len(members), "a field given twice was accepted"
    return dict(members)


def meaning(name: str, sent: Any) -> Any:  # noqa: ANN401 - whatever JSON says
    """What a value of that field says, read without the decoder."""
    if name in ("price", "rate", "multiplier"):
        return Decimal(sent)
    if name.endswith("_date"):
        return date.fromisoformat(sent)
    if name == "is_business_day":
        return sent in (True, "true")
    return int(sent) if name == "version" else sent


DEFAULTS: dict[str, Any] = {
    "version": 1, "multiplier": Decimal(1), "calendar": "DEFAULT", "is_business_day": True,
}  # fmt: skip


def written(value: Decimal | date) -> str:
    """As producers write it: Python gives a very small decimal an exponent."""
    return f"{value:f}" if isinstance(value, Decimal) else value.isoformat()


def demand_no_lie(value: bytes) -> int:
    """How many kinds accepted it."""
    accepted = 0
    for kind in KINDS:
        record = kind.decode(value)
        if isinstance(record, Malformed):
            assert record.errors
            continue
        accepted += 1
        sent = json.loads(
            value.decode(), parse_int=Decimal, parse_float=Decimal, object_pairs_hook=once
        )
        assert set(sent) <= set(kind.fields)
        for name, value_read in asdict(record).items():
            given_value = sent.get(name)
            expected = DEFAULTS.get(name) if given_value is None else meaning(name, given_value)
            assert value_read == expected, name
        assert kind.decode(json.dumps(asdict(record), default=written).encode()) == record
    return accepted


TOKENS = sorted({token for tokens in ODD_TOKENS.values() for token in tokens})


@st.composite
def nearly_valid(draw: st.DrawFn) -> bytes:
    kind, event = draw(st.sampled_from(FULL))
    return with_token(event, draw(st.sampled_from(kind.fields)), draw(st.sampled_from(TOKENS)))


@settings(max_examples=600)
@given(nearly_valid())
def test_what_is_accepted_of_a_record_that_is_nearly_valid_is_what_was_sent(value: bytes) -> None:
    assert demand_no_lie(value) <= 1


@settings(max_examples=300)
@given(st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_and_no_json_value_raise(value: bytes) -> None:
    assert not demand_no_lie(value)


def test_of_many_spoiled_records_none_raises_and_none_is_another_than_was_sent() -> None:
    random, cases, accepted = Random(30), 20_000, 0
    for _ in range(cases):
        value = text_of(random.choice(FULL)[1])
        for _ in range(random.choice([1, 1, 2])):
            value = random.choice(HARMS)(random, value)
        accepted += demand_no_lie(value)
    assert cases / 20 < accepted < cases / 2  # of both kinds there were many
