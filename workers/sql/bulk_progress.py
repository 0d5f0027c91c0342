"""How far a bulk job is: what the ledger says of its records."""

from typing import Any

import msgspec
from sqlalchemy import Engine, text

from workers.sql.transaction import reading

ANSWERED = text(
    """
    SELECT task, count(*) AS number FROM result
    WHERE bulk_id = :bulk_id GROUP BY task
    """
)
_LAST = """
    FROM (
        SELECT job_id, task, state, reason, detail, row_number() OVER (
            PARTITION BY tenant, job_id, task
            ORDER BY created_at DESC, topic_id, partition, record_offset DESC
        ) AS place
        FROM ending AS e
        WHERE e.bulk_id = :bulk_id AND e.state <> 'DUPLICATE' AND NOT EXISTS (
            SELECT 1 FROM result AS r
            WHERE r.job_id = e.job_id AND r.tenant = e.tenant AND r.task = e.task
              AND r.bulk_id = e.bulk_id
        )
    ) AS ended WHERE place = 1
"""
"""A document that was published again may have an ending for each time; the last one counts."""
ENDED = text(f"SELECT task, state, reason, count(*) {_LAST} GROUP BY task, state, reason")
FAILURES = text(f"SELECT job_id, task, state, reason, detail {_LAST} ORDER BY job_id, task")
VERSION = text(
    "SELECT model_version_id FROM result WHERE bulk_id = :bulk_id AND task = :task LIMIT 1"
)


class Counts(msgspec.Struct, kw_only=True):
    """Records of one task by how they ended."""

    done: int = 0
    failed: int = 0
    cancelled: int = 0
    reasons: dict[str, int] = {}
    """Why records failed: `STATE reason`."""

    @property
    def ended(self) -> int:
        """All that need nothing more."""
        return self.done + self.failed + self.cancelled


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A document without an answer."""

    job_id: str
    task: str | None
    state: str
    reason: str
    detail: str


def counts(engine: Engine, bulk_id: str) -> dict[str, Counts]:
    """What became of the job's records, by task."""
    found: dict[str, Counts] = {}
    mine = {"bulk_id": bulk_id}
    with reading(engine) as connection:
        for task, number in connection.execute(ANSWERED, mine):
            found.setdefault(task, Counts()).done = number
        for task, state, reason, number in connection.execute(ENDED, mine):
            one = found.setdefault(task, Counts())
            if state == "CANCELLED":
                one.cancelled += number
            else:
                one.failed += number
                one.reasons[f"{state} {reason}"] = number
    return found


def failures(engine: Engine, bulk_id: str) -> list[Failure]:
    """The documents that ended without an answer, each once for a task, in the order of rows."""
    with reading(engine) as connection:
        rows = connection.execute(FAILURES, {"bulk_id": bulk_id}).mappings()
        return [Failure(**row) for row in rows]


def version_of(engine: Engine, bulk_id: str, task: str) -> int | None:
    """A version that has answered some of it; None before the first answer."""
    with reading(engine) as connection:
        found: Any = connection.execute(VERSION, {"bulk_id": bulk_id, "task": task}).scalar()
        return None if found is None else int(found)
