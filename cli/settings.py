"""What the environment and `.env` say, checked once, with errors that name the variable."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values
from psycopg2 import ProgrammingError
from psycopg2.extensions import parse_dsn

from api.keys import read_key
from api.settings import STREAMS_MAX
from calculator import CROSS_CURRENCY, MAX_AGE_DAYS, ReliefMethod
from reports.limits import PRICE_MAX_AGE_DAYS
from streams.settings import NO_CURRENCY
from wire.broker import Broker

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS = ("json", "text")
API_KEYS = ("auto", "required")
RATE_LIMIT_MAX = 1_000_000
STREAMS_LIMIT = 10_000
# What a header can carry, and too long to be tried out.
_CLUSTER_SECRET = re.compile(r"[!-~]{16,256}", re.ASCII)
SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_SASL = ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
_CA = "KAFKA_SSL_CA_LOCATION"
_CERTIFICATE, _KEY = "KAFKA_SSL_CERTIFICATE_LOCATION", "KAFKA_SSL_KEY_LOCATION"
_TLS_FILES = (_CA, _CERTIFICATE, _KEY)
_KEY_PASSWORD = "KAFKA_SSL_KEY_PASSWORD"
_TLS = (*_TLS_FILES, _KEY_PASSWORD)
_BOOTSTRAP = re.compile(r"[^\s,:/]+:\d{1,5}(,[^\s,:/]+:\d{1,5})*")


class SettingError(ValueError):
    """A variable breaks its rule; change it in the environment or in `.env`."""

    def __init__(self, variable: str, rule: str, value: str | None = None) -> None:
        but = "" if value is None else f", not {value!r}"
        super().__init__(f"{variable} must be {rule}{but}")
        self.variable = variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One field for each environment variable, with the same name in lower case; those of Kafka
    are together."""

    data_dir: Path
    kafka: Broker | None  # None: the embedded one
    database_url: str | None
    partitions: int
    api_host: str
    api_port: int
    api_keys: str
    rate_limit: int  # requests a second of one key; 0: any number
    # Neither may be seen in what prints the settings.
    api_key: str | None = field(repr=False)  # that commands send to the API
    streams_max: int  # of one API process
    cluster_secret: str | None = field(repr=False)
    worker_urls: tuple[str, ...]
    default_cost_basis_method: ReliefMethod
    price_max_age_days: int  # of prices in reports; older: stale
    fx_max_age_days: int
    fx_cross_currency: str | None
    log_level: str
    log_format: str | None  # None: json on a pipe, readable on a terminal

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, dotenv: Path = Path(".env")
    ) -> "Settings":
        """The environment wins over `.env`; an empty value counts as absent."""
        given = os.environ if environment is None else environment
        values = {name: value for name, value in dotenv_values(dotenv).items() if value}
        values.update({name: value for name, value in given.items() if value})
        return cls(
            data_dir=Path(values.get("DATA_DIR", ".local")).expanduser().absolute(),
            kafka=_kafka(values),
            database_url=_database_url(values),
            partitions=_integer(values, "PARTITIONS", "8", 1, 1024),
            api_host=values.get("API_HOST", "127.0.0.1"),
            api_port=_integer(values, "API_PORT", "8000", 1, 65535),
            api_keys=_one_of(values, "API_KEYS", "auto", API_KEYS),
            rate_limit=_integer(values, "RATE_LIMIT", "0", 0, RATE_LIMIT_MAX),
            streams_max=_integer(values, "STREAMS_MAX", str(STREAMS_MAX), 0, STREAMS_LIMIT),
            api_key=_api_key(values),
            cluster_secret=_cluster_secret(values),
            worker_urls=_worker_urls(values),
            default_cost_basis_method=ReliefMethod(
                _one_of(values, "DEFAULT_COST_BASIS_METHOD", "FIFO", tuple(ReliefMethod))
            ),
            price_max_age_days=_integer(
                values, "PRICE_MAX_AGE_DAYS", str(PRICE_MAX_AGE_DAYS), 0, 366
            ),
            fx_max_age_days=_integer(values, "FX_MAX_AGE_DAYS", str(MAX_AGE_DAYS), 0, 366),
            fx_cross_currency=_currency_or_none(values, "FX_CROSS_CURRENCY", CROSS_CURRENCY),
            log_level=_one_of(values, "LOG_LEVEL", "INFO", LOG_LEVELS),
            log_format=_one_of(values, "LOG_FORMAT", "", ("", *LOG_FORMATS)) or None,
        )


def _integer(
    values: Mapping[str, str], name: str, default: str, smallest: int, largest: int
) -> int:
    text = values.get(name, default)
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not smallest <= int(text) <= largest:
        raise SettingError(name, f"a whole number from {smallest} to {largest}", text)
    return int(text)


