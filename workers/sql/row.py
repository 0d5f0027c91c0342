"""An answer becomes a row of `result`. Pure: no database in sight.

What no database should take is found here, before any is asked: a number that is not finite would
silently become NULL, and NUL ends a text early in one database and is an error in the other.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import msgspec

from schemas import wire
from schemas.batch import Batch
from schemas.prediction import Prediction, Span
from workers.ports import Answer
from workers.sql.known_names import Name

DAY_S = 24 * 60 * 60


class Output(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a prediction has no column of its own."""

    tokens: int
    scores: Mapping[str, float] = {}
    spans: tuple[Span, ...] | None = None
    truncated: bool = False


class Row(msgspec.Struct, frozen=True):
    """What differs between the rows of a batch. The fields are columns, in this order."""

    tenant: str
    job_id: str
    task: str
    run: int
    topic_id: str
    partition: int
    record_offset: int
    topic: str
    lang: str
    label: str | None
    score: float | None
    summary: str | None
    payload_digest: bytes
    bulk_id: str | None
    latency_ms: int
    output: Output
    names: tuple[str, ...] | None
    """The texts of its spans, each once; None where it has none."""
    metadata: dict[str, Any]
    published_at: float
    """Seconds since 1970."""
    arm: str
    build: str | None


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of a batch have in common. The fields are columns."""

    model_version_id: int
    batch_id: str
    attempt: int
    created_at: datetime
    compute_ms: float
    worker_id: str | None
    formed_at: datetime | None


def order(answer: Answer) -> tuple[str, str, str, int, int]:
    """Rows are inserted in this order everywhere, so that two writers never wait in a ring."""
    item = answer.item
    return item.job.tenant, item.job.job_id, item.task, item.run, item.offset


def names_of(rows: Iterable[Row]) -> set[Name]:
    """The names of all rows."""
    return {(row.tenant, name) for row in rows if row.names for name in row.names}


def rows_of(answers: Iterable[Answer], shared: Shared) -> list[Row]:
    """The rows of a batch's answers, beside what they share."""
    now = shared.created_at.timestamp()
    return [row_of(answer, now) for answer in answers]


def row_of(answer: Answer, now: float) -> Row:
    """The row of one answer; `now` in seconds since 1970."""
    item, prediction = answer.item, answer.prediction
    job, partition = item.job, item.partition
    published_at = _plausible(item.published_at, now)
    return Row(
        job.tenant,
        job.job_id,
        item.task.value,
        item.run,
        partition.topic_id,
        partition.number,
        item.offset,
        partition.topic,
        item.lang,
        prediction.label,
        prediction.score,
        prediction.summary,
        wire.payload_digest(job),
        job.bulk_id,
        max(0, round((now - published_at) * 1000)),
        Output(prediction.tokens, prediction.scores, prediction.spans, prediction.truncated),
        _names(prediction.spans),
        job.metadata,
        published_at,
        item.arm,
        answer.build,
    )


def _names(spans: tuple[Span, ...] | None) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(span.text for span in spans)) if spans else None


def _plausible(moment: float, now: float) -> float:
    """Producers date their records and may say anything; a job is not lost for that."""
    return moment if 0 <= moment <= now + DAY_S else now


def shared_of(batch: Batch, answers: int, compute_s: float, now: datetime) -> Shared:
    """The columns that all rows of `batch` share; the time of computing is divided by head."""
    return Shared(
        model_version_id=batch.version_id,
        batch_id=batch.batch_id,
        attempt=batch.attempt,
        created_at=now,
        compute_ms=compute_s * 1000 / max(1, answers),
        worker_id=batch.worker_id or None,
        formed_at=datetime.fromtimestamp(batch.formed_at, UTC) if batch.formed_at else None,
    )


def storable(prediction: Prediction) -> bool:
    """Whether the prediction may go into a database at all."""
    numbers = sum(prediction.scores.values(), prediction.score or 0.0)
    words = [prediction.label or "", prediction.summary or ""]
    if prediction.spans:
        numbers += sum(span.score or 0.0 for span in prediction.spans)
        words += [span.text for span in prediction.spans]
    return isfinite(numbers) and not any("\0" in word for word in words)
