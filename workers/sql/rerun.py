"""Re-runs in SQL: which answers are asked for again, how far that is, and which ones stand.

What stands has run 0, what a re-run answered has the run's number. Applying it changes the two
numbers for each other, and with them what belongs to the job and not to the answer: its bulk job
and the digest of what was asked. So each record keeps its row, a copy of either job that comes late
finds its key taken, and what stood before can still be read.

All reading goes along the records' coordinates, a window of them at a time, so that no statement
lasts long, however many rows there are and however few of them are wanted.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    bindparam,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)

from producers.bulk.chunk import Chunk
from producers.bulk.submission import State
from schemas.errors import UsageError
from schemas.tables import rerun, result
from schemas.task import Task
from workers.sql.bulks import keep_chunk
from workers.sql.transaction import reading, written

WINDOW: Final = 2000
"""Rows of `result` that one statement looks at."""

Place = tuple[str, int, int]
"""A record's coordinates; a window begins after one."""
START: Final[Place] = ("", -1, -1)

_PLACE = (result.c.topic_id, result.c.partition, result.c.record_offset)
_ANSWERS: Final = (
    *_PLACE,
    *(result.c[name] for name in ("topic", "tenant", "job_id", "lang", "label", "score")),
    *(result.c[name] for name in ("summary", "created_at", "arm", "bulk_id", "metadata", "output")),
)
_CHANGES: Final = text(
    """
    SELECT tenant, job_id, lang, label, score, summary, CAST(spans AS text) AS spans,
           new_label, new_score, new_summary, CAST(new_spans AS text) AS new_spans, applied
    FROM rerun_change WHERE bulk_id = :bulk_id
    """
)


class Rerun(msgspec.Struct, frozen=True, kw_only=True):
    """A re-run as it stands."""

    run: int
    bulk_id: str
    name: str
    from_version_id: int
    to_version_id: int
    pieces: int
    place: Place


class SqlReruns:
    """Re-runs, each of them a bulk job too."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def enter(self, bulk_id: str, name: str, from_id: int, to_id: int) -> Rerun:
        """Give a bulk job its run, or find the one that it has."""

        def work(connection: Connection) -> Rerun:
            known = _found(connection, bulk_id)
            return known or _enter(connection, bulk_id, name, from_id, to_id)

        return written(self._engine, work)

    def find(self, bulk_id: str) -> Rerun:
        """The re-run that is this bulk job.

        Raises:
            UsageError: the job has files, and is none.
        """
        with reading(self._engine) as connection:
            if (known := _found(connection, bulk_id)) is None:
                raise UsageError("That bulk job is no re-run: `textmill bulk status` shows it.")
            return known

    def answers(
        self, of: Rerun, task: Task, until: datetime, after: Place
    ) -> Iterator[tuple[Place | None, Sequence[Row[Any]]]]:
        """What the old version answered before `until` and still stands, window by window, each
        with the place after which the next one begins; None: it was the last."""
        place: Place | None = after
        while place is not None:
            with reading(self._engine) as connection:
                end = _end(connection, place)
                asked = select(*_ANSWERS).where(
                    *_between(place, end),
                    result.c.model_version_id == of.from_version_id,
                    result.c.task == task.value,
                    result.c.run == 0,
                    result.c.created_at < until,
                )
                rows = connection.execute(asked.order_by(*_PLACE)).all()
            yield end, rows
            place = end

    def these(self, of: Rerun, task: Task, job_ids: Sequence[str]) -> Sequence[Row[Any]]:
        """What stands of the old version's answers to these jobs, in the order of the records."""
        found: list[Row[Any]] = []
        for first in range(0, len(job_ids), WINDOW):
            asked = select(*_ANSWERS).where(
                result.c.job_id.in_(job_ids[first : first + WINDOW]),
                result.c.model_version_id == of.from_version_id,
                result.c.task == task.value,
                result.c.run == 0,
            )
            with reading(self._engine) as connection:
                found += connection.execute(asked).all()
        return sorted(found, key=lambda row: (row.topic_id, row.partition, row.record_offset))

    def keep(self, of: Rerun, chunk: Chunk, place: Place | None) -> State:
        """Note a piece whose jobs the log has, and where the next one begins; the job's state."""

        def work(connection: Connection) -> State:
            mine = and_(rerun.c.bulk_id == of.bulk_id, rerun.c.pieces == chunk.number)
            values = {"pieces": chunk.number + 1, "place": list(place or of.place)}
            connection.execute(update(rerun).where(mine).values(values))
            return keep_chunk(connection, of.bulk_id, chunk, {})

        return written(self._engine, work)

    def changes(self, bulk_id: str) -> Iterator[Row[Any]]:
        """Old and new answer of each text that has both, as a stream."""
        with reading(self._engine) as connection:
            streamed = connection.execution_options(yield_per=WINDOW)
            yield from streamed.execute(_CHANGES, {"bulk_id": bulk_id})

    def apply(self, of: Rerun, task: Task, until: datetime) -> int:
        """Let the new answers stand, a window in a transaction; how many began to.

        Safe to repeat: what stands already is not touched, nor is an answer whose text the old
        version does not stand for any more.
        """
        number = 0
        for _, rows in self.answers(of, task, until, START):
            if keys := [(row.job_id, row.tenant) for row in rows]:
                number += written(self._engine, lambda c, k=keys: _apply(c, of, task, k))  # type: ignore[misc]
        return number


