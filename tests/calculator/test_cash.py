"""Cash holdings: one signed pool, whatever the portfolio's method."""

from decimal import Decimal

import pytest

from calculator import (
    Booked,
    CashManagement,
    CashRole,
    Disposal,
    Holding,
    Ledger,
    Portfolio,
    Reason,
    ReliefMethod,
    Transaction,
    cause_of,
    plain,
)
from calculator.cash import cash_role
from tests.calculator.trading import (
    Classed,
    Event,
    booked,
    cancel,
    holding_of,
    on,
    one_by_one,
    refused,
    settled,
    shown_lots,
    status,
    terms,
    trade,
)

D = Decimal
EXPLICIT = terms(cash="explicit")


def moved(*events: Event, base: str = "USD") -> list[str]:
    """By day, what the transactions of a cash holding moved."""
    ledger = settled(terms(base=base, cash="explicit"), *events)
    outcomes = [booked(ledger, e.transaction_id) for e in events if isinstance(e, Transaction)]
    return [plain(one.cash_movement) for one in outcomes if one.cash_movement is not None]


def cash(name: str, kind: str, day: int, amount: str | int, **more: object) -> Transaction:
    """A transaction of the cash holding that gives its amount alone."""
    more = {"security": "CASH"} | more
    return trade(name, kind, day, amount=amount, **more)  # type: ignore[arg-type]


def pool(*events: Event, base: str = "USD") -> list[tuple[str, str, str]]:
    ledger = settled(terms(base=base, cash="explicit"), *events)
    return shown_lots(holding_of(ledger, "CASH").lots)


@pytest.mark.parametrize(
    ("security_id", "is_cash"),
    [
        ("CASH", True),
        ("CASH_USD", True),
        ("CASH_XYZ", True),
        ("cash", False),
        ("CASH_usd", False),
        ("CASH_US", False),
        ("CASH_USDT", False),
        ("CASH_", False),
        ("CASHUSD", False),
        ("XCASH_USD", False),
        ("CASH_USD\n", False),
        ("CASH_ÄÖÜ", False),
    ],
)
def test_cash_is_what_is_called_so_where_cash_is_kept(security_id: str, is_cash: bool) -> None:
    without, explicit, automatic = (
        cash_role(management, security_id, is_cash=False)
        for management in (
            CashManagement.SECURITIES_ONLY,
            CashManagement.EXPLICIT,
            CashManagement.AUTOMATIC,
        )
    )
    assert without is CashRole.NONE
    assert explicit is (CashRole.HELD if is_cash else CashRole.NONE)
    assert automatic is (CashRole.HELD if is_cash else CashRole.MOVED)


@pytest.mark.parametrize("security_id", ["FUND", "CASH", "CASH_USD"])
def test_cash_by_its_instrument_is_cash_where_cash_is_kept(security_id: str) -> None:
    roles = [cash_role(management, security_id, is_cash=True) for management in CashManagement]
    assert roles == [CashRole.NONE, CashRole.HELD, CashRole.HELD]


def test_only_a_cash_entry_has_a_cause() -> None:
    assert cause_of("T 1~cash") == "T 1"
    assert cause_of("T1") is cause_of("~cashier") is cause_of("T1.cash") is None


def test_each_type_moves_cash_by_its_units_or_its_amount() -> None:
    assert moved(
        trade("a", "BUY", 1, 100, 2, fee=5, security="CASH"),
        trade("b", "TRANSFER_IN", 2, 10, 2, security="CASH"),
        cash("c", "DEPOSIT", 3, 7),
        trade("d", "DEPOSIT", 3, 8, amount=99, security="CASH"),
        cash("e", "INTEREST", 4, 20, fee=3),
        cash("f", "DIVIDEND", 4, 2),
        trade("g", "SELL", 5, 30, 2, fee=5, security="CASH"),
        trade("h", "TRANSFER_OUT", 6, 4, security="CASH"),
        cash("i", "WITHDRAWAL", 7, 6),
        cash("j", "FEE", 8, 9, fee=1),
        trade("k", "TAX", 9, 2, "1.5", security="CASH"),
        cash("l", "INTEREST", 9, 1, fee=3),
    ) == ["100", "10", "7", "8", "17", "2", "-30", "-4", "-6", "-9", "-3", "-2"]


def test_cash_may_be_overdrawn_and_says_so() -> None:
    ledger = settled(EXPLICIT, cash("a", "DEPOSIT", 1, 10), cash("b", "FEE", 2, 25))
    holding = holding_of(ledger, "CASH")
    assert (holding.quantity, holding.cost, holding.cost_local) == (D(-15), D(-15), D(-15))
    assert shown_lots(holding.lots) == [("POOL", "-15", "-15")]
    assert [lot.acquired_at for lot in holding.lots] == [on(2)]
    assert (len(holding.lots), holding.method) == (1, ReliefMethod.AVCO)


