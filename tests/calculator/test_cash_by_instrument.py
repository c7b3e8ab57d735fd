"""Holdings that are cash by their instruments: booked anew when an instrument says another thing."""

from decimal import Decimal

import pytest

from calculator import CashRole, Ledger, Transaction, cause_of
from calculator import ledger as ledger_module
from tests.calculator.trading import (
    Classed,
    Event,
    booked,
    cancel,
    everything,
    holding_of,
    on,
    one_by_one,
    rate,
    settled,
    status,
    take,
    terms,
    trade,
)

FUND = "FUND"
TRADES: tuple[Transaction, ...] = (
    trade("buy", "BUY", 1, 100, 2, fee=1, security=FUND),
    trade("sell", "SELL", 2, 30, 3, security=FUND),
    trade("fee", "FEE", 3, amount=4, security=FUND),
    trade("int", "INTEREST", 4, amount=9, fee=2, security=FUND),
    trade("more", "WITHDRAWAL", 5, amount=200, security=FUND),
    trade("other", "BUY", 3, 1, 7),
)
AS_SECURITY = {"buy": -201, "sell": 90, "fee": -4, "int": 7, "other": -7}
AS_CASH = {"buy": 100, "sell": -30, "fee": -4, "int": 7, "more": -200}


def entries(ledger: Ledger) -> dict[str, Decimal]:
    """What standing cash entries move, by their causes."""
    found = {}
    for (_, name), entry in everything(ledger)["results"].items():
        if (cause := cause_of(name)) is not None:
            found[cause] = entry[2].cash_movement
    return found


def quantities(ledger: Ledger) -> dict[str, Decimal]:
    return {key[1]: each["quantity"] for key, each in everything(ledger)["holdings"].items()}


def to_the_end(ledger: Ledger, steps: int | None) -> None:
    journal = ledger.journal
    while True:
        ledger.settle(steps)
        if not (journal.unsettled or journal.walks or journal.holders.walks):
            return


def assert_is_security(ledger: Ledger) -> None:
    assert entries(ledger) == AS_SECURITY
    assert status(ledger, "more") == "REJECTED"
    assert quantities(ledger) == {FUND: 70, "S": 1, "CASH_USD": sum(AS_SECURITY.values())}
    assert holding_of(ledger, FUND).role is CashRole.MOVED
    assert holding_of(ledger, FUND).generated == len(AS_SECURITY) - 1


def assert_is_cash(ledger: Ledger) -> None:
    assert entries(ledger) == {"other": -7}
    assert {name: booked(ledger, name).cash_movement for name in AS_CASH} == AS_CASH
    assert quantities(ledger) == {FUND: sum(AS_CASH.values()), "S": 1, "CASH_USD": -7}
    assert holding_of(ledger, FUND).role is CashRole.HELD
    assert holding_of(ledger, FUND).generated == 0
    assert [lot.lot_id for lot in holding_of(ledger, FUND).lots] == ["POOL"]


@pytest.mark.parametrize("steps", [1, 2, 3, 7, None])
def test_an_instrument_makes_a_holding_cash_and_takes_it_back(steps: int | None) -> None:
    ledger = settled(terms("LIFO", cash="automatic"), *TRADES)
    assert_is_security(ledger)
    for version in (1, 3):
        take(ledger, Classed(FUND, True, version))
        to_the_end(ledger, steps)
        assert_is_cash(ledger)
        take(ledger, Classed(FUND, False, version + 1))
        to_the_end(ledger, steps)
        assert_is_security(ledger)


def test_without_a_bound_all_is_settled_however_short_the_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_module, "STEPS_PER_TURN", 1)
    ledger = settled(terms("LIFO", cash="automatic"), *TRADES)
    take(ledger, Classed(FUND))
    ledger.settle()
    assert not ledger.journal.unsettled
    assert_is_cash(ledger)
    take(ledger, trade("buy", "BUY", 0, 100, 2, fee=1, security=FUND, version=2))
    take(ledger, Classed(FUND, False, 2))
    ledger.settle()
    assert not ledger.journal.unsettled
    assert_is_security(ledger)


