from tests.oracle.events import generate
from tests.system.log import send
from tests.system.system import System


def test_everything_that_is_shown_is_what_an_independent_sort_and_fold_gives(
    system: System,
) -> None:
    system.worker().start()
    system.store.start()
    messages = generate(seed=11, events=20_000, portfolios=24)
    send(system.kafka, messages)
    system.wait_settled(180)
    assert system.differences() == []
    inputs = system.inputs()
    assert inputs["read"] - inputs["forwarded"] == 20_000
    assert inputs["read"] == sum(inputs.values()) - inputs["read"]