def test_nothing_is_realized_and_gross_is_net() -> None:
    ledger = settled(
        EXPLICIT,
        cash("a", "DEPOSIT", 1, 10, currency="EUR", fx_rate="1.1"),
        trade("b", "SELL", 2, 4, 2, currency="EUR", fx_rate="2", security="CASH"),
        cash("c", "FEE", 3, 1, currency="EUR", fx_rate="3"),
    )
    sold, charged = booked(ledger, "b"), booked(ledger, "c")
    assert sold.realized_gain_loss is sold.realized_gain_loss_local is None
    assert (sold.gross_cost, sold.net_cost) == (D("-4.4"), D("-4.4"))
    assert (sold.gross_cost_local, sold.net_cost_local) == (D(-4), D(-4))
    assert (charged.gross_cost, charged.net_cost_local) == (D("-1.1"), D(-1))
    assert holding_of(ledger, "CASH").realized_gain_loss == 0


def test_away_from_zero_the_rate_of_the_day_counts_and_toward_it_the_share_of_the_pool() -> None:
    came = [
        cash("a", "DEPOSIT", 1, 10, currency="EUR", fx_rate="1.1"),
        cash("b", "DEPOSIT", 2, 20, currency="EUR", fx_rate="1.4"),
    ]
    assert pool(*came) == [("POOL", "30", "39")]
    out = cash("c", "WITHDRAWAL", 3, 7, currency="EUR", fx_rate="9")
    assert pool(*came, out) == [("POOL", "23", "29.9")]
    back = cash("d", "WITHDRAWAL", 4, 33, currency="EUR", fx_rate="2")
    assert pool(*came, out, back) == [("POOL", "-10", "-20")]
    paid = cash("e", "INTEREST", 5, 4, currency="EUR", fx_rate="9")
    assert pool(*came, out, back, paid) == [("POOL", "-6", "-12")]
    rest = cash("f", "DEPOSIT", 6, 6, currency="EUR", fx_rate="9")
    assert pool(*came, out, back, paid, rest) == []


def test_what_crosses_zero_closes_the_pool_and_opens_another() -> None:
    ledger = settled(
        EXPLICIT,
        cash("a", "DEPOSIT", 1, 10, currency="EUR", fx_rate="1.1"),
        cash("b", "WITHDRAWAL", 2, 15, currency="EUR", fx_rate="2"),
        cash("c", "DEPOSIT", 3, 7, currency="EUR", fx_rate="3"),
    )
    out, back = booked(ledger, "b"), booked(ledger, "c")
    assert (out.net_cost, out.net_cost_local, out.cash_movement) == (D(-21), D(-15), D(-15))
    assert out.disposals == (Disposal("POOL", on(1), D(10), D(11), D(10)),)
    assert (back.net_cost, back.net_cost_local) == (D(10 + 6), D(7))
    assert back.disposals == (Disposal("POOL", on(2), D(-5), D(-10), D(-5)),)
    (lot,) = holding_of(ledger, "CASH").lots
    assert (lot.quantity, lot.cost, lot.cost_local, lot.acquired_at) == (D(2), D(6), D(2), on(3))


@pytest.mark.parametrize("kind", ["WITHDRAWAL", "FEE", "DEPOSIT"])
def test_a_rate_is_needed_only_for_what_goes_away_from_zero(kind: str) -> None:
    sign = -1 if kind == "DEPOSIT" else 1
    held = ("DEPOSIT", "WITHDRAWAL")[sign < 0]
    known = cash("a", held, 1, 10, currency="EUR", fx_rate="2")
    within = settled(EXPLICIT, known, cash("b", kind, 2, 10, currency="EUR"))
    assert status(within, "b") == "BOOKED"
    beyond = settled(EXPLICIT, known, cash("b", kind, 2, "10.01", currency="EUR"))
    assert status(beyond, "b") == "PENDING"
    assert holding_of(beyond, "CASH").quantity == sign * 10


def test_what_moves_nothing_needs_no_rate_and_leaves_the_pool_alone() -> None:
    ledger = settled(EXPLICIT, cash("a", "INTEREST", 1, 3, fee=3, currency="EUR"))
    assert booked(ledger, "a").cash_movement == 0
    assert holding_of(ledger, "CASH").quantity == 0
    assert shown_lots(holding_of(ledger, "CASH").lots) == []


def reason(ledger: Ledger, transaction_id: str) -> Reason | None:
    return getattr(
        getattr(ledger.journal.entry("P", transaction_id), "outcome", None), "reason", None
    )


