"""A broker that asks for TLS and for a password or a certificate, and the keys for it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cli.servers import kafka, ports
from cli.servers.ports import LOOPBACK
from cli.servers.processes import start_bound, tail
from wire.broker import Broker

USER, PASSWORD = "portfolio", "the-secret-of-kafka"
KEY_PASSWORD = "the-secret-of-the-key"
START_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Keys:
    """A certificate authority of its own, and what it signed; all as files."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        """Of `localhost`, and of a client."""
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def locked_key(self) -> Path:
        """The same key, opened by KEY_PASSWORD."""
        return self.folder / "locked-key.pem"


def make_keys(folder: Path) -> Keys:
    folder.mkdir()
    keys, authority = Keys(folder), trustme.CA()
    authority.cert_pem.write_to_path(keys.ca)
    signed = authority.issue_cert("localhost", LOOPBACK)
    keys.certificate.write_bytes(b"".join(blob.bytes() for blob in signed.cert_chain_pems))
    key = load_pem_private_key(signed.private_key_pem.bytes(), None)
    for path, encryption in (
        (keys.key, NoEncryption()),
        (keys.locked_key, BestAvailableEncryption(KEY_PASSWORD.encode())),
    ):
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        path.chmod(0o600)
    return keys


@dataclass(frozen=True)
class Secured:
    """Where the broker listens, and for what."""

    keys: Keys
    password_at: str  # TLS, and SCRAM or PLAIN
    certificate_at: str  # TLS, and a certificate of the client


@contextmanager
def secured_kafka(data_dir: Path) -> Iterator[Secured]:
    """A broker in an empty DATA_DIR; it ends with the block."""
    keys = make_keys(data_dir / "keys")
    where = kafka.place(data_dir)
    names = ("open", "controller", "password", "certificate")
    open_port, controller, password, certificate = (
        ports.free(data_dir / "ports.json", name) for name in names
    )
    kafka.initialise(where, open_port, controller)
    properties = where.home / "server.properties"
    listeners = {"PASSWORD": password, "CERTIFICATE": certificate}
    properties.write_text(_with_listeners(properties.read_text(), listeners, keys))
    log = data_dir / "kafka.log"
    process = start_bound(kafka.command(where, open_port, log, data_dir / "kafka.pid"))
    try:
        broker = Broker(bootstrap=f"{LOOPBACK}:{open_port}")
        why = kafka.wait_until_answers(broker, START_SECONDS_MAX)
        assert why is None, tail(log)
        _add_user(broker)
        yield Secured(keys, f"localhost:{password}", f"localhost:{certificate}")
    finally:
        process.stop(kafka.STOP_SIGNALS)


def _with_listeners(properties: str, listeners: Mapping[str, int], keys: Keys) -> str:
    """The settings of the embedded broker with these listeners added."""
    places = "".join(f",{name}://localhost:{port}" for name, port in listeners.items())
    protocols = ",PASSWORD:SASL_SSL,CERTIFICATE:SSL"
    added = {"listeners": places, "advertised.listeners": places}
    added["listener.security.protocol.map"] = protocols
    lines = [line + added.get(line.partition("=")[0], "") for line in properties.splitlines()]
    modules = "org.apache.kafka.common.security"
    secure = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keys.folder / "server.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": keys.ca,
        "listener.name.certificate.ssl.client.auth": "required",
        "listener.name.password.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.password.plain.sasl.jaas.config": f"{modules}.plain.PlainLoginModule"
        f' required user_{USER}="{PASSWORD}";',
    }
    for mechanism in ("scram-sha-256", "scram-sha-512"):
        name = f"listener.name.password.{mechanism}.sasl.jaas.config"
        secure[name] = f"{modules}.scram.ScramLoginModule required;"
    (keys.folder / "server.pem").write_bytes(keys.key.read_bytes() + keys.certificate.read_bytes())
    return "\n".join([*lines, *(f"{name}={value}" for name, value in secure.items()), ""])


def _add_user(broker: Broker) -> None:
    admin = AdminClient(dict(broker.options))
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        info = ScramCredentialInfo(mechanism, 4096)
        change = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
        for done in admin.alter_user_scram_credentials([change]).values():
            done.result(20)
