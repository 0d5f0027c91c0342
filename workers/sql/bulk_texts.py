"""Texts across bulk jobs: which earlier job has the answer to a row, decided once and kept.

    a piece's new texts ─► bulk_text, result, routes ─► bulk_earlier: rows that are not published
                                                    └─► bulk_text: rows that are

A piece is decided before it is published, in one transaction. A submitter that was killed finds
what it decided and publishes the same; so does a second one of the same job, for the job's row is
locked meanwhile. Jobs that do not ask for it have no row in either table.

A row in `bulk_earlier` holds its answer in `result`: old answers stay while a row has them
(`workers.sql.maintenance`), and an erased one is taken from the rows that had it
(`workers.sql.erasure`). Both lock out whoever decides meanwhile; see `no_decisions`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from producers.bulk.chunk import Asked, job_id_of
from producers.bulk.request import Request
from schemas.tables import bulk, bulk_chunk, bulk_earlier, bulk_text
from workers.sql.bulk_known import served_by_earlier
from workers.sql.transaction import reading, written

LOCK: Final = 0x7465_7874_7375_7365  # "textsuse"
MOST_DIGITS: Final = 18
"""Of a row's number: more are no number to a database."""
_known, _earlier = bulk_text.c, bulk_earlier.c
_TEXTS: Final = text(
    """
    INSERT INTO bulk_text (bulk_id, "row", text)
    SELECT :bulk_id, n."row", substr(:texts, CAST(n.place AS integer) * 16 - 15, 16)
    FROM unnest(CAST(:rows AS bigint[])) WITH ORDINALITY AS n ("row", place)
    """
)
_JOBS: Final = text(
    """
    INSERT INTO bulk_earlier (bulk_id, "row", job_id)
    SELECT :bulk_id, n."row", n.job_id
    FROM unnest(CAST(:rows AS bigint[]), CAST(:job_ids AS text[])) AS n ("row", job_id)
    """
)
"""Arrays as PostgreSQL writes them: the driver's own way takes each element by itself. No row is
there already, for whoever writes has looked under the job's lock."""


class SqlBulkTexts:
    """What later jobs know of a job's texts, and what it has of earlier ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def look(self, request: Request, asked: Sequence[Asked]) -> Mapping[int, str]:
        """The rows that an earlier job has the answer to at this moment, and the job's id."""
        with reading(self._engine) as connection:
            return served_by_earlier(connection, request, asked)

    def decide(self, bulk_id: str, request: Request, asked: Sequence[Asked]) -> Mapping[int, str]:
        """The same for rows that follow one another and are about to be published: decided once,
        and from then on known to other jobs."""
        return written(self._engine, lambda c: _decide(c, bulk_id, request, asked))

    def decided(self, bulk_id: str, first: int, last: int) -> dict[int, str]:
        """Of these rows, first and last included, those that have an earlier job's answer, and that
        job's id; empty where the answer was erased since."""
        with reading(self._engine) as connection:
            return _decided(connection, _between(bulk_earlier, bulk_id, first, last))

    def decided_of(self, bulk_id: str, rows: Collection[int]) -> dict[int, str]:
        """The same of single rows."""
        if not rows:
            return {}
        with reading(self._engine) as connection:
            return _decided(connection, and_(_earlier.bulk_id == bulk_id, _earlier.row.in_(rows)))

    def erased(self, bulk_id: str) -> list[int]:
        """The rows whose earlier answer was erased since, in order."""
        asked = select(_earlier.row).where(_erased(bulk_id)).order_by(_earlier.row)
        with reading(self._engine) as connection:
            return list(connection.execute(asked).scalars())

    def count_erased(self, bulk_id: str) -> int:
        """How many they are."""
        with reading(self._engine) as connection:
            asked = select(func.count()).select_from(bulk_earlier).where(_erased(bulk_id))
            return int(connection.execute(asked).scalar_one())

    def ask(self, bulk_id: str, number: int, digests: Mapping[int, bytes], tokens: int) -> None:
        """Note that rows of a piece are documents of the job's own now; safe to repeat.

        Args:
            bulk_id: the job.
            number: of the piece.
            digests: of the rows' texts, by row.
            tokens: of those.
        """
        written(self._engine, lambda c: _ask(c, bulk_id, number, digests, tokens))


def no_decisions(connection: Connection) -> None:
    """Let nobody give rows an earlier answer until this transaction ends; those who do now are
    waited for. What is read after it is what they have written."""
    _lock(connection, "pg_advisory_xact_lock")


