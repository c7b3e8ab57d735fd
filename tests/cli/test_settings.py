"""What a wrong variable says."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.keys import new_key
from calculator.relief import ReliefMethod
from cli import parts
from cli.main import main
from cli.servers import Connections
from cli.settings import SettingError, Settings
from wire.broker import Broker

NOWHERE = Path(os.devnull)


def test_without_any_variable_everything_is_embedded_and_local() -> None:
    settings = Settings.from_environment({}, NOWHERE)
    assert settings.kafka is None
    assert settings.database_url is None
    assert settings.data_dir == Path.cwd() / ".local"
    assert settings.partitions == 8
    assert (settings.api_host, settings.api_port) == ("127.0.0.1", 8000)
    assert settings.default_cost_basis_method is ReliefMethod.FIFO
    assert (settings.fx_max_age_days, settings.fx_cross_currency) == (7, "USD")


def test_there_may_be_no_cross_currency() -> None:
    assert (
        Settings.from_environment({"FX_CROSS_CURRENCY": "NONE"}, NOWHERE).fx_cross_currency is None
    )


def test_the_environment_wins_over_the_file_and_empty_counts_as_absent(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "PARTITIONS=4\nAPI_PORT=9000\nDATABASE_URL=\nWORKER_URLS=http://a:1, http://b:2/\n"
    )
    settings = Settings.from_environment({"PARTITIONS": "2", "API_PORT": ""}, file)
    assert (settings.partitions, settings.api_port) == (2, 9000)
    assert settings.database_url is None
    assert settings.worker_urls == ("http://a:1", "http://b:2")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PARTITIONS", "0"),
        ("PARTITIONS", "eight"),
        ("PARTITIONS", "٨"),
        ("API_PORT", "65536"),
        ("KAFKA_BOOTSTRAP", "localhost"),
        ("KAFKA_BOOTSTRAP", "kafka://localhost:9092"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_URL", "postgresql:///x"),
        ("DATABASE_URL", "postgresql://localhost/x?ssl_mode=require"),
        ("WORKER_URLS", "http://a:1,b:2"),
        ("DEFAULT_COST_BASIS_METHOD", "fifo"),
        ("FX_MAX_AGE_DAYS", "-1"),
        ("FX_MAX_AGE_DAYS", "367"),
        ("FX_CROSS_CURRENCY", "usd"),
        ("FX_CROSS_CURRENCY", "EURO"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("API_KEYS", "off"),
        ("API_KEYS", "none"),
        ("RATE_LIMIT", "-1"),
        ("RATE_LIMIT", "1.5"),
        ("STREAMS_MAX", "-1"),
        ("STREAMS_MAX", "10001"),
        ("PRICE_MAX_AGE_DAYS", "367"),
        ("API_KEY", "pfk_0123"),
        ("CLUSTER_SECRET", "short"),
        ("CLUSTER_SECRET", "with a space in the middle"),
        ("CLUSTER_SECRET", "schlüssel-mit-umlaut"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable} must be "):
        Settings.from_environment({variable: value}, NOWHERE)


TLS = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
SASL = {
    "KAFKA_BOOTSTRAP": "localhost:9092",
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": "me",
    "KAFKA_SASL_PASSWORD": "secret",
}


def test_what_kafka_asks_for_is_read_into_one_broker() -> None:
    assert Settings.from_environment(SASL, NOWHERE).kafka == Broker(
        bootstrap="localhost:9092", security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN",
        sasl_username="me", sasl_password="secret",
    )  # fmt: skip


def test_a_process_that_is_started_reads_the_same_broker() -> None:
    settings = Settings.from_environment(SASL, NOWHERE)
    assert settings.kafka is not None
    told = parts.environment(settings, Connections(settings.kafka, "postgresql://localhost/x"))
    assert Settings.from_environment(told, NOWHERE).kafka == settings.kafka


@pytest.mark.parametrize(
    ("variable", "changes"),
    [
        ("KAFKA_SECURITY_PROTOCOL", {"KAFKA_SECURITY_PROTOCOL": "TLS"}),
        ("KAFKA_SECURITY_PROTOCOL", {"KAFKA_BOOTSTRAP": ""}),
        ("KAFKA_SASL_MECHANISM", {"KAFKA_SASL_MECHANISM": "GSSAPI"}),
        ("KAFKA_SASL_MECHANISM", {"KAFKA_SASL_MECHANISM": ""}),
        ("KAFKA_SASL_USERNAME", {"KAFKA_SASL_USERNAME": ""}),
        ("KAFKA_SASL_PASSWORD", {"KAFKA_SASL_PASSWORD": ""}),
        ("KAFKA_SASL_MECHANISM", {"KAFKA_SECURITY_PROTOCOL": ""}),
        ("KAFKA_SSL_CA_LOCATION", {"KAFKA_SSL_CA_LOCATION": os.devnull}),
        ("KAFKA_SSL_CA_LOCATION", {"KAFKA_SSL_CA_LOCATION": "/nowhere"} | TLS),
        ("KAFKA_SSL_CA_LOCATION", {"KAFKA_SSL_CA_LOCATION": __file__} | TLS),
        ("KAFKA_SSL_KEY_LOCATION", {"KAFKA_SSL_CERTIFICATE_LOCATION": __file__} | TLS),
        ("KAFKA_SSL_CERTIFICATE_LOCATION", {"KAFKA_SSL_KEY_LOCATION": __file__} | TLS),
        ("KAFKA_SSL_KEY_LOCATION", {"KAFKA_SSL_KEY_PASSWORD": "secret"} | TLS),
        ("KAFKA_SSL_KEY_LOCATION", {
            "KAFKA_SSL_CERTIFICATE_LOCATION": __file__, "KAFKA_SSL_KEY_LOCATION": __file__,
            "KAFKA_SSL_KEY_PASSWORD": "secret",
        } | TLS),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_protocol_is_refused_by_name(
    variable: str, changes: dict[str, str]
) -> None:
    with pytest.raises(SettingError, match=f"^{variable} must be ") as refused:
        Settings.from_environment(SASL | changes, NOWHERE)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("variable", ["API_KEY", "CLUSTER_SECRET"])
def test_a_secret_is_neither_repeated_nor_printed_with_the_settings(variable: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environment({variable: "not so secret"}, NOWHERE)
    assert "not so secret" not in str(refused.value)
    secret = new_key().text
    assert secret not in repr(Settings.from_environment({variable: secret}, NOWHERE))


def test_keys_are_asked_for_where_it_must_be_and_nothing_is_limited_by_default() -> None:
    settings = Settings.from_environment({}, NOWHERE)
    assert (settings.api_keys, settings.rate_limit) == ("auto", 0)
    assert (settings.api_key, settings.cluster_secret) == (None, None)


def test_a_password_is_not_repeated() -> None:
    for url in ("mysql://me:secret@host/x", "postgresql://me:secret%zz@host/x"):
        with pytest.raises(SettingError) as refused:
            Settings.from_environment({"DATABASE_URL": url}, NOWHERE)
        assert "secret" not in str(refused.value)


def test_the_command_ends_with_2_for_a_wrong_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTITIONS", "none")
    result = CliRunner().invoke(main, ["servers", "down"])
    assert result.exit_code == 2
    assert "PARTITIONS must be a whole number from 1 to 1024, not 'none'" in result.output
