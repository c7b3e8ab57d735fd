"""The embedded servers, real ones."""

import psycopg2
from confluent_kafka.admin import AdminClient

from cli.servers import Connections


def test_the_shared_servers_answer(servers: Connections, database_url: str) -> None:
    client = AdminClient({"bootstrap.servers": servers.kafka_bootstrap, "log_level": 0})
    assert len(client.list_topics(timeout=5).brokers) == 1
    connection = psycopg2.connect(database_url)
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
    connection.close()
