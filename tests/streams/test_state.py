from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calculator import (
    EXACT,
    Holding,
    Lot,
    OpenLots,
    Order,
    Portfolio,
    ReliefMethod,
    Source,
    place_of,
)
from calculator.holding import LOWEST
from streams import state
from streams.state import LayoutError
from tests.calculator.trading import METHODS, on
from wire.topics import CHANGELOG

ids = st.from_regex(r"[A-Za-z0-9._:@-]{1,6}( [A-Za-z0-9._:@-]{1,3})?", fullmatch=True)
instants = st.datetimes(timezones=st.just(UTC))
orders = st.tuples(instants, st.integers(0, 2), ids)
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=12, max_value=10**26)
unit_costs = st.decimals(
    allow_nan=False, allow_infinity=False, places=12, min_value=-(10**26), max_value=10**26
)


@given(orders, orders)
def test_places_sort_by_time_then_class_then_id(first: Order, second: Order) -> None:
    places = state.encode_order(first), state.encode_order(second)
    assert (places[0] < places[1]) == (first < second)


@given(orders)
def test_a_place_reads_as_the_order_it_was_written_from(order: Order) -> None:
    assert state.decode_order(state.encode_order(order)) == order


@pytest.mark.parametrize(
    "order",
    [
        LOWEST,
        (datetime(1, 1, 1, tzinfo=UTC), 0, "T"),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 2, "T"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 2, "~"),
    ],
)
def test_instants_before_1970_and_at_the_ends_of_time_are_places_too(order: Order) -> None:
    assert state.decode_order(state.encode_order(order)) == order


@given(orders)
def test_the_lowest_order_lies_below_every_place(order: Order) -> None:
    assert state.encode_order(LOWEST) < state.encode_order(order)


@given(orders)
def test_no_place_lies_between_an_order_and_the_one_right_behind_it(order: Order) -> None:
    behind = state.encode_order((order[0], order[1], order[2] + "\0"))
    assert behind == state.encode_order(order) + b"\0"
    assert state.encode_order((order[0], order[1], order[2] + "0")) > behind


@given(st.lists(st.tuples(ids, ids), min_size=2, unique=True))
def test_keys_of_one_portfolio_stand_together_and_sort_by_security(
    pairs: list[tuple[str, str]],
) -> None:
    keys = sorted(state.holding_key(*pair) for pair in pairs)
    assert [state.ids_of(key) for key in keys] == sorted(
        pairs, key=lambda pair: (pair[0].encode() + b"\0", pair[1].encode())
    )


@given(ids, ids, ids)
def test_the_prefix_of_a_portfolio_is_that_of_no_other(a: str, b: str, security: str) -> None:
    is_inside = state.holding_key(b, security).startswith(state.portfolio_prefix(a))
    assert is_inside == (a == b)


KINDS: list[Callable[[str, str], bytes]] = [
    state.holding_key,
    state.entry_key,
    lambda p, s: state.holding_key(p, s, b"r"),
    lambda p, s: state.page_prefix(p, s) + state.encode_place(ReliefMethod.FIFO, (0, (on(1), "T"))),
    lambda p, s: state.holding_key(p, s, b"o") + b"\0" + state.encode_order(LOWEST),
    lambda p, s: state.holding_key(p, s, b"x") + b"\0" + state.encode_order((on(3), 1, "T 1")),
]


@pytest.mark.parametrize("key", KINDS)
def test_every_key_tells_the_ids_it_was_made_of(key: Callable[[str, str], bytes]) -> None:
    assert state.ids_of(key("P 1", "S:1")) == ("P 1", "S:1")


def test_local_keys_and_progress_lie_outside_every_other_kind() -> None:
    marks = {state.PROGRESS, state.CHANGELOG_READ, state.RESULTS_READ, state.WRITTEN_AT}
    assert len(marks) == 4
    assert all(mark.startswith(b"!") for mark in marks)


# -- values


def lots_of(count: int) -> list[Lot]:
    return [
        Lot(f"T{n}", on(n), Decimal(n + 1), Decimal("0.1"), Decimal("1E-12"), Decimal(n))
        for n in range(count)
    ]


def full_holding() -> Holding:
    holding = Holding("P", "S", ReliefMethod.LIFO, "EUR")
    holding.trade_currency = "USD"
    holding.quantity = Decimal("123456789012345.123456789012")
    holding.cost, holding.cost_local = Decimal("-0.5"), Decimal("99999999999999999999999999")
    holding.realized_gain_loss, holding.realized_gain_loss_local = Decimal(-1), Decimal("1E-12")
    holding.journalled, holding.booked, holding.increases = 9, 7, 3
    holding.first_transaction_date, holding.last_transaction_date = on(-40_000), on(4)
    holding.last = (on(5), 2, "T5")
    holding.rebook_from = (on(4), 0, "T4")
    holding.booked_below = (on(5), 0, "T4\0")
    return holding


def totals(holding: Holding) -> dict[str, object]:
    return {name: getattr(holding, name) for name in Holding.__slots__ if name != "lots"}


def test_a_holding_reads_as_it_was_written() -> None:
    holding, lots = full_holding(), lots_of(3)
    for lot in lots:
        holding.lots.put(lot)
    paged = state.Paged(7, Decimal("0.1"), Decimal("1E-12"), Decimal(9))
    stored = state.decode_holding("P", "S", state.encode_holding(holding, 12, paged))
    assert totals(stored.holding) == totals(holding)
    assert (stored.as_of, stored.paged) == (12, paged)
    assert list(stored.holding.lots) == lots[::-1]  # newest first, as the method says
    assert stored.holding.lots.touched == {}


