"""How many entries of longer histories a batch re-books, so that nobody else in the partition
waits long for it."""

STEPS_MAX, STEPS_MIN = 5000, 50  # entries
# What a batch may spend on them: alone, and with records at hand, which are taken in first and
# booked after.
REBOOKING_SECONDS, REBOOKING_SECONDS_WITH_RECORDS = 0.15, 0.05


class Pace:
    """Follows what the re-booking of an entry takes."""

    def __init__(self) -> None:
        self.step_seconds = REBOOKING_SECONDS / STEPS_MAX

    def steps(self, *, has_records: bool) -> int:
        """What the next batch may do."""
        seconds = REBOOKING_SECONDS_WITH_RECORDS if has_records else REBOOKING_SECONDS
        return min(STEPS_MAX, max(STEPS_MIN, int(seconds / self.step_seconds)))

    def measured(self, steps: int, seconds: float) -> None:
        """A batch re-booked so many entries in that time, with all else that it did."""
        if steps >= STEPS_MIN:
            # Half old, half new: a pause of the machine is not the pace of the work.
            self.step_seconds += (seconds / steps - self.step_seconds) / 2
