"""How many rows a second a worker writes with all indexes and the dictionary of names, and how many
where the table has its keys alone.

The rows are as those of the table: batches of sentiments and batches of tags, in turns. The first
quarter is not counted.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import exp, log
from typing import Final, NamedTuple
from unittest.mock import patch

from sqlalchemy import Engine, text

from benchmarks import made_up
from schemas.batch import Batch, BatchItem
from schemas.job import Job
from schemas.prediction import Prediction, Span
from schemas.record import Partition
from schemas.task import Task
from workers.ports import Answer
from workers.sql import results
from workers.sql.ledger import SqlLedger
from workers.sql.results import SqlResults

BATCHES: Final = 400
SIZE: Final = 256
TASKS: Final = (Task.TAGGING, Task.SENTIMENT)
_PARTITION: Final = Partition("written", 0, "written")


class Rates(NamedTuple):
    """Rows a second."""

    all: float
    tags: float
    """Of the batches of tags, where each row has two names."""


def measure(engine: Engine) -> dict[str, Rates]:
    """Rows a second, `indexed` and then with `keys`; the indexes are gone afterwards."""
    epoch = SqlLedger(engine).claim(_PARTITION, "benchmark").epoch
    names, rng = _names(engine), random.Random(2)
    made = [_batch(epoch, number, names, rng) for number in range(2 * BATCHES)]
    found = {"indexed": _rate(engine, made[:BATCHES])}
    with engine.begin() as connection:
        made_up.drop_indexes(connection)
    with patch.object(results, "names_of", lambda _: set()):  # no dictionary, no lock of it
        return found | {"keys": _rate(engine, made[BATCHES:])}


def _rate(engine: Engine, batches: Sequence[tuple[Batch, list[Answer]]]) -> Rates:
    store = SqlResults(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
    for batch, answers in batches[: len(batches) // 4]:  # now the writer knows the usual names
        store.record(batch, answers, [], 0.01)
    took = {task: 0.0 for task in TASKS}
    counted = batches[len(batches) // 4 :]
    for batch, answers in counted:
        began = time.perf_counter()
        store.record(batch, answers, [], 0.01)
        took[batch.items[0].task] += time.perf_counter() - began
    rows = len(counted) * SIZE
    return Rates(rows / sum(took.values()), rows / len(TASKS) / took[Task.TAGGING])


def _names(engine: Engine) -> list[str]:
    """By rank; of those after the ones that were drawn from, none is in the dictionary."""
    with engine.connect() as connection:
        ranked = text("SELECT name FROM made_name ORDER BY rank")
        return list(connection.execute(ranked).scalars())


def _batch(
    epoch: int, number: int, names: Sequence[str], rng: random.Random
) -> tuple[Batch, list[Answer]]:
    task = TASKS[number % len(TASKS)]
    predict = partial(_tags, names, rng) if task is Task.TAGGING else partial(_sentiment, rng)
    answers = list(_answers(epoch, number * SIZE, task, rng, predict))
    items = tuple(answer.item for answer in answers)
    batch = Batch(
        batch_id=str(number), attempt=1, reply_to="b", version_id=1, digest="made", items=items
    )
    return batch, answers


def _answers(
    epoch: int,
    first: int,
    task: Task,
    rng: random.Random,
    predict: Callable[[], Prediction],
) -> Iterator[Answer]:
    for offset in range(first, first + SIZE):
        item = BatchItem(
            offset=offset,
            job=Job(job_id=f"written-{rng.getrandbits(64):x}", text="A text"),
            partition=_PARTITION,
            epoch=epoch,
            lang="en",
            task=task,
            run=0,
            published_at=time.time(),
            arm="live",
        )
        yield Answer(item, predict(), None)


def _tags(names: Sequence[str], rng: random.Random) -> Prediction:
    ranks = (int(exp(rng.random() * log(len(names)))) for _ in range(2))
    spans = [Span(start=0, end=9, label="ORG", text=names[rank - 1]) for rank in ranks]
    return Prediction(tokens=12, spans=tuple(spans))


def _sentiment(rng: random.Random) -> Prediction:
    scores = dict.fromkeys(made_up.LABELS, 0.25) | {rng.choice(made_up.LABELS): 0.5}
    return Prediction(
        tokens=12, label=max(scores, key=scores.__getitem__), score=0.5, scores=scores
    )
