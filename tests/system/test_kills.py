import shutil
import threading
import time
from random import Random

from tests.oracle.events import Mess, generate
from tests.system.log import send
from tests.system.system import System

KILLS, EVENTS = 5, 8_000
KILLS_LONG, EVENTS_LONG = 20, 50_000


def test_a_worker_killed_again_and_again_on_the_same_and_on_a_fresh_disk_loses_nothing(
    system: System, is_long: bool
) -> None:
    rng = Random(5)
    kills, events = (KILLS_LONG, EVENTS_LONG) if is_long else (KILLS, EVENTS)
    worker = system.worker()
    worker.start()
    system.store.start()
    mess = Mess(late=0.05, rate_forgotten=0.5, rates=0.7, instruments=0.4)
    messages = generate(seed=12, events=events, portfolios=40, mess=mess)
    # Slow enough that records flow during every kill.
    producing = threading.Thread(target=send, args=(system.kafka, messages, 700.0), daemon=True)
    producing.start()
    system.wait_until(system.is_serving, 60, "the worker serves")
    for kill in range(kills):
        time.sleep(rng.uniform(0.0, 1.5))
        worker.kill()
        if kill % 2:
            shutil.rmtree(system.state_of(0), ignore_errors=True)  # it may not have begun
        if kill % 5 == 4:
            system.store.kill()
            system.store.start()
        worker.start()
        # Sometimes it has long been working when it is killed, sometimes it is still taking over.
        if rng.random() < 0.7:
            system.wait_until(system.is_serving, 60, "the worker serves again")
    producing.join()
    system.wait_settled(180)
    assert system.differences() == []
    inputs = system.inputs()
    assert inputs["read"] - inputs["forwarded"] == events