def _one_of(values: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    text = values.get(name, default)
    if text not in allowed:
        raise SettingError(name, "one of " + ", ".join(filter(None, allowed)), text)
    return text


def _currency_or_none(values: Mapping[str, str], name: str, default: str) -> str | None:
    text = values.get(name, default)
    if text == NO_CURRENCY:
        return None
    if not re.fullmatch(r"[A-Z]{3}", text, re.ASCII):
        raise SettingError(name, f"a currency of three capitals, or {NO_CURRENCY}", text)
    return text


def _kafka(values: Mapping[str, str]) -> Broker | None:
    protocol = _one_of(values, "KAFKA_SECURITY_PROTOCOL", "PLAINTEXT", SECURITY_PROTOCOLS)
    _demand_what_fits(protocol, values)
    bootstrap = values.get("KAFKA_BOOTSTRAP")
    if bootstrap is None:
        if protocol != "PLAINTEXT":
            rule = "PLAINTEXT where KAFKA_BOOTSTRAP is absent: the embedded broker has no other"
            raise SettingError("KAFKA_SECURITY_PROTOCOL", rule, protocol)
        return None
    if not _BOOTSTRAP.fullmatch(bootstrap):
        raise SettingError("KAFKA_BOOTSTRAP", "host:port, or several with commas", bootstrap)
    given = {name: values[name] for name in (*_SASL, *_TLS) if name in values}
    given.update({name: _file(name, given[name]) for name in _TLS_FILES if name in given})
    broker = Broker(
        bootstrap=bootstrap,
        security_protocol=protocol,
        **{name.removeprefix("KAFKA_").lower(): value for name, value in given.items()},
    )
    _demand_keys(broker)
    return broker


def _demand_what_fits(protocol: str, values: Mapping[str, str]) -> None:
    """What a protocol has no use for is refused: whoever set it takes the connection for safer
    than it is."""
    where = f"where KAFKA_SECURITY_PROTOCOL is {protocol}"
    has_sasl, has_tls = protocol.startswith("SASL"), protocol.endswith("SSL")
    for name in (*(() if has_sasl else _SASL), *(() if has_tls else _TLS)):
        if name in values:
            raise SettingError(name, f"absent {where}")
    if has_sasl:
        _one_of(values, _SASL[0], "", SASL_MECHANISMS)
    needed = dict.fromkeys(_SASL if has_sasl else (), where)
    for name, other in ((_CERTIFICATE, _KEY), (_KEY, _CERTIFICATE), (_KEY_PASSWORD, _KEY)):
        if name in values:
            needed[other] = f"where {name} is"
    for name, why in needed.items():
        if name not in values:
            raise SettingError(name, f"given {why}")


def _demand_keys(broker: Broker) -> None:
    """The files hold what they should."""
    try:
        replace(broker, ssl_certificate_location=None).tls()
    except OSError as error:
        raise SettingError(_CA, "a file of PEM certificates", broker.ssl_ca_location) from error
    try:
        broker.tls()
    except OSError as error:
        rule = f"the PEM key of {_CERTIFICATE}, opened by {_KEY_PASSWORD} if by any"
        raise SettingError(_KEY, rule, broker.ssl_key_location) from error


def _file(name: str, text: str) -> str:
    path = Path(text).expanduser().absolute()
    if not path.is_file() or not os.access(path, os.R_OK):
        raise SettingError(name, "a file that can be read", text)
    return str(path)


def _url(values: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    text = values.get(name)
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.netloc:
        # The address may carry a password: name the scheme alone.
        rule = f"an address that begins with {schemes[0]}:// and names a host"
        raise SettingError(name, rule, parts.scheme + "://...")
    return text


def _api_key(values: Mapping[str, str]) -> str | None:
    text = values.get("API_KEY")
    if text is not None and read_key(text) is None:
        # Half a key is still a secret: it is not repeated.
        raise SettingError("API_KEY", "a key as `portfolio keys add` shows it")
    return text


def _cluster_secret(values: Mapping[str, str]) -> str | None:
    text = values.get("CLUSTER_SECRET")
    if text is not None and not _CLUSTER_SECRET.fullmatch(text):
        rule = "16 to 256 letters, digits or signs of ASCII, without spaces"
        raise SettingError("CLUSTER_SECRET", rule)
    return text


def _database_url(values: Mapping[str, str]) -> str | None:
    text = _url(values, "DATABASE_URL", ("postgresql", "postgres"))
    if text is not None:
        try:
            parse_dsn(text)
        except ProgrammingError:
            # What it says may quote the password.
            rule = "an address in which libpq understands each part and option"
            raise SettingError("DATABASE_URL", rule) from None
    return text


def _worker_urls(values: Mapping[str, str]) -> tuple[str, ...]:
    urls = [url.strip().rstrip("/") for url in values.get("WORKER_URLS", "").split(",")]
    for url in filter(None, urls):
        _url({"WORKER_URLS": url}, "WORKER_URLS", ("http", "https"))
    return tuple(filter(None, urls))
