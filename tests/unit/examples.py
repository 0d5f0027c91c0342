"""Partitions, versions, records and deliveries to write situations with; every field has a use."""

import json
import math
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from schemas.batch import BatchItem, WorkerState
from schemas.job import Job
from schemas.model_version import Language
from schemas.prediction import Prediction
from schemas.record import Partition, Record
from schemas.result import Result
from schemas.task import Task
from schemas.topics import bulk, interactive
from workers.core.cost import Cost
from workers.core.costs import Price
from workers.core.delivery import Delivery
from workers.core.flight import Flight
from workers.core.formed import Place
from workers.desired import Route, RouteKey
from workers.ports import ModelVersion

TOPIC_ID = "0" * 32
_numbers = count()
COST = Cost(0.001, 1e-5)
"""A text of 16 tokens adds 0.16 ms."""


def partition(number: int = 0, task: Task = Task.SENTIMENT, *, is_bulk: bool = False) -> Partition:
    topic = bulk(task) if is_bulk else interactive(task)
    return Partition(TOPIC_ID, number, topic)


def version(version_id: int = 1, **changes: Any) -> ModelVersion:
    fields: dict[str, Any] = {
        "version_id": version_id,
        "name": "mood",
        "version": version_id,
        "task": Task.SENTIMENT,
        "languages": ("zh", "en"),
        "digest": f"digest-{version_id}",
        "path": Path("mood"),
        "state": "live",
    }
    return ModelVersion(**{**fields, **changes})


def route(live: ModelVersion, lang: Language = "en", tenant: str = "", **more: Any) -> Route:
    """A route of the version's task."""
    return Route(key=RouteKey(live.task, lang, tenant), live=live, **more)


def value(job_id: str = "job-1", text: str = "good", **fields: Any) -> bytes:
    """A record's value, as a producer in any language would write it."""
    return json.dumps({"job_id": job_id, "text": text, **fields}).encode()


def record(offset: int = 0, content: bytes | None = None, at: Partition | None = None) -> Record:
    content = value(f"job-{offset}") if content is None else content
    return Record(at or partition(), offset, content, 0.0)


def delivery(
    offset: int | None = None,
    *,
    at: Partition | None = None,
    epoch: int = 1,
    text: str = "good",
    of: ModelVersion | None = None,
    padded: int = 16,
    is_bulk: bool = False,
    due_at: float = 0.0,
    size: int = 100,
    task: Task = Task.SENTIMENT,
    deadline: float = math.inf,
    **of_job: Any,
) -> Delivery:
    offset = next(_numbers) if offset is None else offset
    job = Job(job_id=f"job-{offset}", text=text, **of_job)
    return Delivery(
        item=BatchItem(at or partition(), offset, epoch, job, "en", task, 0, 0.0),
        version=of or version(),
        padded=padded,
        size=size,
        bulk=is_bulk,
        due_at=due_at,
        deadline=deadline,
    )


def worker(worker_id: str = "w1", running: str | None = None) -> WorkerState:
    return WorkerState(
        worker_id=worker_id, queue=f"q.{worker_id}", device="cpu", pid=1, running=running
    )


def flight(
    *deliveries: Delivery,
    batch_id: str = "b1",
    worker_id: str = "w1",
    isolated: bool = False,
    sent_at: float = 0.0,
) -> Flight:
    return Flight(batch_id, worker_id, deliveries, 1, isolated, sent_at)


def key(delivery: Delivery) -> tuple[Partition, int]:
    return delivery.item.partition, delivery.item.offset


def place(idle: bool = True, cost: Cost = COST, tokens: int = 32_768, **more: object) -> Place:
    """A worker where every version costs that."""
    return Place(idle=idle, prices=lambda version_id: Price(cost, tokens), **more)


def answered(number: int, task: Task = Task.SENTIMENT, **fields: Any) -> Result:
    """A result as it is told on its topic."""
    given = {
        "tenant": "default",
        "job_id": f"job-{number}",
        "task": task,
        "run": 0,
        "lang": "en",
        "model": "mood",
        "version": 1,
        "build": None,
        "prediction": Prediction(tokens=3, label="good", score=0.5),
        "created_at": datetime(2025, 6, 30, 12, tzinfo=UTC),
        "latency_ms": 12,
        "bulk_id": None,
        "metadata": {},
    }
    return Result(**{**given, **fields})