def test_one_that_flips_while_it_is_booked_anew_is_counted_once() -> None:
    """Whatever of it was withdrawn comes back, and what was not is not brought twice."""
    for first in range(12):
        ledger = settled(terms("LIFO", cash="automatic"), *TRADES)
        take(ledger, Classed(FUND))
        ledger.settle(first)
        take(ledger, Classed(FUND, False, 2))
        ledger.settle(first // 2)
        take(ledger, Classed(FUND, True, 3))
        ledger.settle(1)
        take(ledger, Classed(FUND, False, 4))
        to_the_end(ledger, 1)
        assert_is_security(ledger)


@pytest.mark.parametrize("cash", ["explicit", "automatic"])
def test_the_books_are_the_same_whenever_the_instrument_comes(cash: str) -> None:
    events: list[Event] = [
        terms("HIFO", cash=cash),
        *TRADES,
        trade("buy", "BUY", 0, 50, 2, security=FUND, version=2),
        cancel("sell"),
    ]
    ledgers = [
        one_by_one(*events[:place], Classed(FUND), *events[place:])
        for place in range(len(events) + 1)
    ]
    ends = [everything(ledger) for ledger in ledgers]
    assert all(end == ends[0] for end in ends)
    assert quantities(ledgers[0])[FUND] == 50 - 4 + 7 - 200


def test_under_explicit_it_is_one_pool_that_may_be_overdrawn() -> None:
    ledger = settled(terms(cash="explicit"), *TRADES)
    assert quantities(ledger) == {FUND: 70, "S": 1}
    take(ledger, Classed(FUND))
    changed = {entry.content.transaction_id for entry in ledger.settle()}
    assert changed == {"buy", "sell", "fee", "int", "more"}
    assert quantities(ledger) == {FUND: -127, "S": 1}
    (pool,) = holding_of(ledger, FUND).lots
    assert (pool.lot_id, pool.cost, pool.acquired_at) == ("POOL", Decimal(-127), on(5))


def test_where_no_cash_is_kept_it_changes_nothing() -> None:
    ledger = settled(terms("LIFO"), *TRADES)
    before = everything(ledger)
    take(ledger, Classed(FUND))
    assert ledger.settle() == []
    assert everything(ledger) == before
    without_a_record = settled(*TRADES)
    take(without_a_record, Classed(FUND))
    assert without_a_record.settle() == []


def test_what_is_named_cash_is_cash_whatever_its_instrument_says() -> None:
    ledger = settled(terms(cash="automatic"), *TRADES)
    before = everything(ledger)
    for version, is_cash in enumerate((True, False), 1):
        take(ledger, Classed("CASH_USD", is_cash, version))
        assert ledger.settle() == []
    assert everything(ledger) == before


def test_a_correction_of_what_became_cash_leaves_no_entry_of_before() -> None:
    for steps in range(6):
        ledger = settled(terms(cash="automatic"), *TRADES)
        take(ledger, Classed(FUND))
        ledger.settle(steps)
        take(ledger, trade("buy", "BUY", 1, 10, 2, fee=1, security="S", version=2))
        to_the_end(ledger, 2)
        assert entries(ledger) == {"other": -7, "buy": -21}


def test_a_rate_is_awaited_as_long_as_one_is_needed() -> None:
    """Of a security a fee in another currency; of cash only what goes away from zero."""
    events = (
        trade("in", "DEPOSIT", 1, 10, amount=10, currency="EUR", fx_rate="2", security=FUND),
        trade("fee", "FEE", 2, amount=4, currency="EUR", security=FUND),
    )
    ledger = settled(terms(cash="explicit"), *events)
    assert status(ledger, "fee") == "PENDING"
    take(ledger, Classed(FUND))
    ledger.settle()
    assert (status(ledger, "fee"), holding_of(ledger, FUND).cost) == ("BOOKED", Decimal(12))
    take(ledger, rate("EUR", "USD", 2, "3"))
    assert ledger.settle() == []
    take(ledger, Classed(FUND, False, 2))
    ledger.settle()
    assert booked(ledger, "fee").net_cost == 12
    assert everything(ledger) == everything(
        settled(terms(cash="explicit"), *events, rate("EUR", "USD", 2, "3"))
    )


def test_only_who_holds_it_is_met_however_many_others_there_are() -> None:
    ledger = settled(
        *(trade(f"t{n}", "BUY", 1, 1, 1, portfolio=f"P{n:03}") for n in range(150)),
        *(trade(f"f{n}", "BUY", 1, 1, 1, portfolio=f"P{n:03}", security=FUND) for n in (3, 5, 8)),
    )
    take(ledger, Classed(FUND), Classed("NOBODY HAS IT"))
    assert dict(ledger.journal.holders.walks) == {FUND: ""}
    ledger.settle()
    assert ledger.steps_taken == 3
    take(ledger, Classed(FUND, False, 2))
    ledger.settle(1)
    assert dict(ledger.journal.holders.walks) == {FUND: "P003"}