@pytest.mark.parametrize("security_id", ["CASH", "FUND"])
def test_a_cash_holding_has_the_currency_of_what_was_booked_first(security_id: str) -> None:
    ledger = settled(
        EXPLICIT,
        Classed("FUND"),
        trade("a", "FEE", 1, amount=10, security=security_id),
        trade("b", "INTEREST", 2, amount=3, security=security_id, currency="EUR", fx_rate="1"),
    )
    assert reason(ledger, "b") is Reason.TRADE_CURRENCY_MUST_MATCH_THE_HOLDING
    assert holding_of(ledger, security_id).trade_currency == "USD"
    ledger.take(cancel("a"))
    ledger.settle()
    assert status(ledger, "b") == "BOOKED"
    assert holding_of(ledger, security_id).trade_currency == "EUR"


def test_a_cash_holding_that_is_named_by_its_currency_has_no_other() -> None:
    """Else one deposit in a wrong currency would refuse all that trades move of it."""
    wrong = cash("a", "DEPOSIT", 0, 10, currency="EUR", fx_rate="2", security="CASH_USD")
    ledger = settled(terms(cash="automatic"), wrong, trade("b", "BUY", 1, 10, 5))
    assert reason(ledger, "a") is Reason.TRADE_CURRENCY_MUST_MATCH_THE_HOLDING
    assert status(ledger, "b~cash") == "BOOKED"
    assert holding_of(ledger, "CASH_USD").quantity == -50
    unknown = settled(EXPLICIT, cash("a", "DEPOSIT", 0, 10, currency="EUR", security="CASH_USD"))
    assert status(unknown, "a") == "PENDING"
    without = settled(terms(), wrong)
    assert status(without, "a") == "BOOKED"


def test_amounts_that_would_not_fit_are_refused() -> None:
    huge = "9" * 15
    holding = Holding("P", "CASH", ReliefMethod.AVCO, "CHF", CashRole.HELD)
    rate = {"currency": "USD", "fx_rate": huge}
    whole = refused(holding, cash("a", "DEPOSIT", 1, huge, **rate))
    assert whole.reason is Reason.AMOUNT_MUST_FIT
    interest = trade("b", "INTEREST", 1, huge, huge, security="CASH", currency="CHF")
    assert refused(holding, interest).reason is Reason.AMOUNT_MUST_FIT
    holding.quantity = -D("1e26") + 1
    assert refused(holding, cash("c", "FEE", 1, 1, currency="CHF")).reason is Reason.AMOUNT_MUST_FIT


def test_without_cash_management_such_names_are_securities() -> None:
    ledger = settled(terms("LIFO"), cash("a", "DEPOSIT", 1, 10), cash("b", "WITHDRAWAL", 2, 11))
    assert status(ledger, "b") == "REJECTED"
    assert booked(ledger, "a").cash_movement is None
    assert holding_of(ledger, "CASH").method is ReliefMethod.LIFO


AUTOMATIC = terms(cash="automatic")
TRADES = (
    trade("buy", "BUY", 1, 10, 5, fee=1, settled_on=3),
    trade("sell", "SELL", 2, 4, 6, fee=2, settled_on=4),
    trade("div", "DIVIDEND", 5, amount=9, fee=1),
    trade("int", "INTEREST", 6, amount=3),
    trade("fee", "FEE", 7, amount=2, fee=1),
    trade("tax", "TAX", 8, 2, 2),
    trade("in", "TRANSFER_IN", 9, 1, 1),
    trade("out", "TRANSFER_OUT", 10, 1),
    trade("dep", "DEPOSIT", 11, amount=1),
    trade("wit", "WITHDRAWAL", 12, amount=1),
)
MOVES = {"buy": -51, "sell": 22, "div": 8, "int": 3, "fee": -2, "tax": -4}


def test_trades_income_fees_and_taxes_move_cash_on_the_day_it_moves() -> None:
    ledger = settled(AUTOMATIC, *TRADES)
    dates = {"buy": on(3), "sell": on(4)}
    for each in TRADES:
        name = each.transaction_id
        entry = ledger.journal.entry("P", f"{name}~cash")
        if name not in MOVES:
            assert entry is None
            continue
        assert entry is not None
        content, outcome = entry.content, entry.outcome
        assert isinstance(content, Transaction)
        assert isinstance(outcome, Booked)
        assert outcome.cash_movement == MOVES[name]
        assert content.transaction_type.value == ("DEPOSIT", "WITHDRAWAL")[MOVES[name] < 0]
        assert content.quantity == content.gross_transaction_amount == abs(MOVES[name])
        assert content.security_id == "CASH_USD"
        assert content.transaction_date == dates.get(name, each.transaction_date)
    holding = holding_of(ledger, "CASH_USD")
    assert holding.quantity == sum(MOVES.values())
    assert holding.journalled == holding.generated == len(MOVES)
    assert holding_of(ledger).generated == len(MOVES)


