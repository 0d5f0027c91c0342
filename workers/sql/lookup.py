"""Reading results back: what `textmill results` shows. Pure SQL, bound parameters.

Lists are newest first. They are paged by key, not by number: the place after a row stays the place
after that row, however many rows arrive meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    exists,
    func,
    select,
    text,
    tuple_,
)

from schemas.prediction import Prediction
from schemas.record import Terminal
from schemas.tables import ending, model_version, result
from schemas.task import Task
from workers.sql.place import Place
from workers.sql.transaction import reading


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


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which answers to list; None does not restrict."""

    task: Task | None = None
    """A list is of one task; a number may be of all."""
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""
    tenant: str | None = None
    label: str | None = None
    lang: str | None = None
    model: str | None = None
    version: int | None = None
    bulk_id: str | None = None
    least_score: float | None = None
    most_score: float | None = None
    entity: str | None = None
    """The text of one of its spans, exactly."""


def find_job(
    engine: Engine, job_id: str, tenant: str | None = None
) -> tuple[Sequence[FoundAnswer], Sequence[FoundEnding]]:
    """All answers to a job, by tenant, task and run, and its records that ended without one.

    `tenant` None: of every tenant.
    """
    answers = _ANSWERS.where(result.c.job_id == job_id)
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
        if wanted.entity is not None and wanted.task is not None and dialect == "postgresql":
            rows = _named_rows(connection, wanted, limit, after)
        else:
            rows = connection.execute(_page(wanted, limit, after, dialect)).all()
        return [_answer(row) for row in rows]


def count_answers(engine: Engine, wanted: Wanted) -> int:
    """How many answers there are."""
    number = select(func.count()).select_from(result.join(model_version))
    with reading(engine) as connection:
        found = connection.execute(number.where(*_conditions(wanted, connection.dialect.name)))
        return int(found.scalar_one())


_ANSWERS = select(
    result, model_version.c.model.label("model"), model_version.c.version.label("version")
).join(model_version)
_PLACE = result.c.created_at, result.c.tenant, result.c.job_id, result.c.run


RECENT: Final = 5000
"""So many of the newest rows are looked through for a name before its index is asked."""
_BY_INDEX: Final = text(
    "result.ctid = ANY (ARRAY(SELECT named.ctid FROM result AS named "
    "WHERE named.names @> ARRAY[CAST(:entity AS text)]))"
)


def _named_rows(
    connection: Connection, wanted: Wanted, limit: int, after: Place | None
) -> Sequence[Row[Any]]:
    """A page of answers with a name, on PostgreSQL.

    Its planner cannot know how rare a name is that its samples have not seen, and reads all answers
    by time, or all that have the name. So a frequent one is looked for among the newest rows; for
    one that does not fill a page there, the index of names gives all its rows.
    """
    newest = select(result.c.created_at).where(result.c.task == wanted.task)
    newest = newest.order_by(result.c.created_at.desc())
    if after is not None:
        newest = newest.where(result.c.created_at <= after.created_at)
    bound = connection.execute(newest.offset(RECENT).limit(1)).scalar()
    page = _page(wanted, limit, after, "postgresql")
    if bound is not None:
        page = page.where(result.c.created_at >= bound)
    rows = connection.execute(page).all()
    if bound is None or len(rows) == limit:
        return rows
    others = msgspec.structs.replace(wanted, entity=None)
    rest = _page(others, limit, after, "postgresql").where(
        _BY_INDEX.bindparams(entity=wanted.entity)
    )
    return connection.execute(rest).all()


def _page(wanted: Wanted, limit: int, after: Place | None, dialect: str) -> Select[Any]:
    page = _ANSWERS.where(*_conditions(wanted, dialect))
    if after is not None:
        place = after.created_at, after.tenant, after.job_id, after.run
        page = page.where(result.c.created_at <= after.created_at, tuple_(*_PLACE) < place)
    return page.order_by(*(column.desc() for column in _PLACE)).limit(limit)


def _conditions(wanted: Wanted, dialect: str) -> list[ColumnElement[bool]]:
    equal = {
        result.c.task: None if wanted.task is None else wanted.task.value,
        result.c.tenant: wanted.tenant,
        result.c.label: wanted.label,
        result.c.lang: wanted.lang,
        result.c.bulk_id: wanted.bulk_id,
        model_version.c.model: wanted.model,
        model_version.c.version: wanted.version,
    }
    conditions = [result.c.run == 0]  # what stands
    conditions += [column == value for column, value in equal.items() if value is not None]
    bounds = [
        (result.c.created_at.__ge__, wanted.since),
        (result.c.created_at.__lt__, wanted.until),
        (result.c.score.__ge__, wanted.least_score),
        (result.c.score.__le__, wanted.most_score),
    ]
    conditions += [holds(value) for holds, value in bounds if value is not None]
    if wanted.entity is not None:
        conditions.append(_is_named(wanted.entity, dialect))
    return conditions


def _is_named(entity: str, dialect: str) -> ColumnElement[bool]:
    """Whether a span has this text; PostgreSQL has an index for it, SQLite reads them all."""
    if dialect == "postgresql":
        return result.c.names.contains([entity])
    name = func.json_each(result.c.names).table_valued("value", name="name")
    return exists(select(1).select_from(name).where(name.c.value == entity))


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
