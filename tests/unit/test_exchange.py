"""The processes of a training: shares of a batch, weighted means, and what happens if one dies."""

import os
import threading
from collections.abc import Iterator
from multiprocessing import Pipe

import numpy as np
import pytest

from models.training.batches import Batch
from models.training.exchange import ALONE, Joined, LostError

COUNT = 3


@pytest.fixture
def members() -> Iterator[list[Joined]]:
    pairs = {rank: Pipe() for rank in range(1, COUNT)}
    memory = os.memfd_create("test")
    first = {rank: one for rank, (one, _) in pairs.items()}
    others = [Joined(rank, COUNT, {0: other}, memory) for rank, (_, other) in pairs.items()]
    yield [Joined(0, COUNT, first, memory), *others]
    for line in (line for pair in pairs.values() for line in pair):
        line.close()
    os.close(memory)


def _batch(rows: int) -> Batch:
    numbers = np.arange(rows, dtype=np.int32)
    return Batch(np.stack([numbers, numbers], axis=1), numbers, numbers.astype(np.int64))


def test_every_row_is_learnt_by_one_process(members: list[Joined]) -> None:
    shares = [one.share(_batch(8)) for one in members]
    assert sorted(np.concatenate([one.indices for one in shares])) == list(range(8))
    for one in shares:
        np.testing.assert_array_equal(one.ids[:, 0], one.labels)
    assert ALONE.share(_batch(8)).indices.tolist() == list(range(8))


def test_a_batch_too_small_to_share_is_learnt_by_all(members: list[Joined]) -> None:
    assert [one.share(_batch(2)).indices.tolist() for one in members] == [[0, 1]] * COUNT


def test_the_mean_is_weighted_and_the_same_for_all(members: list[Joined]) -> None:
    steps = [[(6.0, 1.0), (0.0, 2.0), (3.0, 3.0)], [(1.0, 1.0), (2.0, 1.0), (9.0, 2.0)]]
    got: dict[int, list[float]] = {}
    told: dict[int, object] = {}

    def work(rank: int) -> None:
        means = [members[rank].mean_of(np.array(step[rank], np.float32)) for step in steps]
        got[rank] = [float(mean[0]) for mean in means]
        told[rank] = members[rank].tell([{"step": rank}])

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(COUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == {key: [2.5, 5.25] for key in range(COUNT)}
    assert told == {key: [{"step": 0}] for key in range(COUNT)}


def test_a_process_that_is_gone_is_noticed(members: list[Joined]) -> None:
    first, second, _ = members
    second._lines[0].close()
    with pytest.raises(LostError, match="process 2 is gone"):
        first.mean_of(np.ones(2, np.float32))
    assert first.lost == 1
