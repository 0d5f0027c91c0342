"""Texts across bulk jobs: which earlier job has the answer to a row, decided once and kept.

    a piece's new texts ─► bulk_text, result, routes ─► bulk_earlier: rows that are not published
                                                    └─► bulk_text: rows that are

A piece is decided before it is published, in one transaction. A submitter that was killed finds
what it decided and publishes the same; so does a second one of the same job, for the job's row is
locked meanwhile. Jobs that do not ask for it have no row in either table.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    exists,
    insert,
    select,
    text,
    update,
)

from producers.bulk.chunk import Asked, job_id_of
from producers.bulk.request import Request
from schemas.tables import bulk, bulk_chunk, bulk_earlier, bulk_text, result
from schemas.task import Task
from workers.core.reuse import Given, served
from workers.core.routing import Routing
from workers.sql.registry import read_all
from workers.sql.routes import read_aliases, read_routes
from workers.sql.transaction import reading, written

_known, _earlier = bulk_text.c, bulk_earlier.c
_TEXTS: Final = text(
    """
    INSERT INTO bulk_text (bulk_id, "row", text)
    SELECT :bulk_id, n."row", decode(n.text, 'hex')
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n ("row" bigint, text text)
    ON CONFLICT DO NOTHING
    """
)
_JOBS: Final = text(
    """
    INSERT INTO bulk_earlier (bulk_id, "row", job_id)
    SELECT :bulk_id, n."row", n.job_id
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS n ("row" bigint, job_id text)
    ON CONFLICT DO NOTHING
    """
)
"""One JSON document, as in `workers.sql.insert`; SQLite takes row after row as quickly."""
_GONE: Final = text(
    """
    SELECT e."row" FROM bulk_earlier AS e
    WHERE e.bulk_id = :bulk_id AND NOT EXISTS (
        SELECT 1 FROM result AS r
        WHERE r.job_id = e.job_id AND r.tenant = :tenant AND r.task = :task AND r.run = 0
    ) ORDER BY e."row"
    """
)


class SqlBulkTexts:
    """What later jobs know of a job's texts, and what it has of earlier ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def look(self, request: Request, asked: Sequence[Asked]) -> Mapping[int, str]:
        """The rows that an earlier job has the answer to at this moment, and the job's id."""
        with reading(self._engine) as connection:
            return _served(connection, request, asked)

    def decide(self, bulk_id: str, request: Request, asked: Sequence[Asked]) -> Mapping[int, str]:
        """The same for rows that follow one another and are about to be published: decided once,
        and from then on known to other jobs."""
        return written(self._engine, lambda c: _decide(c, bulk_id, request, asked))

    def decided(self, bulk_id: str, first: int, last: int) -> dict[int, str]:
        """Of these rows, first and last included, those that have an earlier job's answer."""
        with reading(self._engine) as connection:
            return _decided(connection, _between(bulk_earlier, bulk_id, first, last))

    def decided_of(self, bulk_id: str, rows: Collection[int]) -> dict[int, str]:
        """The same of single rows."""
        if not rows:
            return {}
        with reading(self._engine) as connection:
            return _decided(connection, and_(_earlier.bulk_id == bulk_id, _earlier.row.in_(rows)))

    def gone(self, bulk_id: str, request: Request) -> dict[Task, list[int]]:
        """By task, the rows whose earlier answer was erased or has left since."""
        given = {"bulk_id": bulk_id, "tenant": request.tenant}
        with reading(self._engine) as connection:
            return {
                task: list(connection.execute(_GONE, {**given, "task": task.value}).scalars())
                for task in request.tasks
            }

    def ask(self, bulk_id: str, number: int, rows: Mapping[int, bytes], tokens: int) -> None:
        """Note that rows of a piece are documents of the job's own now; safe to repeat.

        Args:
            bulk_id: the job.
            number: of the piece.
            rows: and the digests of their texts.
            tokens: of those.
        """
        written(self._engine, lambda c: _ask(c, bulk_id, number, rows, tokens))


def forget_text(connection: Connection, tenant: str, job_id: str) -> None:
    """Let no later job know what the text of this job was."""
    bulk_id, _, row = job_id.rpartition("-")
    if not (row.isascii() and row.isdecimal() and job_id == job_id_of(bulk_id, int(row))):
        return
    theirs = exists().where(bulk.c.bulk_id == bulk_id, bulk.c.tenant == tenant)
    mine = and_(_known.bulk_id == bulk_id, _known.row == int(row))
    connection.execute(delete(bulk_text).where(mine, theirs))


