"""How long one price takes to be seen in what portfolios are worth, when very many hold it.

One worker keeps 100,000 portfolios that hold the same security. Ticks of its price are sent one by
one, more than a second apart, as a stream says no more than that. The time of each goes from the
moment it is sent until a stream of one portfolio has told it; then, with other ticks, until `GET` of
another shows it, asked again and again. Beside both the floor: a bare consumer of the same topic.
Then how much memory prices and instruments of 100,000 securities take, and how fast they come in.
"""

import gc
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import click
import httpx
import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.figures import Figure, Report, of_usage
from bench.latency import percentiles
from bench.load import send_records
from bench.machine import Snapshot, Usage, describe
from bench.stage import BenchmarkError, Stage
from bench.system import System, running
from cli.printing import json_option
from cli.servers import ServerError
from streams.known_cash import KnownCash
from streams.known_prices import KnownInstruments, KnownPrices, Today
from wire.broker import Broker
from wire.reference import OF_INSTRUMENTS, OF_MARKET_PRICES, Instrument, MarketPrice
from wire.topics import MARKET_PRICES, RAW_TRANSACTIONS

SEEN_MS_MAX = 100.0  # aimed at, of 99 in 100
SECURITY = "TICKING"
QUANTITY = 10
TICK_SECONDS = 1.2
ASK_SECONDS = 0.002  # from an answer without the tick to the next question
SILENCE_SECONDS_MAX = 30.0
MEBIBYTE = 1 << 20


@dataclass(slots=True)
class Seen:
    """Seconds since each tick was sent."""

    told: list[float] = field(default_factory=list)  # by the stream
    told_floor: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)  # by GET
    shown_floor: list[float] = field(default_factory=list)
    usage: Usage | None = None  # of those that were told