def test_a_cash_entry_has_the_rate_and_the_version_of_its_cause() -> None:
    bought = trade("b", "BUY", 1, 10, 5, currency="EUR", fx_rate="1.1", version=4)
    ledger = settled(AUTOMATIC, bought)
    entry = ledger.journal.entry("P", "b~cash")
    assert entry is not None
    assert isinstance(entry.content, Transaction)
    assert (entry.content.fx_rate, entry.content.version) == (D("1.1"), 4)
    assert (entry.content.security_id, entry.content.trade_currency) == ("CASH_EUR", "EUR")
    assert holding_of(ledger, "CASH_EUR").cost == -55


def test_only_what_is_booked_moves_cash_and_it_follows_what_becomes_of_it() -> None:
    ledger = one_by_one(AUTOMATIC, trade("s", "SELL", 2, 10, 7))
    assert ledger.journal.entry("P", "s~cash") is None
    ledger.take(trade("b", "BUY", 1, 10, 5))
    assert {entry.content.transaction_id for entry in ledger.settle()} == {
        "b", "s", "b~cash", "s~cash"
    }  # fmt: skip
    assert holding_of(ledger, "CASH_USD").quantity == 20
    ledger.take(cancel("b"))
    gone = {e.content.transaction_id: e.status for e in ledger.settle()}
    assert gone == {
        "b": "CANCELLED", "s": "REJECTED", "b~cash": "CANCELLED", "s~cash": "CANCELLED",
    }  # fmt: skip
    assert ledger.journal.holding("P", "CASH_USD") is None
    ledger.take(trade("b", "BUY", 1, 10, 4, version=3))
    ledger.settle()
    assert holding_of(ledger, "CASH_USD").quantity == 30


def test_a_correction_moves_the_cash_entry_with_it() -> None:
    ledger = one_by_one(
        AUTOMATIC,
        trade("b", "BUY", 1, 10, 5),
        trade("b", "BUY", 2, 10, 6, security="T", currency="EUR", fx_rate="2", version=2),
    )
    assert ledger.journal.holding("P", "CASH_USD") is None
    assert holding_of(ledger, "CASH_EUR").quantity == -60
    ledger.take(trade("b", "BUY", 2, 10, 6, security="CASH_EUR", currency="EUR", version=3))
    ledger.settle()
    assert status(ledger, "b~cash") == "CANCELLED"
    assert status(ledger, "b") == "PENDING"


def test_what_is_sent_for_a_cash_holding_moves_it_and_nothing_else() -> None:
    ledger = settled(
        AUTOMATIC,
        cash("a", "DEPOSIT", 1, 10, security="CASH_USD"),
        cash("b", "FEE", 2, 3, security="CASH_USD"),
    )
    assert ledger.journal.entry("P", "b~cash") is None
    assert holding_of(ledger, "CASH_USD").quantity == 7


def test_amounts_of_nothing_cause_nothing() -> None:
    ledger = settled(AUTOMATIC, trade("a", "FEE", 1, amount=0), trade("b", "SELL", 1, 1, 3))
    assert ledger.journal.entry("P", "a~cash") is None
    even = settled(AUTOMATIC, trade("a", "DIVIDEND", 1, amount=2, fee=2))
    assert even.journal.entry("P", "a~cash") is None


@pytest.mark.parametrize("steps", [1, 2, 7, None])
def test_another_setting_books_cash_anew(steps: int | None) -> None:
    def to(kept: str, version: int) -> Portfolio:
        return terms(cash=kept, version=version)

    extra = cash("own", "DEPOSIT", 1, 5, security="CASH_USD")
    ledger = settled(to("securities_only", 1), *TRADES, extra)
    without = holding_of(ledger, "CASH_USD").quantity
    for version, kept in enumerate(("automatic", "explicit", "automatic", "securities_only"), 2):
        ledger.take_portfolio(to(kept, version))
        while True:
            ledger.settle(steps)
            if not ledger.journal.unsettled and not ledger.journal.walks:
                break
        holding = holding_of(ledger, "CASH_USD")
        assert holding.quantity == without + (sum(MOVES.values()) if kept == "automatic" else 0)
        assert holding.generated == (len(MOVES) if kept == "automatic" else 0)
        assert (holding.role is CashRole.HELD) is (kept != "securities_only")


def test_another_method_leaves_cash_alone() -> None:
    ledger = settled(AUTOMATIC, *TRADES)
    before = ledger.taken_back
    ledger.take_portfolio(terms("LIFO", cash="automatic", version=2))
    assert not any(cause_of(entry.content.transaction_id) for entry in ledger.settle())
    assert ledger.taken_back == before
    assert holding_of(ledger).method is ReliefMethod.LIFO
    assert holding_of(ledger, "CASH_USD").method is ReliefMethod.AVCO
