import pytest

from streams.pace import (
    REBOOKING_SECONDS,
    REBOOKING_SECONDS_WITH_RECORDS,
    STEPS_MAX,
    STEPS_MIN,
    Pace,
)


def test_a_slow_machine_re_books_less_in_one_batch() -> None:
    pace = Pace()
    assert pace.steps(has_records=False) == STEPS_MAX
    pace.step_seconds *= 100
    assert pace.steps(has_records=False) == STEPS_MAX // 100
    pace.step_seconds *= 100
    assert pace.steps(has_records=False) == STEPS_MIN


def test_with_records_at_hand_less_is_re_booked() -> None:
    share = REBOOKING_SECONDS_WITH_RECORDS / REBOOKING_SECONDS
    assert Pace().steps(has_records=True) == int(STEPS_MAX * share)


def test_a_pause_of_the_machine_counts_half() -> None:
    pace = Pace()
    before = pace.step_seconds
    pace.measured(1000, 3000 * before)
    assert pace.step_seconds == pytest.approx(2 * before)


def test_a_few_entries_say_nothing_of_the_pace() -> None:
    pace = Pace()
    before = pace.step_seconds
    pace.measured(STEPS_MIN - 1, 60)
    assert pace.step_seconds == before
