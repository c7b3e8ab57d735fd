"""A stream of transactions with all that they are priced by."""

from tests.oracle.decode import Account, decode_portfolio
from tests.oracle.events import PORTFOLIOS, Mess, Message, arranged, generate
from tests.oracle.market_events import market_messages, securities_in
from tests.system.events import trade

LATE = 0.3  # of all messages: anywhere among the others
CAPITAL, PAID = "200000", "777.7"


def priced(seed: int, events: int, portfolios: int, days: int) -> list[Message]:
    """Transactions of so many days, about as many that move cash, prices, rates and instruments."""
    mess = Mess(rate_forgotten=0.5, huge=0)
    found = generate(seed, events, portfolios, securities=5, mess=mess, days=days)
    found += market_messages(seed, securities_in(found), days + 7)
    return arranged([*found, *capital(found)], seed, LATE)


def capital(messages: list[Message]) -> list[Message]:
    """Money that portfolios which keep cash begin with, so that they have returns; and some of
    another currency, with what it earns and costs, whose rates are to be looked up."""
    records = (decode_portfolio(m.value) for m in messages if m.topic == PORTFOLIOS)
    accounts = {record.portfolio_id: record for record in records if isinstance(record, Account)}
    found = []
    for each in accounts.values():
        if each.cash_management == "securities_only":
            continue
        base, other = each.base_currency, "EUR" if each.base_currency != "EUR" else "GBP"
        moves = [("0", "DEPOSIT", "2019-01-01", base), ("1", "DEPOSIT", "2019-02-03", other)]
        for month in range(3, 13):
            kind = ("INTEREST", "FEE", "TAX")[month % 3]
            moves.append((str(month), kind, f"2019-{month:02}-05", other))
        for name, kind, day, currency in moves:
            amount = CAPITAL if kind == "DEPOSIT" else PAID
            found.append(
                trade(
                    each.portfolio_id, f"C{name}", kind, day, amount, "1",
                    f"CASH_{currency}", currency,
                )
            )  # fmt: skip
    return found