class Floor(threading.Thread):
    """A bare consumer, and when it had each price."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(daemon=True)
        self._consumer = Consumer({**broker.options, "group.id": "floor", "log_level": 3})
        end = self._consumer.get_watermark_offsets(TopicPartition(MARKET_PRICES.name, 0), 10)[1]
        self._consumer.assign([TopicPartition(MARKET_PRICES.name, 0, end)])
        self._is_ended = False
        self.at: dict[int, float] = {}  # by version

    def run(self) -> None:
        while not self._is_ended:
            message = self._consumer.poll(0.2)
            if message is not None and message.error() is None:
                self.at[json.loads(message.value() or b"")["version"]] = time.perf_counter()
        self._consumer.close()

    def end(self) -> None:
        self._is_ended = True
        self.join()


class Ticks:
    """Sends prices of the security, each a higher version for today."""

    def __init__(self, broker: Broker) -> None:
        self._producer = Producer({**broker.options, "acks": "all", "linger.ms": 0, "log_level": 0})
        self._today = datetime.now(UTC).date().isoformat()
        self.version = 0

    def send(self) -> float:
        """The moment at which it was."""
        self.version += 1
        event = {
            "security_id": SECURITY, "price_date": self._today, "price": str(self.version),
            "currency": "USD", "version": self.version,
        }  # fmt: skip
        at = time.perf_counter()
        self._producer.produce(MARKET_PRICES.name, json.dumps(event).encode())
        self._producer.poll(0)
        return at


def purchases(portfolios: int) -> Iterator[tuple[str, bytes]]:
    for number in range(portfolios):
        name = portfolio_of(number)
        yield (
            name,
            b'{"transaction_id":"T","portfolio_id":"%b","security_id":"%b",'
            b'"transaction_type":"BUY","transaction_date":"2024-01-02","quantity":"%d",'
            b'"price":"1","trade_currency":"USD"}' % (name.encode(), SECURITY.encode(), QUANTITY),
        )


def portfolio_of(number: int) -> str:
    return f"PORTFOLIO-{number:06d}"


class Follower(threading.Thread):
    """Reads a stream, and notes when it told of which price."""

    def __init__(self, api_url: str, portfolio_id: str) -> None:
        super().__init__(daemon=True)
        self._url = f"{api_url}/portfolios/{portfolio_id}/stream"
        self.at: dict[int, float] = {}
        self.moved = threading.Event()

    def run(self) -> None:
        with httpx.stream("GET", self._url, timeout=60, trust_env=False) as response:
            for line in response.iter_lines():
                if line.startswith("data: "):
                    at = time.perf_counter()
                    self.at[version_in(json.loads(line.removeprefix("data: ")))] = at
                    self.moved.set()

    def wait(self, version: int) -> float:
        until = time.monotonic() + SILENCE_SECONDS_MAX
        while version not in self.at:
            self.moved.clear()
            if time.monotonic() > until:
                raise BenchmarkError(f"the stream does not tell of version {version}")
            self.moved.wait(0.5)
        return self.at[version]


def version_in(valuation: dict[str, Any]) -> int:
    """The price that it shows. Raises BenchmarkError where the value is another."""
    [position] = valuation["positions"]
    if position["price"] is None:
        return 0
    total = valuation["total"]["market_value"]
    if Decimal(total) != QUANTITY * Decimal(position["price"]):
        raise BenchmarkError(f"the value is wrong: {valuation}")
    return int(position["price"])


class Course:
    """A worker with the portfolios, that prices are sent to."""

    def __init__(self, stage: Stage, system: System, portfolios: int) -> None:
        self._stage, self._system = stage, system
        self._portfolios = portfolios
        self._ticks = Ticks(stage.connections.kafka)

    def measure(self, ticks: int) -> Seen:
        seen, floor = Seen(), Floor(self._stage.connections.kafka)
        floor.start()
        follower = Follower(self._system.api_url, portfolio_of(0))
        follower.start()
        follower.wait(self._ticks.version)
        time.sleep(TICK_SECONDS)
        begin = Snapshot.take(self._system.kinds())
        for _ in range(ticks):
            sent = self._ticks.send()
            seen.told.append(follower.wait(self._ticks.version) - sent)
            time.sleep(max(0.0, sent + TICK_SECONDS - time.perf_counter()))
            seen.told_floor.append(floor.at[self._ticks.version] - sent)
        seen.usage = Usage.between(begin, Snapshot.take(self._system.kinds()), ticks)
        with httpx.Client(base_url=self._system.api_url, trust_env=False, timeout=10) as client:
            path = f"/portfolios/{portfolio_of(self._portfolios - 1)}/valuation"
            for _ in range(ticks):
                sent = self._ticks.send()
                seen.shown.append(self._wait_until_shown(client, path) - sent)
                time.sleep(max(0.0, sent + TICK_SECONDS / 4 - time.perf_counter()))
                seen.shown_floor.append(floor.at[self._ticks.version] - sent)
        floor.end()
        self._system.require_running()
        return seen

    def _wait_until_shown(self, client: httpx.Client, path: str) -> float:
        until = time.monotonic() + SILENCE_SECONDS_MAX
        while True:
            answer = client.get(path).raise_for_status()
            at = time.perf_counter()
            if version_in(answer.json()) == self._ticks.version:
                return at
            if time.monotonic() > until:
                raise BenchmarkError(f"nobody shows version {self._ticks.version}")
            time.sleep(ASK_SECONDS)


@dataclass(frozen=True, slots=True)
class Kept:
    """What prices of two days and the instrument of each security take in memory."""

    prices_mib: float
    instruments_mib: float
    prices_per_second: float


def keep(securities: int) -> Kept:
    """As a worker does, without the broker."""
    today = Today()
    prices = KnownPrices(today, lambda _: None)
    instruments = KnownInstruments(lambda _: None, KnownCash())
    before = _resident()
    began, count = time.perf_counter(), 0
    for value in _prices(securities, today()):
        content = OF_MARKET_PRICES.decode(value)
        assert isinstance(content, MarketPrice)
        prices.keep(count, content)
        count += 1
    seconds, with_prices = time.perf_counter() - began, _resident()
    for number in range(securities):
        instrument = OF_INSTRUMENTS.decode(_instrument(number))
        assert isinstance(instrument, Instrument)
        instruments.keep(number, instrument)
    return Kept(with_prices - before, _resident() - with_prices, count / seconds)


def _resident() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / MEBIBYTE


def _prices(securities: int, today: date) -> Iterator[bytes]:
    for age in (1, 0):
        day = (today - timedelta(age)).isoformat().encode()
        for number in range(securities):
            yield (
                b'{"security_id":"US%010d","price_date":"%b","price":"%d.%04d","currency":"USD"}'
                % (number, day, number % 1000, number % 10_000)
            )


def _instrument(number: int) -> bytes:
    return (
        b'{"security_id":"US%010d","name":"A company of %d and its sons","asset_class":"Equity",'
        b'"product_type":"Common stock","instrument_currency":"USD"}' % (number, number)
    )


def figures(seen: Sequence[Seen], kept: Sequence[Kept]) -> dict[str, list[Figure]]:
    usages = [each.usage for each in seen if each.usage is not None]
    return {
        "from a tick being sent": [
            *percentiles("until a stream tells", [each.told for each in seen], SEEN_MS_MAX),
            *percentiles("floor: bare consumer", [each.told_floor for each in seen]),
            *percentiles("until GET shows it", [each.shown for each in seen], SEEN_MS_MAX),
            *percentiles("floor meanwhile", [each.shown_floor for each in seen]),
            *of_usage(usages, after="a tick told"),
        ],
        "prices and instruments in a worker": [
            Figure(name="prices of two days", unit="MiB", runs=[each.prices_mib for each in kept]),
            Figure(
                name="instruments", unit="MiB", runs=[each.instruments_mib for each in kept]
            ),
            Figure(
                name="prices read and kept, the broker apart", unit="prices/s",
                runs=[each.prices_per_second for each in kept],
            ),
        ],
    }  # fmt: skip


def wait_until_booked(system: System, portfolios: int) -> None:
    deadline = time.monotonic() + 300
    while True:
        system.require_running()
        status = httpx.get(f"{system.url_of(0)}/status", trust_env=False, timeout=10).json()
        if status["inputs"]["booked"] == portfolios and status["lag"] == 0:
            return
        if time.monotonic() > deadline:
            raise BenchmarkError(f"not everything is booked: {status}")
        time.sleep(0.2)


def measure(portfolios: int, securities: int, ticks: int, runs: int) -> Report:
    machine, seen = describe(), list[Seen]()
    with Stage() as stage:
        stage.begin_anew()
        send_records(stage.connections.kafka, RAW_TRANSACTIONS, purchases(portfolios))
        with running(stage, 1, has_store=False, has_api=True) as system:
            system.wait_until_served()
            wait_until_booked(system, portfolios)
            course = Course(stage, system, portfolios)
            for run in range(1, runs + 1):
                click.echo(f"run {run} of {runs}", err=True)
                seen.append(course.measure(ticks))
    return Report(machine, figures(seen, [keep(securities) for _ in range(runs)]))


@click.command()
@click.option("--portfolios", default=100_000, show_default=True, type=click.IntRange(2))
@click.option("--securities", default=100_000, show_default=True, type=click.IntRange(1))
@click.option("--ticks", default=100, show_default=True, type=click.IntRange(1), help="Each run.")
@click.option("--runs", default=3, show_default=True, type=click.IntRange(1))
@json_option
def main(as_json: bool, **plan: int) -> None:
    """Measure one worker."""
    try:
        report = measure(**plan)
    except (BenchmarkError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    report.show(as_json=as_json)


if __name__ == "__main__":
    main()
