"""A seeded stream of everything that producers do to one, in any order."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from tests.oracle.decode import AMOUNT_UNUSED, INCREASES, NEUTRALS, Record
from tests.oracle.instrument_events import instrument_values
from tests.oracle.junk import junk
from tests.oracle.murmur2 import partition_of
from tests.oracle.rate_events import CURRENCIES, Asked, rate_values
from tests.oracle.spelling import Content, random_instant, spelled

TRANSACTIONS = "raw_transactions"
PORTFOLIOS = "portfolios"
FX_RATES, INSTRUMENTS = "fx_rates", "instruments"
METHODS = ("FIFO", "LIFO", "HIFO", "LOFO", "AVCO")
FIRST_DAY = datetime(2019, 1, 1, tzinfo=UTC)
DAYS = 2_000
WEIGHTS = {
    "BUY": 34, "SELL": 24, "TRANSFER_IN": 6, "TRANSFER_OUT": 5, "DEPOSIT": 6, "WITHDRAWAL": 5,
    "DIVIDEND": 6, "INTEREST": 4, "FEE": 5, "TAX": 5,
}  # fmt: skip
CASH_MANAGEMENTS = ("securities_only", "explicit", "automatic", "automatic")
# A security of amounts near the limits, on its own so that it spoils no other holding.
WHALE = "WHALE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mess:
    """How often things go wrong, as shares of the transactions (misrouted: of the messages)."""

    duplicates: float = 0.08
    corrections: float = 0.06
    cancels: float = 0.03
    # Only here arrival matters, so the messages of such a transaction keep their order and place.
    conflicts: float = 0.01
    misrouted: float = 0.03
    junk: float = 0.03
    rate_forgotten: float = 0.05
    other_currency: float = 0.02
    huge: float = 0.01
    # Of transactions that bring no rate, how many have one or more in the topic of rates.
    rates: float = 0.0
    instruments: float = 0.0  # the share of the securities that have some
    # The share of messages that arrive out of the order of their dates, anywhere in the stream.
    late: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What to send where; messages pinned to one name keep their order among themselves."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    when: datetime
    pinned: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A portfolio that transactions are made up for."""

    portfolio_id: str
    base_currency: str
    method: str
    has_record: bool
    holdings: dict[str, str]  # security_id -> trade currency
    cash_management: str


def records(messages: list[Message]) -> list[Record]:
    """The messages with the offsets that they get in new topics, in order of arrival."""
    next_offsets: dict[tuple[str, int], int] = {}
    numbered = []
    for message in messages:
        place = (message.topic, message.partition)
        offset = next_offsets.get(place, 0)
        next_offsets[place] = offset + 1
        numbered.append(Record(*place, offset, message.key, message.value))
    return numbered


def of_topic(arrived: list[Record], topic: str) -> list[Record]:
    """The records of one topic."""
    return [record for record in arrived if record.topic == topic]


def generate(
    seed: int,
    events: int,
    portfolios: int = 12,
    securities: int = 6,
    partitions: int = 8,
    mess: Mess | None = None,
    first: int = 0,
    days: int = DAYS,
) -> list[Message]:
    """Exactly so many messages of transactions, of so many days, and what there is beside them.
    Portfolios are named by their numbers from `first` on, so streams whose numbers do not meet
    may follow one another into the same topics."""
    maker = Maker(seed, partitions, mess or Mess(), days)
    books = [maker.book(first + number, securities) for number in range(portfolios)]
    accounts = [message for book in books for message in maker.account_messages(book)]
    transactions: list[Message] = []
    rates: list[Message] = []
    number = 0
    while len(transactions) < events:
        number += 1
        # A few portfolios are much larger than the others.
        book = books[int(len(books) * maker.rng.random() ** 2)]
        transactions += maker.transaction_messages(book, number)
        rates += maker.rates
        maker.rates.clear()
    reference = rates + instruments_of(books, seed, maker.mess)
    return arranged(accounts + reference + transactions[:events], seed, maker.mess.late)


