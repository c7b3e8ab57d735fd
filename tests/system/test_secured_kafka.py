"""A Kafka that asks for TLS, and for a password or a certificate, and the whole system on it."""

import asyncio
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from faust.types.auth import to_credentials
from psutil import Process

from cli.servers import Connections
from cli.servers import kafka as embedded
from migrations.upgrade import upgrade
from streams.recovery import application_options
from streams.topics import Admin
from tests.cli.portfolio import Portfolio
from tests.conftest import empty_data_dir
from tests.system.events import trade
from tests.system.log import make_topics_anew, read, send
from tests.system.secured import KEY_PASSWORD, PASSWORD, USER, Secured, make_keys, secured_kafka
from tests.system.test_http import BUY
from tests.system.whole import Whole
from wire.broker import Broker
from wire.topics import RAW_TRANSACTIONS

Start = Callable[[Connections], Whole]
WRONG = "the-secret-of-somebody-else"
REFUSED = "Authentication failed"
PATIENCE = [
    "cli.groups.ANSWER_SECONDS_MAX",
    "cli.lag.ANSWER_SECONDS_MAX",
    "cli.sending.ANSWER_SECONDS_MAX",
    "cli.servers.embedded.EXTERNAL_TIMEOUT_SECONDS",
]
SECRETS = (PASSWORD, KEY_PASSWORD, WRONG)


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    data_dir = empty_data_dir(f"secured-{uuid.uuid4().hex}")
    with secured_kafka(data_dir) as secured:
        yield secured
    shutil.rmtree(data_dir)


def by_password(secured: Secured, mechanism: str = "SCRAM-SHA-512") -> Broker:
    return Broker(
        bootstrap=secured.password_at,
        security_protocol="SASL_SSL",
        sasl_mechanism=mechanism,
        sasl_username=USER,
        sasl_password=PASSWORD,
        ssl_ca_location=str(secured.keys.ca),
    )


def by_certificate(secured: Secured) -> Broker:
    return Broker(
        bootstrap=secured.certificate_at,
        security_protocol="SSL",
        ssl_ca_location=str(secured.keys.ca),
        ssl_certificate_location=str(secured.keys.certificate),
        ssl_key_location=str(secured.keys.locked_key),
        ssl_key_password=KEY_PASSWORD,
    )


@pytest.fixture
def database(database_url: str) -> str:
    upgrade(database_url)
    return database_url


async def topics_as_faust_sees_them(kafka: Broker) -> set[str]:
    credentials = to_credentials(application_options(kafka)["broker_credentials"])
    options = credentials_to_aiokafka_auth(credentials)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, **options)
    try:
        await consumer.start()
        topics: set[str] = await consumer.topics()
    finally:
        await consumer.stop()
    return topics


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_both_kinds_of_clients_come_in_by_each_mechanism(secured: Secured, mechanism: str) -> None:
    kafka = by_password(secured, mechanism)
    make_topics_anew(kafka)
    topics = asyncio.run(topics_as_faust_sees_them(kafka))
    assert "raw_transactions" in topics
    assert topics <= set(Admin(kafka).list_topics(timeout=10).topics)


@pytest.mark.parametrize("way", [by_password, by_certificate])
def test_an_event_goes_from_the_door_to_the_live_tables_and_to_postgresql(
    secured: Secured, way: Callable[[Secured], Broker], database: str, start: Start
) -> None:
    kafka = way(secured)
    make_topics_anew(kafka)
    whole = start(Connections(kafka, database))
    whole.wait_until_ready()
    outcome = whole.apply(BUY)
    told = [(m.partition(), m.offset(), m.timestamp()) for m in read(kafka, RAW_TRANSACTIONS.name)]
    assert (outcome, len(told)) == ("booked", 1), (told, whole.logs())
    send(kafka, [trade("P1", "S1", "SELL", "2024-02-01", "4", "150")])
    whole.wait_settled()
    assert whole.differences() == []
    assert secrets_in(whole) == []


def test_a_wrong_password_is_said_by_every_part_and_nobody_is_ready(
    secured: Secured, database: str, start: Start
) -> None:
    whole = start(Connections(replace(by_password(secured), sasl_password=WRONG), database))
    whole.wait_until(lambda: REFUSED in whole.readiness()[1], 30, "/readyz says why")
    assert whole.readiness()[0] == 503
    whole.wait_until(lambda: all(REFUSED in log for log in whole.logs()), 30, "all say why")
    assert whole.statuses() is None
    assert secrets_in(whole) == []


def secrets_in(whole: Whole) -> list[str]:
    """Those that are in a log, or that anybody can read who lists processes."""
    argv = [" ".join(Process(p.process.pid).cmdline()) for p in whole.parts if p.process]
    return [secret for secret in SECRETS for text in (*whole.logs(), *argv) if secret in text]


def test_a_wrong_password_is_said_by_the_commands(
    secured: Secured, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in PATIENCE:
        monkeypatch.setattr(patience, 1.0)
    kafka = replace(by_password(secured), sasl_password=WRONG)
    settings = {"DATABASE_URL": database, "DATA_DIR": str(tmp_path)}
    portfolio = Portfolio(kafka.variables | settings)
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(BUY))
    for command in (("ingest", file), ("status",), ("servers", "up"), ("reset", "--yes")):
        told = portfolio(*command, code=1)
        assert REFUSED in told.output
        assert WRONG not in told.output


def obstacle(kafka: Broker) -> str:
    why = embedded.obstacle(kafka)
    assert why is not None
    return why


def test_brokers_that_another_authority_signed_are_not_spoken_to(
    secured: Secured, tmp_path: Path
) -> None:
    other = make_keys(tmp_path / "keys").ca
    stranger = replace(by_password(secured), ssl_ca_location=str(other))
    assert "certificate verify failed" in obstacle(stranger)
    with pytest.raises(Exception, match="Unable to bootstrap"):
        asyncio.run(topics_as_faust_sees_them(stranger))


def test_what_brokers_ask_for_and_do_not_get_is_said(secured: Secured) -> None:
    without = replace(
        by_certificate(secured),
        ssl_certificate_location=None,
        ssl_key_location=None,
        ssl_key_password=None,
    )
    assert "certificate required" in obstacle(without)
    assert "KAFKA_SECURITY_PROTOCOL" in obstacle(Broker(bootstrap=secured.password_at))
