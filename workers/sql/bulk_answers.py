"""The answers to a bulk job as columns: for its export, and for its speed.

Ids rise with the rows, so a piece of the job is one stretch of the table's key. Rows come as the
driver's own tuples and are turned into columns at once.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import BindParameter, Engine, TextClause, bindparam, text

from schemas.columns import UtcDateTime
from workers.sql.transaction import reading

_ASKED: Final = """
    SELECT {columns} FROM result
    WHERE {condition} AND bulk_id || '' = :bulk_id AND run = 0 AND task || '' = :task
    ORDER BY job_id
"""
"""Written so that the key is the only index that fits: that of bulk jobs leads to the whole job."""
_ASKED_OF: Final = """
    SELECT {columns} FROM result
    WHERE job_id IN :ids AND tenant = :tenant AND run = 0 AND task || '' = :task
"""
_LATELY: Final = text(
    """
    SELECT created_at, count(*) FROM result
    WHERE task = :task AND created_at >= :since AND bulk_id = :bulk_id
    GROUP BY created_at
    """
).bindparams(bindparam("since", type_=UtcDateTime))
_READ: Final = {"output": "CAST(output AS text)"}


class Stretch(NamedTuple):
    """Documents of a bulk job that follow one another, and single ones from before them."""

    bulk_id: str
    first: str
    """Job ids."""
    last: str
    others: Sequence[str]


def answers(
    engine: Engine, task: str, wanted: Stretch, columns: Sequence[str]
) -> list[Sequence[Any]]:
    """The ids of the documents that have an answer, then each of these columns of it.

    Those of the stretch come first, in order.
    """
    asked = ["job_id", *(_READ.get(name, name) for name in columns)]
    given = {"bulk_id": wanted.bulk_id, "task": task}
    stretch = {**given, "first": wanted.first, "last": wanted.last}
    with reading(engine) as connection:
        found: list[Any] = [*connection.execute(_stretch(asked), stretch).cursor.fetchall()]
        if wanted.others:
            singly = {**given, "ids": list(wanted.others)}
            found += connection.execute(_singly(asked), singly).cursor.fetchall()
    return list(zip(*found, strict=True)) or [() for _ in asked]


def answers_to(
    engine: Engine, task: str, tenant: str, job_ids: Sequence[str], columns: Sequence[str]
) -> list[Sequence[Any]]:
    """The same of single jobs, whichever bulk job they are of."""
    asked = ["job_id", *(_READ.get(name, name) for name in columns)]
    ids: BindParameter[Any] = bindparam("ids", expanding=True)
    single = text(_ASKED_OF.format(columns=", ".join(asked))).bindparams(ids)
    given = {"task": task, "tenant": tenant, "ids": list(job_ids)}
    with reading(engine) as connection:
        found = connection.execute(single, given).cursor.fetchall()
    return list(zip(*found, strict=True)) or [() for _ in asked]


def lately(
    engine: Engine, bulk_id: str, tasks: Iterable[str], since: datetime
) -> list[tuple[datetime, int]]:
    """When answers came since then, and how many; those of a batch at one moment, in order."""
    found: list[tuple[datetime, int]] = []
    with reading(engine) as connection:
        for task in tasks:
            given = {"since": since, "bulk_id": bulk_id, "task": task}
            for at, number in connection.execute(_LATELY, given):
                moment = datetime.fromisoformat(at) if isinstance(at, str) else at
                found.append((moment.astimezone(UTC), number))
    return sorted(found)


def _stretch(columns: Sequence[str]) -> TextClause:
    return text(_asked(columns, "job_id >= :first AND job_id <= :last"))


def _singly(columns: Sequence[str]) -> TextClause:
    ids: BindParameter[Any] = bindparam("ids", expanding=True)
    return text(_asked(columns, "job_id IN :ids")).bindparams(ids)


def _asked(columns: Sequence[str], condition: str) -> str:
    return _ASKED.format(columns=", ".join(columns), condition=condition)
