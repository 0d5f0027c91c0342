"""A simulated text in the form in which the real batcher holds it."""

import math
from pathlib import Path
from typing import Final

from schemas.batch import BatchItem
from schemas.job import Job
from schemas.record import Partition
from schemas.task import Task
from workers.core.batcher import bucket_of
from workers.core.delivery import Delivery
from workers.ports import ModelVersion
from workers.simulation.arrivals import Arrival

_JOB: Final = Job(job_id="simulated", text="")
_PARTITION: Final = Partition("0" * 32, 0, "textmill.jobs.classification")
VERSION: Final = ModelVersion(
    version_id=1,
    name="simulated",
    version=1,
    task=Task.CLASSIFICATION,
    languages=("en",),
    digest="",
    path=Path(),
    state="live",
)
_BYTES_A_TOKEN: Final = 6


def as_delivery(number: int, arrival: Arrival, due_at: float) -> Delivery:
    """Return the delivery of text `number`, which is also its offset."""
    return Delivery(
        item=BatchItem(_PARTITION, number, 1, _JOB, "en", Task.CLASSIFICATION, 0, arrival.at),
        version=VERSION,
        padded=bucket_of(arrival.tokens),
        size=arrival.tokens * _BYTES_A_TOKEN,
        bulk=arrival.bulk,
        due_at=due_at,
        deadline=math.inf if arrival.deadline_s is None else arrival.at + arrival.deadline_s,
    )
