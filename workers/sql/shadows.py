"""Rows of `shadow_result`: what another version answered to a record that has its answer.

A record that was erased meanwhile gets none.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from schemas.batch import Batch, BatchItem
from schemas.tables import shadow_result
from workers.ports import Answer
from workers.sql.row import Output, order, row_of, storable
from workers.sql.statement import statement

_COLUMNS = (
    "topic_id, partition, record_offset, model_version_id, tenant, job_id, task, lang, label, "
    "score, summary, output, batch_id, worker_id, latency_ms, compute_ms, created_at, error, build"
)
INSERT_SHADOW = statement(
    f"""
    INSERT INTO shadow_result ({_COLUMNS})
    SELECT {", ".join(f":{name}" for name in _COLUMNS.split(", "))}
    WHERE NOT EXISTS (
        SELECT 1 FROM ending AS e
        WHERE e.topic_id = :topic_id AND e.partition = :partition
          AND e.record_offset = :record_offset AND e.reason = 'erased'
    )
    ON CONFLICT DO NOTHING
    """,  # noqa: S608 - this module's own names
    shadow_result,
)


def shadow_rows(
    batch: Batch, answers: Sequence[Answer], compute_s: float, why: str, now: datetime
) -> list[dict[str, Any]]:
    """A row for each item of the batch, with its answer or with `why` there is none."""
    given = [answer for answer in answers if storable(answer.prediction)]
    shared = {
        "model_version_id": batch.version_id,
        "batch_id": batch.batch_id,
        "worker_id": batch.worker_id or None,
        "compute_ms": compute_s * 1000 / max(1, len(batch.items)),
        "created_at": now,
    }
    rows = [_answered(answer, now) for answer in sorted(given, key=order)]
    known = {(answer.item.partition, answer.item.offset) for answer in given}
    missing = [one for one in batch.items if (one.partition, one.offset) not in known]
    return [row | shared for row in rows + [_failed(item, why) for item in missing]]


def _answered(answer: Answer, now: datetime) -> dict[str, Any]:
    row = row_of(answer, now.timestamp())
    return _place(answer.item) | {
        "label": row.label,
        "score": row.score,
        "summary": row.summary,
        "output": msgspec.to_builtins(row.output),
        "latency_ms": row.latency_ms,
        "error": None,
        "build": row.build,
    }


def _failed(item: BatchItem, why: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("label", "score", "summary", "build"))
    output = msgspec.to_builtins(Output(0))
    return _place(item) | nothing | {"output": output, "latency_ms": 0, "error": why[:200]}


def _place(item: BatchItem) -> dict[str, Any]:
    return {
        "topic_id": item.partition.topic_id,
        "partition": item.partition.number,
        "record_offset": item.offset,
        "tenant": item.job.tenant,
        "job_id": item.job.job_id,
        "task": item.task.value,
        "lang": item.lang,
    }
