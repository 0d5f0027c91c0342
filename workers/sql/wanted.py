"""Which answers somebody wants, as conditions on `result`."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, TextClause, exists, func, select, tuple_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from schemas.tables import model_version, result
from schemas.task import Task
from workers.sql.parts import has_part
from workers.sql.place import Place

BY_VERSION = result.c.model_version_id == model_version.c.id
ANSWERS = select(
    result, model_version.c.model.label("model"), model_version.c.version.label("version")
).join(model_version, BY_VERSION)
PLACE = "created_at", "tenant", "job_id", "run"
Columns = ReadOnlyColumnCollection[str, Any]
"""Of `result`, or of a query of its rows."""


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
    part: str | None = None
    """Some characters of the text of one of its spans, in upper or lower case; never empty."""

    @property
    def by_name(self) -> bool:
        """Whether a span's text is asked for."""
        return self.entity is not None or self.part is not None


def page(wanted: Wanted, limit: int, after: Place | None, dialect: str) -> Select[Any]:
    """At most `limit` answers, newest first, beginning after the place `after`."""
    return ordered(ANSWERS.where(*conditions(wanted, dialect)), limit, after)


def ordered(
    answers: Select[Any], limit: int, after: Place | None, columns: Columns = result.c
) -> Select[Any]:
    """The same of answers that were chosen already, by these columns."""
    place = [columns[name] for name in PLACE]
    if after is not None:
        there = after.created_at, after.tenant, after.job_id, after.run
        answers = answers.where(columns.created_at <= after.created_at, tuple_(*place) < there)
    return answers.order_by(*(column.desc() for column in place)).limit(limit)


def conditions(wanted: Wanted, dialect: str) -> list[ColumnElement[bool] | TextClause]:
    """What a row must be; with the model version joined."""
    found: list[ColumnElement[bool] | TextClause] = [*plain_conditions(wanted)]
    if wanted.entity is not None:
        found.append(is_named(wanted.entity, dialect))
    if wanted.part is not None:
        found.append(has_part(wanted.part, wanted.tenant, dialect))
    return found


def plain_conditions(wanted: Wanted, columns: Columns = result.c) -> list[ColumnElement[bool]]:
    """The conditions but for those on names, on these columns and those of the model version."""
    equal = {
        columns.task: None if wanted.task is None else wanted.task.value,
        columns.tenant: wanted.tenant,
        columns.label: wanted.label,
        columns.lang: wanted.lang,
        columns.bulk_id: wanted.bulk_id,
        model_version.c.model: wanted.model,
        model_version.c.version: wanted.version,
    }
    found = [columns.run == 0]  # what stands
    found += [column == value for column, value in equal.items() if value is not None]
    bounds = [
        (columns.created_at.__ge__, wanted.since),
        (columns.created_at.__lt__, wanted.until),
        (columns.score.__ge__, wanted.least_score),
        (columns.score.__le__, wanted.most_score),
    ]
    return found + [holds(value) for holds, value in bounds if value is not None]


def is_named(entity: str, dialect: str) -> ColumnElement[bool]:
    """Whether a span has this text; PostgreSQL has an index for it, SQLite reads them all."""
    if dialect == "postgresql":
        return result.c.names.contains([entity])
    name = func.json_each(result.c.names).table_valued("value", name="name")
    return exists(select(1).select_from(name).where(name.c.value == entity))
