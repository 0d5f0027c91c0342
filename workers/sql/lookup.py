"""Reading results back: what `textmill results` shows. Pure SQL, bound parameters.

Lists are newest first. They are paged by key, not by number: the place after a row stays the place
after that row, however many rows arrive meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, Row, func, select

from schemas.prediction import Prediction
from schemas.record import Terminal
from schemas.tables import ending, model_version, result
from schemas.task import Task
from workers.sql.by_name import by_bitmap, named_rows
from workers.sql.place import Place
from workers.sql.transaction import reading
from workers.sql.wanted import ANSWERS, BY_VERSION, Wanted, conditions, page

__all__ = [
    "FoundAnswer",
    "FoundEnding",
    "Wanted",
    "count_answers",
    "find_job",
    "list_answers",
    "prediction_of",
]


class FoundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer and what made it."""

    tenant: str
    job_id: str
    task: Task
    run: int
    lang: str
    model: str
    version: int
    build: str | None
    """Form of the version's network; None: not known."""
    prediction: Prediction
    created_at: datetime
    latency_ms: int
    """From the record's entry into the log to its row."""
    bulk_id: str | None
    metadata: dict[str, Any]

    @property
    def place(self) -> Place:
        """Where a list goes on after this row."""
        return Place(self.created_at, self.tenant, self.job_id, self.run)


class FoundEnding(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a job that ended without a result of its own."""

    tenant: str | None
    job_id: str | None
    task: Task | None
    state: Terminal
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    created_at: datetime


def find_job(
    engine: Engine, job_id: str, tenant: str | None = None
) -> tuple[Sequence[FoundAnswer], Sequence[FoundEnding]]:
    """All answers to a job, by tenant, task and run, and its records that ended without one.

    `tenant` None: of every tenant.
    """
    answers = ANSWERS.where(result.c.job_id == job_id)
    endings = select(ending).where(ending.c.job_id == job_id)
    if tenant is not None:
        answers = answers.where(result.c.tenant == tenant)
        endings = endings.where(ending.c.tenant == tenant)
    answers = answers.order_by(result.c.tenant, result.c.task, result.c.run)
    endings = endings.order_by(ending.c.created_at, ending.c.topic, ending.c.record_offset)
    with reading(engine) as connection:
        return (
            [_answer(row) for row in connection.execute(answers)],
            [_ending(row) for row in connection.execute(endings)],
        )


def list_answers(
    engine: Engine, wanted: Wanted, limit: int, after: Place | None = None
) -> Sequence[FoundAnswer]:
    """At most `limit` answers, newest first, beginning after the place `after`."""
    with reading(engine) as connection:
        dialect = connection.dialect.name
        if wanted.by_name and wanted.task is not None and dialect == "postgresql":
            rows = named_rows(connection, wanted, limit, after)
        else:
            rows = connection.execute(page(wanted, limit, after, dialect)).all()
        return [_answer(row) for row in rows]


def count_answers(engine: Engine, wanted: Wanted) -> int:
    """How many answers there are."""
    number = select(func.count()).select_from(result.join(model_version, BY_VERSION))
    with reading(engine) as connection:
        dialect = connection.dialect.name
        if wanted.part is not None and dialect == "postgresql":
            by_bitmap(connection)
        return int(connection.execute(number.where(*conditions(wanted, dialect))).scalar_one())


def prediction_of(row: Row[Any]) -> Prediction:
    """The prediction in a row of `result`."""
    said = {"label": row.label, "score": row.score, "summary": row.summary, **row.output}
    return msgspec.convert(said, Prediction)


def _answer(row: Row[Any]) -> FoundAnswer:
    return FoundAnswer(
        tenant=row.tenant,
        job_id=row.job_id,
        task=Task(row.task),
        run=row.run,
        lang=row.lang,
        model=row.model,
        version=row.version,
        build=row.build,
        prediction=prediction_of(row),
        created_at=row.created_at,
        latency_ms=row.latency_ms,
        bulk_id=row.bulk_id,
        metadata=row.metadata,
    )


def _ending(row: Row[Any]) -> FoundEnding:
    return FoundEnding(
        tenant=row.tenant,
        job_id=row.job_id,
        task=None if row.task is None else Task(row.task),
        state=Terminal(row.state),
        reason=row.reason,
        detail=row.detail,
        topic=row.topic,
        partition=row.partition,
        offset=row.record_offset,
        created_at=row.created_at,
    )
