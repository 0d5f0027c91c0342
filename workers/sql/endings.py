"""Records that end without a result: rows of the exceptions ledger, and their dead letters.

The caller holds the partitions' claims exclusively, or knows that nobody can be storing a result
for the same records.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from schemas.record import Ending
from schemas.tables import dead_letter, ending
from schemas.topics import task_of
from workers.sql.statement import statement

MAX_RAW_BYTES = 64 * 1024

INSERT_ENDING = statement(
    """
    INSERT INTO ending (topic_id, partition, record_offset, topic, state, reason, detail,
                        tenant, job_id, task, bulk_id, created_at, lang,
                        model_version_id, arm)
    SELECT :topic_id, :partition, :record_offset, :topic, :state, :reason, :detail,
           :tenant, :job_id, :task, :bulk_id, :created_at, :lang, :model_version_id, :arm
    WHERE NOT EXISTS (
        SELECT 1 FROM result AS r
        WHERE r.topic_id = :topic_id AND r.partition = :partition
          AND r.record_offset = :record_offset
    )
    ON CONFLICT DO NOTHING
    """,
    ending,
)

INSERT_DEAD_LETTER = statement(
    """
    INSERT INTO dead_letter (topic_id, partition, record_offset, topic, reason, detail,
                             raw, size, created_at)
    SELECT :topic_id, :partition, :record_offset, :topic, :reason, :detail,
           :raw, :size, :created_at
    WHERE EXISTS (
        SELECT 1 FROM ending AS e
        WHERE e.topic_id = :topic_id AND e.partition = :partition
          AND e.record_offset = :record_offset AND e.state = :state AND e.reason = :reason
    )
    ON CONFLICT DO NOTHING
    """,
    ending,
    dead_letter,
)


def insert_endings(connection: Connection, endings: Sequence[Ending], now: datetime) -> None:
    """Write those of `endings` whose records have no terminal state yet."""
    rows = [_row(item, now) for item in endings]
    if rows:
        connection.execute(INSERT_ENDING, rows)
    letters = [
        row | {"raw": item.raw[:MAX_RAW_BYTES], "size": len(item.raw)}
        for row, item in zip(rows, endings, strict=True)
        if item.raw is not None
    ]
    if letters:
        connection.execute(INSERT_DEAD_LETTER, letters)


def _row(item: Ending, now: datetime) -> dict[str, Any]:
    return {
        "topic_id": item.partition.topic_id,
        "partition": item.partition.number,
        "record_offset": item.offset,
        "topic": item.partition.topic,
        "state": item.state.value,
        "reason": _clean(item.reason),
        "detail": _clean(item.detail),
        "tenant": _clean(item.tenant),
        "job_id": _clean(item.job_id),
        "task": task_of(item.partition.topic),
        "bulk_id": _clean(item.bulk_id),
        "created_at": now,
        "lang": item.lang,
        "model_version_id": item.version_id,
        "arm": item.arm,
    }


def _clean(value: str | None) -> str | None:
    """Without what PostgreSQL refuses: the ledger must be able to take every record."""
    if value is None:
        return None
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
