import shutil

import psycopg2
from confluent_kafka.admin import AdminClient

from migrations.upgrade import downgrade, upgrade
from streams.topics import create_topics
from tests.oracle.events import Mess, generate
from tests.system.log import PARTITIONS, send
from tests.system.system import System
from wire.topics import CHANGELOG

EVENTS = 1_500
# Contradictions are decided by arrival. Read again from the start, forwarded copies may come at
# another time than before.
MESS = Mess(conflicts=0)


def test_an_emptied_database_refills_by_itself(system: System) -> None:
    system.worker().start()
    system.store.start()
    send(system.kafka, generate(21, EVENTS, mess=MESS))
    system.wait_settled()
    downgrade(system.database_url, "base")
    upgrade(system.database_url)
    system.wait_settled()
    assert system.differences() == []


def test_a_deleted_changelog_is_made_anew_from_the_inputs(system: System) -> None:
    worker = system.worker()
    worker.start()
    system.store.start()
    messages = generate(22, EVENTS, mess=MESS)
    send(system.kafka, messages[: EVENTS // 2])
    system.wait_settled()
    before = {(r["portfolio_id"], r["transaction_id"]): r["as_of"] for r in system.newest_results()}
    worker.stop()
    admin = AdminClient({**system.kafka.options})
    admin.delete_topics([CHANGELOG.name])[CHANGELOG.name].result()
    system.wait_until(
        lambda: CHANGELOG.name not in admin.list_topics(timeout=10).topics, 30, "it is deleted"
    )
    create_topics(system.kafka, PARTITIONS)
    worker.start()
    send(system.kafka, messages[EVENTS // 2 :])
    system.wait_settled()
    assert system.differences(dead_letters_repeat=True) == []
    after = {(r["portfolio_id"], r["transaction_id"]): r["as_of"] for r in system.newest_results()}
    assert before
    assert all(after[identity] > as_of for identity, as_of in before.items())
    # And that new life can be taken over from its logs, on an empty disk.
    worker.kill()
    shutil.rmtree(system.state_of(0))
    worker.start()
    send(system.kafka, generate(23, 100, mess=MESS))
    system.wait_settled()
    assert system.differences(dead_letters_repeat=True) == []


def test_a_connection_cut_in_the_middle_is_made_again(system: System) -> None:
    system.worker().start()
    system.store.start()
    messages = generate(24, EVENTS, mess=MESS)
    send(system.kafka, messages[:700])
    system.wait_until(lambda: len(system.rows("transactions")) > 0, 30, "the store writes")
    with psycopg2.connect(system.database_url) as connection:
        connection.cursor().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    send(system.kafka, messages[700:])
    system.wait_settled()
    assert system.differences() == []
