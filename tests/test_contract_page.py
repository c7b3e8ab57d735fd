"""What CONTRACT.md says of reference data is so."""

import re
from pathlib import Path
from typing import Any

import pytest

from api import parameters
from api.history import Listing
from api.reference import BUSINESS_DATES, FX_RATES, INSTRUMENTS, MARKET_PRICES
from tests.api.test_openapi import ROUTES
from tests.wire.test_reference import CASES
from wire.fields import Rule
from wire.reference import KINDS, Kind
from wire.topics import REFERENCE

TEXT = (Path(__file__).parents[1] / "CONTRACT.md").read_text()
LISTS: dict[str, tuple[Listing, type[parameters.Page]]] = {
    "/instruments": (INSTRUMENTS, parameters.InstrumentPage),
    "/market-prices": (MARKET_PRICES, parameters.MarketPricePage),
    "/fx-rates": (FX_RATES, parameters.FxRatePage),
    "/business-dates": (BUSINESS_DATES, parameters.BusinessDatePage),
}


def table(heading: str) -> list[list[str]]:
    found = re.search(rf"^\| {heading} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert found is not None, heading
    rows = (row.replace("\\|", "!").strip("|") for row in found[1].splitlines())
    return [[cell.strip() for cell in row.split("|")] for row in rows]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_field_is_told_of_with_whether_it_is_needed(kind: Kind[Any]) -> None:
    rows = table(f"`{kind.name}`")
    assert {name for name, *_ in rows} == set(kind.fields)
    assert {name for name, _, needed, _ in rows if needed == "yes"} == set(kind.needed)


def test_the_kinds_their_keys_and_their_routes_are_told() -> None:
    rows = table("kind")
    assert {name.strip("`") for name, *_ in rows} == {topic.name for topic in REFERENCE}
    keys = {name.strip("`"): key.replace("`!`", "|") for name, key, _ in rows}
    assert keys == {kind.name: "|".join(kind.identity) for kind in KINDS}
    told = {route.split()[1] for *_, routes in rows for route in re.findall("`([^`]+)`", routes)}
    assert told == {
        route for route in ROUTES if route.removeprefix("/ingest").startswith((*LISTS,))
    }


def test_every_rule_that_a_record_may_break_is_told() -> None:
    told = {rule for rule in Rule if f"`{rule.value}`" in TEXT}
    met = {rule for _, rule, _, _ in CASES}
    of_any_message = {rule for rule in Rule if rule.value.startswith("message_must")}
    others = {Rule.VERSION_MUST_BE_HIGHER_TO_CORRECT, Rule.CASH_MANAGEMENT_MUST_BE_KNOWN}
    assert told == met | of_any_message | others


def test_the_filters_that_are_told_are_those_that_are_taken() -> None:
    told = {path.strip("`"): set(filters.split(", ")) for path, _, filters in table("`GET`")}
    for path, (listing, page) in LISTS.items():
        names = {page.model_fields[name].alias or name for name in page.filter_names()}
        assert told[path] == names
        assert set(page.filter_names()) == set(listing.filters)
    assert set(told) == set(LISTS)
