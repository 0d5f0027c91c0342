"""The answers to a bulk job as columns: for its export, and for its speed.

Ids rise with the rows, so a piece of the job is one stretch of the table's key. PostgreSQL gathers
each column to one document of JSON: 0.2 µs of our CPU a row, against 0.8 where rows come as tuples
and are turned into columns. SQLite's JSON rounds numbers, so there tuples come.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, bindparam, text

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
    WHERE {condition} AND tenant = :tenant AND run = 0 AND task || '' = :task
"""
_LATELY: Final = text(
    """
    SELECT created_at, count(*) FROM result
    WHERE task = :task AND created_at >= :since AND bulk_id = :bulk_id
    GROUP BY created_at
    """
).bindparams(bindparam("since", type_=UtcDateTime))
_STRETCH: Final = "job_id >= :first AND job_id <= :last"
_SINGLY: Final = "job_id IN :ids"


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
    given = {"bulk_id": wanted.bulk_id, "task": task}
    stretch = {**given, "first": wanted.first, "last": wanted.last}
    with reading(engine) as connection:
        found = _columns(connection, _ASKED, _STRETCH, columns, stretch)
        if wanted.others:
            singly = {**given, "ids": list(wanted.others)}
            others = _columns(connection, _ASKED, _SINGLY, columns, singly)
            found = [[*one, *other] for one, other in zip(found, others, strict=True)]
    return found


def answers_to(
    engine: Engine, task: str, tenant: str, job_ids: Sequence[str], columns: Sequence[str]
) -> list[Sequence[Any]]:
    """The same of single jobs, whichever bulk job they are of."""
    given = {"task": task, "tenant": tenant, "ids": list(job_ids)}
    with reading(engine) as connection:
        return _columns(connection, _ASKED_OF, _SINGLY, columns, given)


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


def _columns(
    connection: Connection,
    asked: str,
    condition: str,
    columns: Sequence[str],
    given: Mapping[str, Any],
) -> list[Sequence[Any]]:
    """The ids of the answers that are found, then each of these columns of them."""
    names = ["job_id", *columns]
    gathered = connection.dialect.name == "postgresql"
    read = [f"{name} AS c{number}" for number, name in enumerate(names)]
    sql = asked.format(columns=", ".join(read), condition=condition)
    if gathered:
        parts = (f"CAST(json_agg(c{number}) AS text)" for number in range(len(names)))
        sql = f"SELECT {', '.join(parts)} FROM ({sql}) AS found"  # noqa: S608
    statement = text(sql)
    if "ids" in given:
        statement = statement.bindparams(bindparam("ids", expanding=True))
    rows = connection.execute(statement, given).cursor.fetchall()
    if not gathered:
        return list(zip(*rows, strict=True)) or [() for _ in names]
    return [_values(name, document) for name, document in zip(names, rows[0], strict=True)]


def _values(name: str, document: str | None) -> list[Any]:
    """What a column holds; its own documents as they are."""
    if document is None:
        return []
    kind = list[msgspec.Raw] if name == "output" else list[Any]
    return msgspec.json.decode(document, type=kind)