def _decide(
    connection: Connection, bulk_id: str, request: Request, asked: Sequence[Asked]
) -> Mapping[int, str]:
    mine = select(bulk.c.bulk_id).where(bulk.c.bulk_id == bulk_id)
    connection.execute(mine.with_for_update(key_share=True))
    ends = asked[0].row, asked[-1].row
    before = _decided(connection, _between(bulk_earlier, bulk_id, *ends))
    is_noted = select(_known.row).where(_between(bulk_text, bulk_id, *ends)).limit(1)
    if before or connection.execute(is_noted).first():
        return before
    found = _served(connection, request, asked)
    _note_texts(connection, bulk_id, {one.row: one.digest for one in asked if one.row not in found})
    _note_jobs(connection, bulk_id, found)
    return found


def _served(connection: Connection, request: Request, asked: Sequence[Asked]) -> dict[int, str]:
    same = select(_known.text, _known.bulk_id, _known.row)
    same = same.where(_known.text.in_([one.digest for one in asked]))
    candidates: dict[bytes, list[str]] = {}
    for digest, bulk_id, row in connection.execute(same.order_by(_known.bulk_id, _known.row)):
        candidates.setdefault(digest, []).append(job_id_of(bulk_id, row))
    if not candidates:
        return {}
    given = _given(connection, request, [one for each in candidates.values() for one in each])
    if not given:
        return {}
    routing = Routing(read_all(connection), read_routes(connection), read_aliases(connection))
    return served(asked, request.tasks, candidates, given, routing)


def _given(
    connection: Connection, request: Request, job_ids: Sequence[str]
) -> dict[tuple[str, Task], Given]:
    """The answers to these jobs that stand."""
    c = result.c
    asked = select(c.job_id, c.task, c.model_version_id, c.lang).where(
        c.job_id.in_(job_ids),
        c.tenant == request.tenant,
        c.task.in_([task.value for task in request.tasks]),
        c.run == 0,
    )
    return {
        (job_id, Task(task)): Given(version_id, lang)
        for job_id, task, version_id, lang in connection.execute(asked)
    }


def _between(table: Table, bulk_id: str, first: int, last: int) -> ColumnElement[bool]:
    return and_(table.c.bulk_id == bulk_id, table.c.row.between(first, last))


def _decided(connection: Connection, which: ColumnElement[bool]) -> dict[int, str]:
    rows = connection.execute(select(_earlier.row, _earlier.job_id).where(which))
    return {row: job_id for row, job_id in rows}


def _note_texts(connection: Connection, bulk_id: str, digests: Mapping[int, bytes]) -> None:
    if connection.dialect.name == "postgresql":
        rows = [{"row": row, "text": digest.hex()} for row, digest in digests.items()]
        _insert_document(connection, _TEXTS, bulk_id, rows)
    elif digests:
        values = [{"bulk_id": bulk_id, "row": row, "text": d} for row, d in digests.items()]
        connection.execute(insert(bulk_text).prefix_with("OR IGNORE"), values)


def _note_jobs(connection: Connection, bulk_id: str, job_ids: Mapping[int, str]) -> None:
    rows = [{"row": row, "job_id": job_id} for row, job_id in job_ids.items()]
    if connection.dialect.name == "postgresql":
        _insert_document(connection, _JOBS, bulk_id, rows)
    elif rows:
        values = [{"bulk_id": bulk_id, **one} for one in rows]
        connection.execute(insert(bulk_earlier).prefix_with("OR IGNORE"), values)


def _insert_document(
    connection: Connection, into: Any, bulk_id: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    if rows:
        document = msgspec.json.encode(rows).decode()
        connection.execute(into, {"bulk_id": bulk_id, "rows": document})


def _ask(
    connection: Connection, bulk_id: str, number: int, rows: Mapping[int, bytes], tokens: int
) -> None:
    mine = and_(_earlier.bulk_id == bulk_id, _earlier.row.in_(rows))
    changed = connection.execute(delete(bulk_earlier).where(mine)).rowcount
    if not changed:
        return
    _note_texts(connection, bulk_id, rows)
    c = bulk_chunk.c
    piece = update(bulk_chunk).where(c.bulk_id == bulk_id, c.number == number)
    connection.execute(
        piece.values(
            documents=c.documents + changed,
            reused_earlier=c.reused_earlier - changed,
            tokens=c.tokens + tokens,
        )
    )
