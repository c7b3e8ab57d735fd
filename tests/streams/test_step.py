from pathlib import Path
from random import Random

import pytest

from tests.oracle.compare import differences
from tests.oracle.events import PORTFOLIOS, TRANSACTIONS, Mess, generate, of_topic, records
from tests.oracle.fold import expected
from tests.streams.partitions import Partitions

SIZES = [(1, 3), (1, 200), (40, 30), (700, 5_000)]  # records a batch, steps a batch


@pytest.mark.parametrize(("batch_max", "steps"), SIZES)
@pytest.mark.parametrize("seed", [1, 2])
def test_any_stream_in_any_batches_gives_the_books_of_a_sort_and_fold(
    tmp_path: Path, seed: int, batch_max: int, steps: int
) -> None:
    arrived = records(generate(seed, 2_000, mess=Mess(late=[1.0, 0.05][seed % 2])))
    partitions = Partitions(tmp_path, Random(seed))
    partitions.run(arrived, batch_max, steps)
    books = expected(of_topic(arrived, TRANSACTIONS), of_topic(arrived, PORTFOLIOS))
    assert books.results
    assert not differences(
        books,
        results=partitions.results(),
        positions=partitions.positions(),
        lots=partitions.lots(),
        dead=partitions.dead(),
    )
