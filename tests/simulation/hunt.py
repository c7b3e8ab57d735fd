"""Runs many seeds, in as many processes as there are cores.

python -m tests.simulation.hunt --crashes 1000000
python -m tests.simulation.hunt --first 4711 --seeds 1
"""

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator

from streams import lane as lane_module
from tests.simulation.variants import AS_DESIGNED, REPLIES_LOST, Variant
from tests.simulation.world import World

CHUNK = 250


class Silence:
    """A log. Crashes are what this is about, and nobody wants to read of each."""

    def debug(self, event: str, **rest: object) -> None:
        """Not said."""

    critical = warning = debug


def quiet() -> None:
    lane_module.log = Silence()


def run(seed: int, variant: Variant | None = None) -> Counter[str]:
    """What happened in one run. Raises Law, and whatever a defect raises."""
    if variant is None:
        variant = REPLIES_LOST if seed % 4 == 3 else AS_DESIGNED
    world = World(seed, variant)
    world.run()
    world.seen["crashes"] = world.crashes
    return world.seen


def run_chunk(first: int) -> tuple[Counter[str], list[str]]:
    """What happened in some runs, and which went wrong."""
    quiet()
    seen: Counter[str] = Counter()
    wrong = []
    for seed in range(first, first + CHUNK):
        try:
            seen += run(seed)
        except Exception as error:  # noqa: BLE001 - a defect is what is looked for
            wrong.append(f"seed {seed}: {type(error).__name__}: {error}")
        seen["seeds"] += 1
    return seen, wrong


def chunks(first: int, seeds: int | None) -> Iterator[int]:
    """Where chunks begin; without end where the number of seeds is not given."""
    start = first
    while seeds is None or start < first + seeds:
        yield start
        start += CHUNK


def hunt(first: int, seeds: int | None) -> Iterator[tuple[Counter[str], list[str]]]:
    """What happened, chunk by chunk, in whatever order they are done."""
    with multiprocessing.Pool() as pool:
        yield from pool.imap_unordered(run_chunk, chunks(first, seeds))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, help="how many; or until so many crashes")
    parser.add_argument("--crashes", type=int, default=1_000_000)
    given = parser.parse_args()
    began, total, wrong = time.monotonic(), Counter[str](), []
    for seen, found in hunt(given.first, given.seeds):
        total += seen
        wrong += found
        for line in found:
            sys.stderr.write(line + "\n")
        if given.seeds is None and total["crashes"] >= given.crashes:
            break
    seconds = time.monotonic() - began
    for what, times in sorted(total.items()):
        sys.stdout.write(f"{times:>12,}  {what}\n")
    sys.stdout.write(f"{len(wrong)} wrong, in {seconds:.0f} s\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
