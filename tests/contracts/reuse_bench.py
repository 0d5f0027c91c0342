"""Short words to submit texts with `--reuse all`, and to see whose answers they have."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producers.publisher import Publisher
from schemas.prediction import Prediction
from schemas.task import Task
from tests.contracts.bulk_bench import Bench
from workers.bulks.errors import publish_failed

LATER = datetime.now(UTC) + timedelta(hours=1)
SAD = Prediction(tokens=1, label="negative", score=0.5, scores={"negative": 0.5, "positive": 0.5})


@pytest.fixture(autouse=True)
def routes(bench: Bench) -> None:
    """The world's version is live."""
    route(bench, bench.world.version)


def route(bench: Bench, version: Any) -> None:
    for lang in ("zh", "en"):
        bench.world.registry.route(Task.SENTIMENT, lang, version)


def jobs_of(bench: Bench, name: str) -> list[dict[str, Any]]:
    """What the log has of a job, in order."""
    bulk_id = bench.store.bulks.find(name).bulk_id
    return [job for job in bench.records() if job["bulk_id"] == bulk_id]


def submitted(bench: Bench, name: str, *texts: str, **fields: Any) -> list[str]:
    """Submit these texts, in a file of their own; the texts that the log has of the job."""
    bench.file = bench.file.with_name(f"{name}.jsonl")
    bench.write(*({"text": one} for one in texts))
    bench.submit(name, **{"reuse": "all", **fields})
    return [job["text"] for job in jobs_of(bench, name)]


def answered(bench: Bench, name: str, *texts: str, **fields: Any) -> Sequence[dict[str, Any]]:
    """Submit these texts and answer all of them."""
    submitted(bench, name, *texts, **fields)
    jobs = jobs_of(bench, name)
    bench.answer(jobs)
    return jobs


def retried(bench: Bench, name: str) -> int:
    with Publisher(bench.settings) as publisher:
        return publish_failed(bench.store, bench.store.bulks.find(name), publisher)


def labels(bench: Bench, name: str) -> list[Any]:
    return [row["sentiment"] and row["sentiment"]["label"] for row in bench.export(name)]
