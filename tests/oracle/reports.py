"""Questions about portfolios, and what must be answered: from books and market alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

from tests.oracle.compare import agrees
from tests.oracle.fold import Books
from tests.oracle.market import Market
from tests.oracle.performance import Day, Portfolio, day_of
from tests.oracle.returns import (
    DoesNotFitError,
    contributions,
    currency_effect,
    gross_gain,
    linked,
    money_weighted,
    month_start,
    named,
)
from tests.oracle.valuation import Said, positions_on, valuation_on

NAMES = ("MTD", "QTD", "YTD", "1Y", "SI")
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Question:
    """A GET, or a POST where it has a body; a refusal is wanted as `{"type": ...}`."""

    path: str
    body: Mapping[str, Any] | None
    wanted: Said


class Truth:
    """All that must be said of one portfolio up to a day."""

    def __init__(self, books: Books, market: Market, portfolio_id: str, last: date) -> None:
        of_it = [row for (each, _), row in books.results.items() if each == portfolio_id]
        self.rows: list[dict[str, Any]] = [row for row in of_it if row["status"] != "CANCELLED"]
        self.booked = [row for row in self.rows if row["status"] == "BOOKED"]
        self.market, self.last = market, last
        self.record: dict[str, Any] = books.portfolios.get(portfolio_id, {})
        self.cash = str(self.record.get("cash_management", "securities_only"))
        self.path = f"/portfolios/{quote(portfolio_id, safe='')}"
        bases = {row["base_currency"] for row in self.booked}
        bases |= {self.record["base_currency"]} if self.record else set()
        self.base = bases.pop() if len(bases) == 1 else None

    def questions(self) -> Iterator[Question]:
        yield from self.on_days()
        if self.base is None:
            path = f"{self.path}/timeseries?to={self.last}"
            yield Question(path, None, _refused("several-base-currencies"))
            return
        days = self.portfolio.days()
        yield self.asked(f"/timeseries?to={self.last}", None, partial(self.series, days))
        body = self.body | {"breakdown": "MONTHLY"}
        yield self.asked("/performance", body, partial(self.performance, days))
        body = self.body | {"contribution": "position", "currency_effect": True}
        yield self.asked("/performance", body, partial(self.sources, days))
        yield self.asked("/performance/mwr", self.body, partial(self.money_weighted, days))
        for security in self.portfolio.holdings:
            path = f"/timeseries?to={self.last}&security_id={quote(security, safe='')}"
            yield self.asked(path, None, partial(self.series, self.portfolio.days(security)))

    def on_days(self) -> Iterator[Question]:
        for back in (300, 91, 0):
            day = self.last - timedelta(days=back)
            held = {"positions": positions_on(self.rows, day)}
            yield Question(f"{self.path}/positions?on={day}", None, held)
            valued = valuation_on(self.rows, self.market, day, self.record)
            yield Question(f"{self.path}/valuation?on={day}", None, valued)

    def live(self, today: date) -> Question:
        valued = valuation_on(self.rows, self.market, today, self.record)
        return Question(f"{self.path}/valuation", None, valued)

    def asked(
        self, path: str, body: Mapping[str, Any] | None, answer: Callable[[], Said]
    ) -> Question:
        try:
            wanted = answer()
        except DoesNotFitError:
            wanted = _refused("figures-out-of-range")
        return Question(self.path + path, body, wanted)

    @cached_property
    def portfolio(self) -> Portfolio:
        assert self.base is not None
        return Portfolio(self.booked, self.market, self.base, self.last, self.cash)

    @property
    def explicit(self) -> list[tuple[date, date]]:
        """Some weeks, a part of the year, and from before the first day."""
        first = min(map(day_of, self.booked))
        return [
            (self.last - timedelta(days=120), self.last - timedelta(days=80)),
            (month_start(self.last, -6), month_start(self.last, -2)),
            (first - ONE_DAY, first + timedelta(days=45)),
        ]

    @property
    def body(self) -> dict[str, Any]:
        explicit = [{"from": str(first), "to": str(last)} for first, last in self.explicit]
        return {"to": str(self.last), "periods": [*NAMES, *explicit]}

    def periods(self, days: Sequence[Day]) -> Iterator[tuple[Said, Sequence[Day]]]:
        """(its head, its days), in the order in which they are asked for."""
        begun = days[0]["date"]
        starts: list[tuple[str | None, date | None, str | None, date]]
        starts = [(name, *named(name, self.last, begun), self.last) for name in NAMES]
        starts += [(None, max(first, begun), None, last) for first, last in self.explicit]
        for name, first, reason, last in starts:
            within = [] if first is None else [d for d in days if first <= d["date"] <= last]
            head = {"name": name, "reason": reason, "from": first, "to": None if reason else last}
            yield head, within

    def series(self, days: Sequence[Day]) -> Said:
        told = [{name: day[name] for name in day if name != "counted_fees"} for day in days]
        return {"base_currency": self.base, "days": told}

    def performance(self, days: Sequence[Day]) -> Said:
        periods = []
        for head, within in self.periods(days):
            if within:
                head |= {
                    "begin_value": within[0]["begin_value"],
                    "end_value": within[-1]["end_value"],
                    "net": linked(within),
                    "gross": linked(within, gross_gain),
                    "breakdown": list(_months(within)),
                } | _counts(within)
            periods.append(head)
        return {"inception": days[0]["date"], "periods": periods}

    def sources(self, days: Sequence[Day]) -> Said:
        """What the returns come from."""
        parts = {name: self.portfolio.gains(name) for name in self.portfolio.holdings}
        periods = []
        for head, within in self.periods(days):
            if within:
                head["contributions"] = contributions(within, parts)
                head["currency_effect"] = currency_effect(within, parts)
            periods.append(head)
        return {"periods": periods}

    def money_weighted(self, days: Sequence[Day]) -> Said:
        return {
            "inception": days[0]["date"],
            "periods": [
                head | (money_weighted(within) | _counts(within) if within else {})
                for head, within in self.periods(days)
            ],
        }


def _refused(reason: str) -> Said:
    return {"type": f"urn:portfolio:problem:{reason}"}


def _counts(days: Sequence[Day]) -> Said:
    return {f"{name}_days": sum(bool(day[name]) for day in days) for name in ("stale", "unvalued")}


def _months(days: Sequence[Day]) -> Iterator[Said]:
    for start in sorted({month_start(day["date"]) for day in days}):
        within = [day for day in days if month_start(day["date"]) == start]
        yield {
            "from": within[0]["date"],
            "to": within[-1]["date"],
            "net": linked(within)["total_return"],
            "gross": linked(within, gross_gain)["total_return"],
        }


def answer_differences(what: str, wanted: object, got: object) -> list[str]:
    """Where a document is not what is wanted of it; what it says beyond that is its own affair."""
    match wanted:
        case Mapping():
            if not isinstance(got, Mapping):
                return [f"{what}: expected {sorted(wanted)}, got {got!r}"]
            return [
                found
                for name, each in wanted.items()
                for found in answer_differences(f"{what} {name}", each, got.get(name, "nothing"))
            ]
        case list() | tuple():
            if not isinstance(got, Sequence) or len(got) != len(wanted):
                count = len(got) if isinstance(got, Sequence) else got
                return [f"{what}: expected {len(wanted)}, got {count!r}"]
            return [
                found
                for place, (each, other) in enumerate(zip(wanted, got, strict=True))
                for found in answer_differences(f"{what} {place}", each, other)
            ]
        case _:
            return [] if agrees(wanted, got) else [f"{what}: expected {wanted!s}, got {got!r}"]


def as_told(wanted: object) -> object:
    """As JSON would have it."""
    match wanted:
        case Mapping():
            return {name: as_told(each) for name, each in wanted.items()}
        case list() | tuple():
            return [as_told(each) for each in wanted]
        case Decimal():
            text = f"{wanted.copy_abs() if wanted == 0 else wanted:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case datetime():
            return wanted.isoformat().replace("+00:00", "Z")
        case date():
            return wanted.isoformat()
        case _:
            return wanted
