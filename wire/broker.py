"""How to reach Kafka, for every client there is.

librdkafka's clients take `options`. aiokafka, and Faust in front of it, take the same parts in
terms of their own and a TLS context of Python's.
"""

import ssl
from dataclasses import asdict, dataclass, field

# What it means where a client says no more than that it is without a connection: one was made,
# and ended without a word.
NOT_UNDERSTOOD = "KAFKA_SECURITY_PROTOCOL may be another than the one spoken there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Addresses, and what the brokers there ask of us. Each field is the setting of that name
    behind `KAFKA_`; the secret ones show in no repr."""

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_ca_location: str | None = None  # None: what the system trusts
    ssl_certificate_location: str | None = None  # ours, where brokers ask for one
    ssl_key_location: str | None = None
    ssl_key_password: str | None = field(default=None, repr=False)

    @property
    def options(self) -> dict[str, str]:
        """For a client of librdkafka, which names each setting as we do, with points."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        servers = given.pop("bootstrap")
        return {"bootstrap.servers": servers} | {
            name.replace("_", "."): value for name, value in given.items()
        }

    @property
    def variables(self) -> dict[str, str]:
        """The settings that say the same to another process of ours."""
        return {f"KAFKA_{name.upper()}": value or "" for name, value in asdict(self).items()}

    def tls(self) -> ssl.SSLContext | None:
        """None where nothing is encrypted. Raises OSError, which SSLError is one of, where a file
        is not what it should be."""
        if not self.security_protocol.endswith("SSL"):
            return None
        context = ssl.create_default_context(cafile=self.ssl_ca_location)
        if self.ssl_certificate_location is not None:
            context.load_cert_chain(
                self.ssl_certificate_location,
                self.ssl_key_location,
                # Without one the library would ask for it on the terminal.
                self.ssl_key_password or "",
            )
        return context
