"""What a process knows of markets: prices, instruments and exchange rates, read as of today."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from calculator import FxRate, Pair, Resolved
from reports.instruments import Instrument
from reports.limits import Limits
from reports.market import Market
from reports.positions import HoldingOn
from reports.prices import Price
from streams.ends import Ends
from streams.global_table import GlobalTable
from streams.known_cash import KnownCash
from streams.known_prices import KnownInstruments, KnownPrices, instrument_of, price_on
from streams.known_rates import KnownRates
from wire.broker import Broker
from wire.reference import OF_INSTRUMENTS, OF_MARKET_PRICES
from wire.topics import INSTRUMENTS, MARKET_PRICES

_DAY = timedelta(1)

Pairs = frozenset[Pair]


class Offsets(NamedTuple):
    """All records of these topics before them are included."""

    fx_rates: int
    market_prices: int
    instruments: int


class Wanted(NamedTuple):
    """Offsets to come to, before anything is said."""

    market_prices: int
    instruments: int


class Seen(NamedTuple):
    """The market that some holdings meet, and how far it was known."""

    market: Market
    through: Offsets


@dataclass(frozen=True, slots=True)
class _Resolved:
    """The rates of a few pairs, all read at once."""

    rates: Mapping[tuple[Pair, date], Resolved | None]

    def resolve(self, currency: str, base_currency: str, day: date) -> Resolved | None:
        return self.rates[(currency, base_currency), day]


class KnownMarket:
    """One copy for all partitions of a process. `changed` is told securities, in the threads of
    the readers. The rates are those that the lanes book with; whoever owns them reads them."""

    def __init__(
        self,
        broker: Broker,
        rates: KnownRates,
        rates_table: GlobalTable[FxRate],
        limits: Limits,
        today: Callable[[], date],
        changed: Callable[[str], object],
    ) -> None:
        self.today = today
        self._limits = limits
        self._rates, self._rates_table = rates, rates_table
        self.cash = KnownCash()
        self.prices = KnownPrices(today, changed)
        self.instruments = KnownInstruments(changed, self.cash)
        self.prices_table = GlobalTable(broker, OF_MARKET_PRICES, self.prices.keep)
        self.instruments_table = GlobalTable(broker, OF_INSTRUMENTS, self.instruments.keep)
        self._wanted = Wanted(0, 0)

    def start(self) -> None:
        """Begin to read."""
        self.prices_table.start()
        self.instruments_table.start()

    def demand_all(self, ends: Ends) -> None:
        """From now on nothing is to be said that does not include what is committed at this
        moment: it may be that another process has told it. Waits for the broker and for
        instruments, which the books hang on; nothing in them waits for prices."""
        prices, instruments = (MARKET_PRICES.name, 0), (INSTRUMENTS.name, 0)
        found = ends.patiently([prices, instruments])
        self._wanted = Wanted(found[prices], found[instruments])
        self.instruments_table.wait_through(found[instruments])

    @property
    def is_known(self) -> bool:
        """Whether all is read that was demanded. From any thread."""
        prices, instruments = self._wanted
        return self.prices_table.through >= prices and self.instruments_table.through >= instruments

    def seen(self, held: Sequence[HoldingOn], note_pairs: Callable[[Pairs], object]) -> Seen:
        """What is known of these holdings today. `note_pairs` is told of which currencies rates
        will be asked for, before they are."""
        ids = [holding.security_id for holding in held]
        with self.instruments_table.at_rest() as instruments_through:
            packed_instruments = [*map(self.instruments.packed, ids)]
        with self.prices_table.at_rest() as prices_through:
            packed_prices = [*map(self.prices.packed, ids)]
            day = self.today()  # no earlier one than what is kept was kept for
        instruments = {
            each: instrument_of(each, packed)
            for each, packed in zip(ids, packed_instruments, strict=True)
        }
        now, before = (_prices(ids, packed_prices, on) for on in (day, day - _DAY))
        pairs = frozenset(_pairs(held, instruments, now, before))
        note_pairs(pairs)
        with self._rates_table.at_rest() as rates_through:
            resolved = {
                (pair, on): self._rates.rates.resolve(*pair, on)
                for pair in pairs
                for on in (day, day - _DAY)
            }
        market = Market(
            day=day,
            limits=self._limits,
            instruments=instruments,
            prices=now,
            prices_before=before,
            rates=_Resolved(resolved),
        )
        return Seen(market, Offsets(rates_through, prices_through, instruments_through))

    def legs(self, pairs: Iterable[Pair]) -> set[Pair]:
        """The (from, to) of all rates that rates of these pairs may be made of."""
        return {leg for pair in pairs for leg in self._rates.rates.legs(*pair)}


def _prices(ids: Sequence[str], packed: Sequence[bytes | None], day: date) -> Mapping[str, Price]:
    found = ((each, price_on(kept, day)) for each, kept in zip(ids, packed, strict=True))
    return {each: price for each, price in found if price is not None}


def _pairs(
    held: Iterable[HoldingOn],
    instruments: Mapping[str, Instrument],
    *prices: Mapping[str, Price],
) -> Iterator[Pair]:
    """Of which a rate is needed: from what a price is in, and into the base currency."""
    for holding in held:
        trade_currency, base_currency = holding.trade_currency, holding.base_currency
        assert trade_currency is not None, "units come by trades"
        assert base_currency is not None
        quoted = {
            found[holding.security_id].currency for found in prices if holding.security_id in found
        }
        cash_currency = instruments[holding.security_id].cash_currency
        if cash_currency is not None:
            quoted.add(cash_currency)
        for pair in ((trade_currency, base_currency), *((each, trade_currency) for each in quoted)):
            if pair[0] != pair[1]:
                yield pair
