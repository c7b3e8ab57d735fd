"""Which holdings may be booked under other terms than those in force: after a portfolio record all
of its own, and after an instrument that makes a security cash, or cash no more, all of that one."""

from collections.abc import Callable, Iterable, Iterator

from calculator.holders import Holders
from calculator.journal import Journal

_MET_AT_A_TIME = 100


def start_cash_walks(holders: Holders, security_ids: Iterable[str]) -> None:
    """Begin to walk over the holdings of these; those that nobody holds need none."""
    for security_id in security_ids:
        if holders.of(security_id, "", 1):
            holders.put_walk(security_id, "")


def to_be_met(journal: Journal, steps_left: Callable[[], int]) -> Iterator[tuple[str, str]]:
    """(portfolio_id, security_id) of holdings, as long as steps are left. Each must have been met
    when the next one is asked for."""
    yield from _of_portfolios(journal, steps_left)
    yield from _of_securities(journal.holders, steps_left)


def _of_portfolios(journal: Journal, steps_left: Callable[[], int]) -> Iterator[tuple[str, str]]:
    for portfolio_id, after in list(journal.walks.items()):
        while (steps := steps_left()) > 0:
            securities = journal.securities(portfolio_id, after, min(steps, _MET_AT_A_TIME))
            if not securities:
                journal.put_walk(portfolio_id, None)
                break
            for security_id in securities:
                yield portfolio_id, security_id
            after = securities[-1]
            journal.put_walk(portfolio_id, after)


def _of_securities(holders: Holders, steps_left: Callable[[], int]) -> Iterator[tuple[str, str]]:
    for security_id, after in list(holders.walks.items()):
        while (steps := steps_left()) > 0:
            portfolios = holders.of(security_id, after, min(steps, _MET_AT_A_TIME))
            if not portfolios:
                holders.drop_walk(security_id)
                break
            for portfolio_id in portfolios:
                yield portfolio_id, security_id
            after = portfolios[-1]
            holders.put_walk(security_id, after)
