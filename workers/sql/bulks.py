"""Bulk jobs in SQL: the submitter's manifest, what somebody wants of a job, how far it is."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from producers.bulk.chunk import Chunk, Kind
from producers.bulk.request import Request, as_builtins
from producers.bulk.submission import Begun, State
from schemas.errors import UsageError
from schemas.tables import bulk, bulk_chunk, bulk_error
from workers.ports import Order
from workers.sql.transaction import reading, written

PRIORITIES: Mapping[str, int] = {"high": 1, "normal": 0, "low": -1}


class FoundBulk(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk job as it stands in the manifest."""

    bulk_id: str
    name: str
    request: Request
    columns: dict[str, Kind]
    state: State
    priority: int
    created_at: datetime
    submitted_at: datetime | None
    changed_at: datetime


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """What of a job is in the log, in sums."""

    rows: int = 0
    documents: int = 0
    bad: int = 0
    left_out: int = 0
    tokens: int = 0
    reused_earlier: int = 0
    """Rows that have the answer of an earlier job."""

    @property
    def reused(self) -> int:
        """Rows that have the answer of one before them: what is nothing else."""
        counted = self.documents + self.bad + self.left_out + self.reused_earlier
        return self.rows - counted


class SqlBulks:
    """The manifest, and the wishes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, name: str, request: Request) -> Begun:
        """See `producers.bulk.submission.Manifest`."""
        return written(self._engine, lambda connection: _begin(connection, name, request))

    def keep(self, bulk_id: str, chunk: Chunk, columns: Mapping[str, Kind]) -> State:
        """See `producers.bulk.submission.Manifest`."""
        return written(self._engine, lambda c: keep_chunk(c, bulk_id, chunk, columns))

    def finish(self, bulk_id: str) -> None:
        """See `producers.bulk.submission.Manifest`."""
        done = update(bulk).where(bulk.c.bulk_id == bulk_id, bulk.c.submitted_at.is_(None))
        written(self._engine, lambda c: c.execute(done.values(submitted_at=datetime.now(UTC))))

    def state(self, bulk_id: str) -> State:
        """See `producers.bulk.submission.Manifest`."""
        with reading(self._engine) as connection:
            found = connection.execute(select(bulk.c.state).where(bulk.c.bulk_id == bulk_id))
            state: State = found.scalar_one()
            return state

    def find(self, name: str) -> FoundBulk:
        """The job of this name or id.

        Raises:
            UsageError: there is none.
        """
        named = select(bulk).where((bulk.c.name == name) | (bulk.c.bulk_id == name))
        with reading(self._engine) as connection:
            row = connection.execute(named.order_by(bulk.c.bulk_id != name)).first()
        if row is None:
            raise UsageError(f"There is no bulk job {name!r}: `textmill bulk list` shows them.")
        return _found(row)

    def every(self, limit: int | None = None) -> Sequence[FoundBulk]:
        """The jobs, newest first, at most `limit`."""
        newest = select(bulk).order_by(bulk.c.created_at.desc(), bulk.c.bulk_id).limit(limit)
        with reading(self._engine) as connection:
            return [_found(row) for row in connection.execute(newest)]

    def wish(
        self, bulk_id: str, *, state: State | None = None, priority: int | None = None
    ) -> None:
        """Let the job be so from now on.

        Raises:
            UsageError: it is cancelled, which is for ever.
        """
        values: dict[str, Any] = {"changed_at": datetime.now(UTC)}
        values |= {} if state is None else {"state": state}
        values |= {} if priority is None else {"priority": priority}
        mine = update(bulk).where(bulk.c.bulk_id == bulk_id, bulk.c.state != "cancelled")
        changed = written(self._engine, lambda c: c.execute(mine.values(values)).rowcount)
        if not changed and state != "cancelled":
            raise UsageError("The job is cancelled; submit it again under another name.")

    def orders(self) -> Mapping[str, Order]:
        """What is wanted of jobs that are not simply to be done, by id."""
        wanted = select(bulk.c.bulk_id, bulk.c.state, bulk.c.priority).where(
            (bulk.c.state != "active") | (bulk.c.priority != 0)
        )
        with reading(self._engine) as connection:
            return {
                one: Order(state, priority) for one, state, priority in connection.execute(wanted)
            }

    def submitted(self, bulk_id: str) -> Submitted:
        """What of it is in the log."""
        c = bulk_chunk.c
        names = Submitted.__struct_fields__
        sums = [func.coalesce(func.sum(c[name]), 0).label(name) for name in names]
        asked = select(*sums).where(c.bulk_id == bulk_id)
        with reading(self._engine) as connection:
            row = connection.execute(asked).one()
        return Submitted(**{name: int(value) for name, value in row._mapping.items()})

    def sizes(self, bulk_id: str) -> Sequence[Any]:
        """Documents and tokens of each piece, in order."""
        c = bulk_chunk.c
        asked = select(c.documents, c.tokens).where(c.bulk_id == bulk_id).order_by(c.number)
        with reading(self._engine) as connection:
            return list(connection.execute(asked))

    def pieces(self, bulk_id: str) -> Sequence[int]:
        """How many rows each piece has, in order."""
        c = bulk_chunk.c
        asked = select(c.rows).where(c.bulk_id == bulk_id).order_by(c.number)
        with reading(self._engine) as connection:
            return connection.execute(asked).scalars().all()

    def reused(self, bulk_id: str, number: int) -> dict[int, int]:
        """The repeated rows of a piece, and the rows whose answers they have."""
        c = bulk_chunk.c
        asked = select(c.reused).where(c.bulk_id == bulk_id, c.number == number)
        with reading(self._engine) as connection:
            return dict(connection.execute(asked).scalar_one())

    def bad_rows(self, bulk_id: str) -> Sequence[Any]:
        """Row, file, line, reason and detail of each row that is no document."""
        e = bulk_error.c
        asked = select(e.row, e.file, e.line, e.reason, e.detail)
        with reading(self._engine) as connection:
            return list(connection.execute(asked.where(e.bulk_id == bulk_id).order_by(e.row)))


def _begin(connection: Connection, name: str, request: Request) -> Begun:
    found = connection.execute(select(bulk).where(bulk.c.name == name)).first()
    if found is None:
        if (begun := _enter(connection, name, request)) is not None:
            return begun
        found = connection.execute(select(bulk).where(bulk.c.name == name)).one()
    known = _found(found)
    if known.request != request:
        raise UsageError(
            f"A bulk job {name!r} exists and asks something else: give another --name."
        )
    if known.state == "cancelled":
        raise UsageError(f"The bulk job {name!r} was cancelled: give another --name.")
    c = bulk_chunk.c
    noted = select(func.count(), func.coalesce(func.sum(c.rows), 0))
    chunks, rows = connection.execute(noted.where(c.bulk_id == known.bulk_id)).one()
    return Begun(
        bulk_id=known.bulk_id,
        name=name,
        chunks=chunks,
        rows=int(rows),
        finished=known.submitted_at is not None,
    )


def _enter(connection: Connection, name: str, request: Request) -> Begun | None:
    """None: another submitter has entered a job of this name meanwhile."""
    now, bulk_id = datetime.now(UTC), new_id(name, request)
    kind = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    entered = connection.execute(
        kind(bulk)
        .values(
            bulk_id=bulk_id,
            name=name,
            tenant=request.tenant,
            request=as_builtins(request),
            columns=[],
            state="active",
            priority=0,
            created_at=now,
            changed_at=now,
        )
        .on_conflict_do_nothing()
    )
    if not entered.rowcount:
        return None
    return Begun(bulk_id=bulk_id, name=name, chunks=0, rows=0, finished=False)


def new_id(name: str, request: Request) -> str:
    """The id of a job, which begins the ids of its rows: the same for the same name and request."""
    said = msgspec.msgpack.encode((name, as_builtins(request)))
    return blake2b(said, digest_size=6).hexdigest()


def keep_chunk(
    connection: Connection, bulk_id: str, chunk: Chunk, columns: Mapping[str, Kind]
) -> State:
    """Note a piece, once; the job's state."""
    kind = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    counts = ("number", "rows", "documents", "left_out", "tokens", "reused_earlier")
    values = {name: getattr(chunk, name) for name in counts}
    values |= {"bulk_id": bulk_id, "bad": len(chunk.bad), "reused": [*chunk.reused.items()]}
    connection.execute(kind(bulk_chunk).values(values).on_conflict_do_nothing())
    if chunk.bad:
        rows = [{"bulk_id": bulk_id, **msgspec.structs.asdict(one)} for one in chunk.bad]
        connection.execute(kind(bulk_error).on_conflict_do_nothing(), rows)
    connection.execute(
        update(bulk).where(bulk.c.bulk_id == bulk_id).values(columns=[*columns.items()])
    )
    found = connection.execute(select(bulk.c.state).where(bulk.c.bulk_id == bulk_id))
    state: State = found.scalar_one()
    return state


def _found(row: Row[Any]) -> FoundBulk:
    fields = {name: getattr(row, name) for name in FoundBulk.__struct_fields__}
    read = {"request": msgspec.convert(row.request, Request), "columns": dict(row.columns)}
    return FoundBulk(**{**fields, **read})