@pytest.mark.parametrize("order", [LOWEST, (on(1), -1, ""), (on(-99), 2, "T\0")])
def test_cursors_of_a_holding_read_as_they_were_written(order: Order) -> None:
    holding = full_holding()
    holding.booked_below = holding.rebook_from = order
    stored = state.decode_holding("P", "S", state.encode_holding(holding, 1, state.Paged()))
    assert (stored.holding.booked_below, stored.holding.rebook_from) == (order, order)


def test_a_new_holding_without_anything_reads_as_it_was_written() -> None:
    holding = Holding("P", "S", ReliefMethod.FIFO)
    stored = state.decode_holding("P", "S", state.encode_holding(holding, 1, state.Paged()))
    assert totals(stored.holding) == totals(holding)


def test_a_last_date_that_must_be_looked_up_again_is_not_taken_for_none() -> None:
    holding = full_holding()
    holding.last_transaction_date, holding.last_booked_below = None, (on(9), 2, "S")
    stored = state.decode_holding("P", "S", state.encode_holding(holding, 1, state.Paged()))
    assert stored.holding.last_transaction_date is None
    assert stored.holding.last_booked_below == (on(9), 2, "S")


@given(st.sampled_from(METHODS), st.lists(st.tuples(unit_costs, instants, ids), min_size=2))
def test_places_sort_as_lots_are_relieved_and_read_as_they_were_written(
    method: ReliefMethod, values: list[tuple[Decimal, datetime, str]]
) -> None:
    lots = {
        lot_id: Lot(lot_id, at, Decimal(1), Decimal(1), Decimal(1), unit)
        for unit, at, lot_id in values
    }
    places = {name: place_of(method, lot) for name, lot in lots.items()}
    encoded = {name: state.encode_place(method, place) for name, place in places.items()}
    in_order = [lot.lot_id for lot in OpenLots(method, lots.values())]
    # Whatever follows them.
    assert sorted(encoded, key=lambda name: encoded[name] + b"\xff") == in_order
    assert sorted(encoded, key=lambda name: encoded[name] + b"\0") == in_order
    in_a_row = b"".join(encoded[name] for name in in_order)
    assert state.decode_places(method, in_a_row) == [places[name] for name in in_order]


@given(numbers, numbers, numbers, numbers, instants, ids)
def test_a_lot_reads_as_it_was_written(
    quantity: Decimal, cost: Decimal, cost_local: Decimal, unit: Decimal, at: datetime, lot_id: str
) -> None:
    with localcontext(EXACT):
        lot = Lot(lot_id, at, quantity, cost_local, cost, unit)
        assert state.decode_page(state.encode_page([lot])) == [lot]


def test_a_lot_is_encoded_once_in_its_life() -> None:
    lot = lots_of(1)[0]
    record = state.encoded_lot(lot)
    assert state.encoded_lot(lot) is record
    again = state.decoded_lot(record)
    assert state.encoded_lot(again) == record
    assert again == lot


def a_portfolio() -> state.PortfolioRecord:
    portfolio = Portfolio(
        portfolio_id="P", base_currency="EUR", cost_basis_method=ReliefMethod.HIFO, name="Zürich",
        client_id=None, booking_center="x", opened_on=date(2020, 2, 29), version=3,
    )  # fmt: skip
    return state.PortfolioRecord(state.LAYOUT, 8, portfolio, "S", Source("portfolios", 3, 17))


def a_progress() -> state.Progress:
    return state.Progress(state.LAYOUT, 4, "FIFO", (1, 2, 2**40), 9, 4, 2, 1, 1, 1, 77)


def test_a_portfolio_record_reads_as_it_was_written() -> None:
    read = state.decode_portfolio_record(state.encode_record(a_portfolio()))
    assert read == a_portfolio()
    assert read.portfolio == a_portfolio().portfolio


def test_a_portfolio_record_from_before_its_source_was_kept_is_read_without_one() -> None:
    *before, _ = msgspec.msgpack.decode(state.encode_record(a_portfolio()))
    read = state.decode_portfolio_record(msgspec.msgpack.encode(before))
    assert (read.portfolio, read.source) == (a_portfolio().portfolio, None)


def test_progress_reads_as_it_was_written() -> None:
    assert state.decode_progress(state.encode_record(a_progress())) == a_progress()


def test_a_partition_without_progress_is_at_the_beginning() -> None:
    assert state.decode_progress(None) == state.Progress()


# -- another layout


def of_another_layout(value: bytes) -> bytes:
    fields: list[object] = msgspec.msgpack.decode(value)
    # Whatever follows is its own affair: another layout may have other fields of other types.
    return msgspec.msgpack.encode([state.LAYOUT + 1, "new", *fields[3:]])


def holding_record() -> bytes:
    return state.encode_holding(full_holding(), 1, state.Paged(2))


@pytest.mark.parametrize(
    ("value", "decode"),
    [
        (holding_record(), lambda value: state.decode_holding("P", "S", value)),
        (state.encode_record(a_portfolio()), state.decode_portfolio_record),
        (state.encode_record(a_progress()), state.decode_progress),
    ],
    ids=["holding", "portfolio", "progress"],
)
def test_another_layout_is_refused_and_the_refusal_says_what_to_do(
    value: bytes, decode: Callable[[bytes], object]
) -> None:
    decode(value)
    with pytest.raises(LayoutError) as refusal:
        decode(of_another_layout(value))
    said = str(refusal.value)
    assert f"layout {state.LAYOUT + 1}" in said
    assert "Run the version that wrote it" in said
    assert f"delete the topic {CHANGELOG.name}" in said