def forget(connection: Connection, tenant: str, job_id: str) -> None:
    """Let no row have the answer of this job, and no later job know its text; `no_decisions`."""
    theirs = _earlier.bulk_id.in_(select(bulk.c.bulk_id).where(bulk.c.tenant == tenant))
    whose = _earlier.job_id == job_id
    if (place := _place(connection, tenant, job_id)) is not None:
        bulk_id, row = place
        connection.execute(delete(bulk_text).where(_known.bulk_id == bulk_id, _known.row == row))
        whose = or_(whose, and_(_earlier.bulk_id == bulk_id, _earlier.row == row))
    connection.execute(update(bulk_earlier).where(whose, theirs).values(job_id=None))


def _place(connection: Connection, tenant: str, job_id: str) -> tuple[str, int] | None:
    """Bulk job and row, where the job is a row of one of the tenant's."""
    bulk_id, _, row = job_id.rpartition("-")
    if not (row.isascii() and row.isdecimal() and len(row) <= MOST_DIGITS):
        return None
    mine = select(bulk.c.bulk_id).where(bulk.c.bulk_id == bulk_id, bulk.c.tenant == tenant)
    found = job_id == job_id_of(bulk_id, int(row)) and connection.execute(mine).first()
    return (bulk_id, int(row)) if found else None


def _decide(
    connection: Connection, bulk_id: str, request: Request, asked: Sequence[Asked]
) -> Mapping[int, str]:
    _lock(connection, "pg_advisory_xact_lock_shared")
    mine = select(bulk.c.bulk_id).where(bulk.c.bulk_id == bulk_id)
    connection.execute(mine.with_for_update(key_share=True))
    ends = asked[0].row, asked[-1].row
    before = _decided(connection, _between(bulk_earlier, bulk_id, *ends))
    is_noted = select(_known.row).where(_between(bulk_text, bulk_id, *ends)).limit(1)
    if before or connection.execute(is_noted).first():
        return before
    found = served_by_earlier(connection, request, asked)
    _note_texts(connection, bulk_id, {one.row: one.digest for one in asked if one.row not in found})
    _note_jobs(connection, bulk_id, found)
    return found


def _lock(connection: Connection, function: str) -> None:
    """SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT {function}(%(key)s)", {"key": LOCK})


def _between(table: Table, bulk_id: str, first: int, last: int) -> ColumnElement[bool]:
    return and_(table.c.bulk_id == bulk_id, table.c.row.between(first, last))


def _erased(bulk_id: str) -> ColumnElement[bool]:
    """Written so that the index of jobs fits, not the key: few rows lack theirs."""
    return and_(_earlier.job_id.is_(None), _earlier.bulk_id.concat("") == bulk_id)


def _decided(connection: Connection, which: ColumnElement[bool]) -> dict[int, str]:
    asked = select(_earlier.row, func.coalesce(_earlier.job_id, "")).where(which)
    return {row: job_id for row, job_id in connection.execute(asked)}


def _note_texts(connection: Connection, bulk_id: str, digests: Mapping[int, bytes]) -> None:
    if not digests:
        return
    if connection.dialect.name == "postgresql":
        given = {"rows": _array(digests), "texts": b"".join(digests.values())}
        connection.execute(_TEXTS, {"bulk_id": bulk_id, **given})
    else:
        values = [{"bulk_id": bulk_id, "row": row, "text": one} for row, one in digests.items()]
        connection.execute(insert(bulk_text), values)


def _note_jobs(connection: Connection, bulk_id: str, job_ids: Mapping[int, str]) -> None:
    if not job_ids:
        return
    if connection.dialect.name == "postgresql":
        given = {"rows": _array(job_ids), "job_ids": _array(job_ids.values())}
        connection.execute(_JOBS, {"bulk_id": bulk_id, **given})
    else:
        values = [{"bulk_id": bulk_id, "row": row, "job_id": one} for row, one in job_ids.items()]
        connection.execute(insert(bulk_earlier), values)


def _array(values: Iterable[object]) -> str:
    """Of numbers, or of ids of a bulk job's rows, in which nothing needs quoting."""
    return f"{{{','.join(map(str, values))}}}"


def _ask(
    connection: Connection, bulk_id: str, number: int, digests: Mapping[int, bytes], tokens: int
) -> None:
    """A piece that is not noted yet is left to its submitter."""
    c = bulk_chunk.c
    piece = and_(c.bulk_id == bulk_id, c.number == number)
    if connection.execute(select(c.number).where(piece).with_for_update()).first() is None:
        return
    mine = and_(_erased(bulk_id), _earlier.row.in_(digests))
    changed = connection.execute(delete(bulk_earlier).where(mine)).rowcount
    if not changed:
        return
    _note_texts(connection, bulk_id, digests)
    counts = {
        "documents": c.documents + changed,
        "reused_earlier": c.reused_earlier - changed,
        "tokens": c.tokens + tokens,
    }
    connection.execute(update(bulk_chunk).where(piece).values(counts))
