import ssl

import pytest

from wire.broker import Broker

FULL = Broker(
    bootstrap="a:1,b:2",
    security_protocol="SASL_SSL",
    sasl_mechanism="PLAIN",
    sasl_username="me",
    sasl_password="secret-1",
    ssl_ca_location="ca.pem",
    ssl_certificate_location="certificate.pem",
    ssl_key_location="key.pem",
    ssl_key_password="secret-2",
)


def test_each_part_has_the_name_that_librdkafka_gives_it() -> None:
    assert FULL.options == {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "me",
        "sasl.password": "secret-1",
        "ssl.ca.location": "ca.pem",
        "ssl.certificate.location": "certificate.pem",
        "ssl.key.location": "key.pem",
        "ssl.key.password": "secret-2",
    }


def test_what_is_not_given_is_left_to_the_client() -> None:
    assert Broker(bootstrap="a:1").options == {
        "bootstrap.servers": "a:1",
        "security.protocol": "PLAINTEXT",
    }


def test_no_secret_shows() -> None:
    assert "secret" not in repr(FULL) + str(FULL)


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
def test_without_tls_there_is_no_context(protocol: str) -> None:
    assert Broker(bootstrap="a:1", security_protocol=protocol).tls() is None


def test_with_tls_the_certificate_of_the_other_side_is_demanded_and_its_name_checked() -> None:
    context = Broker(bootstrap="a:1", security_protocol="SSL").tls()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