def _found(connection: Connection, bulk_id: str) -> Rerun | None:
    row = connection.execute(select(rerun).where(rerun.c.bulk_id == bulk_id)).first()
    return None if row is None else msgspec.convert(row._mapping, Rerun)


def _enter(connection: Connection, bulk_id: str, name: str, from_id: int, to_id: int) -> Rerun:
    newest = connection.execute(select(func.coalesce(func.max(rerun.c.run), 0))).scalar_one()
    made = Rerun(
        run=newest + 1,
        bulk_id=bulk_id,
        name=name,
        from_version_id=from_id,
        to_version_id=to_id,
        pieces=0,
        place=START,
    )
    connection.execute(insert(rerun).values(msgspec.to_builtins(made)))
    return made


def _end(connection: Connection, after: Place) -> Place | None:
    """The last place of the window after `after`; None: the window takes all that follow."""
    last = select(*_PLACE).where(tuple_(*_PLACE) > after).order_by(*_PLACE)
    row = connection.execute(last.offset(WINDOW - 1).limit(1)).first()
    return None if row is None else (row[0], row[1], row[2])


def _between(after: Place, end: Place | None) -> list[ColumnElement[bool]]:
    above = [tuple_(*_PLACE) > after]
    return above if end is None else [*above, tuple_(*_PLACE) <= end]


def _apply(connection: Connection, of: Rerun, task: Task, keys: Sequence[tuple[str, str]]) -> int:
    """Change the two answers of each job for each other."""
    pairs = connection.execute(_pairs(of, task, keys)).all()
    if not pairs:
        return 0
    given = [dict(row._mapping) for row in pairs]
    connection.execute(_row("old", run=-of.run), given)  # keys are unique at each step
    new: dict[str, Any] = {
        "run": 0,
        "bulk_id": bindparam("old_bulk"),
        "payload_digest": bindparam("old_digest"),
    }
    connection.execute(_row("new", **new), given)
    old: dict[str, Any] = {
        "bulk_id": bindparam("new_bulk"),
        "payload_digest": bindparam("new_digest"),
    }
    connection.execute(_row("old", run=of.run, **old), given)
    return len(pairs)


def _pairs(of: Rerun, task: Task, keys: Sequence[tuple[str, str]]) -> Any:
    """The rows of both answers of these jobs, locked."""
    old, new = result.alias("old"), result.alias("new")
    own = {"topic": "topic_id", "partition": "partition", "offset": "record_offset"}
    own |= {"bulk": "bulk_id", "digest": "payload_digest"}
    columns = [
        row.c[column].label(f"{row.name}_{name}")
        for row in (old, new)
        for name, column in own.items()
    ]
    same = and_(*(old.c[name] == new.c[name] for name in ("job_id", "tenant", "task")))
    return (
        select(*columns)
        .select_from(old.join(new, same))
        .where(
            tuple_(old.c.job_id, old.c.tenant).in_(keys),
            old.c.task == task.value,
            old.c.run == 0,
            old.c.model_version_id == of.from_version_id,
            new.c.run == of.run,
            new.c.model_version_id == of.to_version_id,
            new.c.bulk_id == of.bulk_id,
        )
        .order_by(old.c.tenant, old.c.job_id)
        .with_for_update()
    )


def _row(which: str, **values: Any) -> Any:
    """A change of the old or the new row, by its record."""
    names = ("topic", "partition", "offset")
    mine = (c == bindparam(f"{which}_{n}") for c, n in zip(_PLACE, names, strict=True))
    return update(result).where(*mine).values(values)
