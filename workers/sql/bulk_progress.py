"""How far a bulk job is: what the ledger says of its records."""

from typing import Any

import msgspec
from sqlalchemy import Engine, text

from workers.sql.transaction import reading

ANSWERED = text(
    """
    SELECT task, count(*) AS number FROM result
    WHERE bulk_id = :bulk_id AND run = 0 GROUP BY task
    """
)
ENDED = text(
    """
    SELECT e.task, e.state, e.reason, count(DISTINCT e.job_id) AS number
    FROM ending AS e
    WHERE e.bulk_id = :bulk_id AND e.state <> 'DUPLICATE' AND NOT EXISTS (
        SELECT 1 FROM result AS r
        WHERE r.job_id = e.job_id AND r.tenant = e.tenant AND r.task = e.task
    )
    GROUP BY e.task, e.state, e.reason
    """
)
FAILURES = text(
    """
    SELECT e.job_id, e.task, e.state, e.reason, e.detail, e.created_at
    FROM ending AS e
    WHERE e.bulk_id = :bulk_id AND e.state <> 'DUPLICATE' AND NOT EXISTS (
        SELECT 1 FROM result AS r
        WHERE r.job_id = e.job_id AND r.tenant = e.tenant AND r.task = e.task
    )
    ORDER BY e.job_id, e.task, e.created_at
    """
)
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
        last = {(row["job_id"], row["task"]): row for row in rows}
    fields = Failure.__struct_fields__
    return [Failure(**{name: row[name] for name in fields}) for row in last.values()]


def version_of(engine: Engine, bulk_id: str, task: str) -> int | None:
    """A version that has answered some of it; None before the first answer."""
    with reading(engine) as connection:
        found: Any = connection.execute(VERSION, {"bulk_id": bulk_id, "task": task}).scalar()
        return None if found is None else int(found)