def instruments_of(books: list[Book], seed: int, mess: Mess) -> list[Message]:
    """In any order among all that happens."""
    rng = Random(f"instruments {seed}")
    held = sorted({security_id for book in books for security_id in book.holdings})
    values = instrument_values(rng, held, mess.instruments, mess.junk)
    return [
        Message(topic=INSTRUMENTS, partition=0, key=key, value=value,
                when=random_instant(rng, FIRST_DAY, DAYS))
        for key, value in values
    ]  # fmt: skip


def arranged(messages: list[Message], seed: int, late: float = 1.0) -> list[Message]:
    """By date but for the late ones, which arrive anywhere; pinned ones in their old order."""
    rng = Random(f"arranged {seed}")
    size = len(messages)
    by_date = sorted(messages, key=lambda message: message.when)
    at = [rng.random() * size if rng.random() < late else place for place in range(size)]
    ordered = [by_date[place] for place in sorted(range(size), key=lambda place: at[place])]
    waiting: dict[str, list[Message]] = {}
    for message in reversed(messages):
        if message.pinned is not None:
            waiting.setdefault(message.pinned, []).append(message)
    return [
        message if message.pinned is None else waiting[message.pinned].pop() for message in ordered
    ]


class Maker:
    """The dice, and what is common to all that they decide."""

    def __init__(self, seed: int, partitions: int, mess: Mess, days: int = DAYS) -> None:
        self.rng = Random(f"events {seed}")
        self.partitions = partitions
        self.mess = mess
        self.days = days
        self.rates: list[Message] = []  # that the transactions made so far ask for

    def happens(self, share: float) -> bool:
        return self.rng.random() < share

    def rate_messages(self, currency: str, base: str, when: datetime) -> list[Message]:
        asked = Asked(currency, base, when.date())
        return [
            Message(topic=FX_RATES, partition=0, key=asked.key, value=value, when=when)
            for value in rate_values(self.rng, asked, self.mess.corrections, self.mess.junk)
        ]

    def book(self, number: int, securities: int) -> Book:
        rng = self.rng
        style = rng.choice(["P{}", "p{}", "P-{}", "P 0 {}", "p.{}@x:y", "{}_P", "P{}" + "x" * 120])
        base = rng.choice(CURRENCIES)
        names = [rng.choice(["S{}", "s {}", "US-{}.N", "CASH:{}", "{}"]) for _ in range(securities)]
        return Book(
            portfolio_id=style.format(number),
            base_currency=base,
            method=METHODS[number % len(METHODS)],
            has_record=number % 7 != 6,
            holdings={
                name.format(place): rng.choice([base, base, rng.choice(CURRENCIES)])
                for place, name in enumerate(names)
            }
            | {WHALE: rng.choice(CURRENCIES)}
            | {rng.choice(["CASH", f"CASH_{base}", "CASH_USD"]): base},
            cash_management=rng.choice(CASH_MANAGEMENTS),
        )

    def message(
        self, topic: str, book: Book, value: bytes | None, when: datetime, pinned: str | None = None
    ) -> Message:
        """The value on its way, now and then to the wrong partition or under a wrong key."""
        right = partition_of(book.portfolio_id, self.partitions)
        partition, key = right, book.portfolio_id.encode()
        wrong_key = self.rng.choice([None, b"", b"\xff", b"someone else"])
        if pinned is None and self.happens(self.mess.misrouted):
            partition = self.rng.randrange(self.partitions)
            if self.happens(0.5):
                return Message(
                    topic=topic, partition=partition, key=wrong_key, value=value, when=when
                )
        return Message(
            topic=topic, partition=partition, key=key, value=value, when=when, pinned=pinned
        )

    # -- portfolios --

    def account_messages(self, book: Book) -> list[Message]:
        """The portfolio's record, at times corrected, contradicted, repeated, or never sent."""
        if not book.has_record:
            return []
        content: Content = {
            "portfolio_id": book.portfolio_id,
            "base_currency": book.base_currency,
            "cost_basis_method": book.method,
            "name": f"Portfolio of {book.portfolio_id}",
            "opened_on": date(2019, 1, 1),
            "version": 1,
            "cash_management": book.cash_management,
        }
        contents = self.changed(content)
        pinned = None
        if self.mess.conflicts and self.happens(0.2):
            contents.append(contents[-1] | {"cost_basis_method": "LIFO", "name": "Other"})
            pinned = f"portfolio {book.portfolio_id}"
        if self.happens(0.5):
            contents.append(self.rng.choice(contents))
        values = [spelled(self.rng, content) for content in contents]
        messages = [self.message(PORTFOLIOS, book, value, FIRST_DAY, pinned) for value in values]
        if self.mess.junk and self.happens(0.4):
            messages.append(self.junk_message(PORTFOLIOS, book, content, FIRST_DAY))
        return messages

    def changed(self, content: Content) -> list[Content]:
        """A record and what replaced it later on, each with one thing changed."""
        contents = [content]
        if self.happens(0.3):
            contents.append(
                content | {"version": 2, "client_id": "C 1", "booking_center": "Zürich"}
            )
        if self.happens(0.3):
            contents.append(content | {"version": 4, "cost_basis_method": self.rng.choice(METHODS)})
        if self.happens(0.2):
            contents.append(content | {"version": 7, "base_currency": self.rng.choice(CURRENCIES)})
        if self.happens(0.3):
            kept = self.rng.choice(CASH_MANAGEMENTS)
            contents.append(content | {"version": 9, "cash_management": kept})
        return contents

    def junk_message(self, topic: str, book: Book, content: Content, when: datetime) -> Message:
        return Message(
            topic=topic,
            partition=self.rng.randrange(self.partitions),
            key=self.rng.choice([None, b"", b"\xc3\x28", book.portfolio_id.encode()]),
            value=junk(self.rng, content),
            when=when,
        )

    # -- transactions --

    def contents(self, book: Book, first: Content) -> list[Content]:
        """The first version and whatever replaced it later on."""
        contents = [first]
        if self.happens(self.mess.corrections):
            contents.append(self.corrected(book, first))
        if self.happens(self.mess.cancels):
            contents.append(self.cancel(contents[-1]))
            if self.happens(0.4):
                contents.append(first | {"version": self.higher(contents[-1])})
        return contents

    def transaction_messages(self, book: Book, number: int) -> list[Message]:
        """All that is ever sent about one transaction."""
        first = self.transaction(book, self.transaction_id(number))
        contents = self.contents(book, first)
        pinned = None
        if self.happens(self.mess.conflicts):
            pinned = f"transaction {book.portfolio_id} {first['transaction_id']}"
            other: Content = {"trade_fee": Decimal("77.7"), "version": contents[-1]["version"]}
            contents.append(first | other)
        values = [spelled(self.rng, content) for content in contents]
        if self.happens(self.mess.duplicates):
            values.append(self.rng.choice(values))
        if self.happens(self.mess.duplicates):
            values.append(spelled(self.rng, self.rng.choice(contents)))
        when = first["transaction_date"]
        assert isinstance(when, datetime)
        messages = [self.message(TRANSACTIONS, book, value, when, pinned) for value in values]
        if self.happens(self.mess.junk):
            messages.append(self.junk_message(TRANSACTIONS, book, first, when))
        return messages

    def transaction_id(self, number: int) -> str:
        """Unique by its number, in styles whose code point orders differ from the human one."""
        if self.happens(0.02):
            return f"{number}:{'x' * (127 - len(str(number)))}"
        style = self.rng.choice(
            ["T{}", "t{}", "T-{}", "T.{}", "T {}", "T_{}", "T:{}", "T@{}", "{}"]
        )
        return style.format(number)

    def higher(self, content: Content) -> int:
        version = content["version"]
        assert isinstance(version, int)
        return version + self.rng.choice([1, 1, 1, 5, 2**20])

    def cancel(self, content: Content) -> Content:
        """A CANCEL that says the least, or repeats what it voids."""
        names = ["portfolio_id", "transaction_id"]
        if self.happens(0.4):
            names = list(content)
        kept = {name: content[name] for name in names}
        return kept | {"transaction_type": "CANCEL", "version": self.higher(content)}

    def corrected(self, book: Book, content: Content) -> Content:
        """Other content under a higher version; it may move to another holding or date."""
        identity = str(content["transaction_id"])
        other = self.transaction(book, identity)
        changed: Content = content | {"version": self.higher(content)}
        match self.rng.randrange(5):
            case 0:
                return other | {"version": changed["version"]}
            case 1:
                return changed | {"security_id": other["security_id"]}
            case 2:
                return changed | {"transaction_date": other["transaction_date"]}
            case 3:
                return changed | {"fx_rate": self.decimal(2, 6), "trade_fee": self.decimal(9, 2)}
            case _:
                return changed | {"quantity": self.decimal(50, 3), "price": self.decimal(99, 2)}

    def decimal(self, highest: int, places: int) -> Decimal:
        """A decimal above zero, at times with all twelve places."""
        if self.happens(0.05):
            places = 12
        steps = self.rng.randint(1, highest * 10**places)
        return Decimal(f"{steps}E-{places}")

    def transaction(self, book: Book, transaction_id: str) -> Content:
        """The content of a first version."""
        rng, mess = self.rng, self.mess
        securities = [name for name in book.holdings if name != WHALE]
        huge = self.happens(mess.huge)
        security = WHALE if huge else rng.choice(securities)
        currency = book.holdings[security]
        if self.happens(mess.other_currency):
            currency = rng.choice(CURRENCIES)
        when = random_instant(rng, FIRST_DAY, self.days)
        kind = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        content: Content = {
            "transaction_id": transaction_id,
            "portfolio_id": book.portfolio_id,
            "security_id": security,
            "transaction_type": kind,
            "transaction_date": when,
            "trade_currency": currency,
            "version": 1,
        }
        content |= self.huge_amounts(kind) if huge else self.amounts(kind)
        if currency != book.base_currency and not self.happens(mess.rate_forgotten):
            content["fx_rate"] = self.decimal(3, 6)
        elif self.mess.rates and self.happens(self.mess.rates):
            self.rates += self.rate_messages(currency, book.base_currency, when)
        elif self.happens(0.4):  # of no use, until the portfolio's base currency changes
            content["fx_rate"] = self.decimal(3, 4)
        if self.happens(0.3):
            content["settlement_date"] = when + timedelta(days=2)
            content["instrument_id"] = f"ISIN:{security}"
            content["currency"] = currency
        return content

    def amounts(self, kind: str) -> Content:
        """Quantity, price, amount and fee, as far as the type wants them."""
        highest = 60 if kind in INCREASES else self.rng.choice([20, 20, 40, 200])
        quantity = self.decimal(highest, self.rng.choice([0, 0, 0, 3]))
        # Few prices, so that lots of equal unit cost are no rarity.
        price = Decimal(self.rng.choice([10, 10, 20, 25])) if self.happens(0.3) else None
        price = price or self.decimal(200, self.rng.choice([2, 2, 4]))
        content: Content = {"quantity": quantity, "price": price}
        if kind in {"DEPOSIT", "WITHDRAWAL"} and self.happens(0.7):
            content = {"gross_transaction_amount": self.decimal(3_000, 2)}
            if self.happens(0.3):
                content["quantity"] = Decimal(0)
        elif kind in NEUTRALS and self.happens(0.7):
            content = {"gross_transaction_amount": self.decimal(500, 2)}
        elif kind in AMOUNT_UNUSED and self.happens(0.5):
            content = {"quantity": quantity}
        elif self.happens(0.25):
            content["gross_transaction_amount"] = self.decimal(5_000, 2)
        content["trade_fee"] = self.decimal(20, 2) if self.happens(0.5) else Decimal(0)
        return content

    def huge_amounts(self, kind: str) -> Content:
        """Amounts whose products and totals lie about 10^26."""
        return {
            "quantity": Decimal(self.rng.choice(["999999999999999", "400000000000000", "1"])),
            "price": Decimal(self.rng.choice(["100000000000", "60000000000.5", "999999999999999"])),
            "trade_fee": Decimal(self.rng.choice(["0", "999999999999999.999999999999"])),
        }
