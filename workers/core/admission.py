"""From a record to a delivery, or to its end: what may enter a batch.

Nothing that stands in a record raises here: a record that is not a job ends as INVALID with the
reason that `schemas.wire` gives, a job past its deadline as EXPIRED.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from models.text.language import detect
from schemas import topics, wire
from schemas.batch import Arm, BatchItem
from schemas.errors import InvalidJobError
from schemas.job import Job
from schemas.model_version import Language
from schemas.record import Ending, Record
from schemas.task import Task
from workers.core.batcher import bucket_of
from workers.core.delivery import Delivery
from workers.core.endings import expired, invalid, unanswerable
from workers.core.routing import Routing
from workers.ports import ModelVersion

_ENGLISH_CHARACTERS_PER_TOKEN: Final = 5
"""Mean over the English corpora, rounded down so that the estimate errs to the long side."""


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a job waits for company, in seconds."""

    interactive: float
    bulk: float


def admit(
    record: Record, epoch: int, routing: Routing, waits: Waits, now: float, wall: float
) -> Delivery | Ending:
    """What becomes of a record.

    Args:
        now: monotonic clock, in seconds.
        wall: seconds since 1970, for deadlines.
    """
    try:
        task, job = _read(record)
    except InvalidJobError as error:
        return invalid(record, epoch, error.reason, str(error))
    item = _item(record, task, job, epoch)
    if job.deadline is not None and job.deadline <= datetime.fromtimestamp(wall, UTC):
        return expired(item)
    try:
        choice = routing.resolve(task, item.lang, job)
    except InvalidJobError as error:
        return unanswerable(item, record.value or b"", error.reason, str(error))
    return _delivery(record, _with_arm(item, choice.arm), choice.version, waits, now, wall)


def pinned(delivery: Delivery, routing: Routing) -> Delivery:
    """The delivery as it would be admitted now: by the version that answers its job from now on.

    One whose model is not known any more stays as it is; it is answered or fails like others.
    """
    item = delivery.item
    try:
        version, arm = routing.resolve(item.task, item.lang, item.job)
    except InvalidJobError:
        return delivery
    if version.version_id == delivery.version.version_id and arm == item.arm:
        return delivery
    return msgspec.structs.replace(delivery, item=_with_arm(item, arm), version=version)


def second_of(routing: Routing) -> Callable[[Delivery], ModelVersion | None] | None:
    """What gives the version that answers a job too, for comparison; None where nothing is
    compared, so that nobody asks for each job."""
    if not routing.compares:
        return None
    return lambda delivery: routing.second(delivery.item)


def _with_arm(item: BatchItem, arm: Arm) -> BatchItem:
    return item if item.arm == arm else msgspec.structs.replace(item, arm=arm)


def _read(record: Record) -> tuple[Task, Job]:
    topic = record.partition.topic
    task = topics.task_of(topic)
    if task is None:
        raise InvalidJobError("unknown_task", f"{topic} is a topic of no task")
    return task, wire.decode(record.value)


def _item(record: Record, task: Task, job: Job, epoch: int) -> BatchItem:
    lang = job.lang or detect(job.text)
    at, published_at = (record.partition, record.offset), record.published_at
    arm: Arm = "live" if job.model is None else "named"
    return BatchItem(*at, epoch, job, lang, task, job.run, published_at, arm)


def _delivery(
    record: Record, item: BatchItem, version: ModelVersion, waits: Waits, now: float, wall: float
) -> Delivery:
    deadline = item.job.deadline
    bulk = topics.is_bulk(record.partition.topic)
    return Delivery(
        item=item,
        version=version,
        padded=bucket_of(estimated_tokens("".join((*item.job.context, item.job.text)), item.lang)),
        size=len(record.value or b""),
        bulk=bulk,
        due_at=now + (waits.bulk if bulk else waits.interactive),
        deadline=math.inf if deadline is None else now + deadline.timestamp() - wall,
    )


def estimated_tokens(text: str, language: Language) -> int:
    """A guess at the text's length in tokens without tokenising it."""
    return len(text) if language == "zh" else len(text) // _ENGLISH_CHARACTERS_PER_TOKEN + 1
