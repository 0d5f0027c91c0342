"""The ResultOutbox port: what is taken leaves with the transaction in which it is published.

PostgreSQL: one statement deletes the oldest rows that nobody else has in hand and reads the results
they name; the commit follows the publishing, so that a death between them gives the rows back.
SQLite has one writer, who would hold up the workers: it reads, and deletes afterwards; two who take
at once get the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from sqlalchemy import CTE, Engine, FromClause, Row, Select, and_, delete, func, select

from schemas.errors import UnavailableError
from schemas.result import Result
from schemas.tables import model_version, result, result_outbox
from schemas.task import Task
from workers.sql.lookup import prediction_of
from workers.sql.transaction import reading, writing, written

_OLDEST: Final = select(result_outbox.c.id).order_by(result_outbox.c.id)
_NAMES: Final = ("topic_id", "partition", "record_offset")


class SqlResultOutbox:
    """Results on their way to their topics."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._take = _read_and_delete if engine.dialect.name == "sqlite" else _delete_and_read

    def taken(self, limit: int) -> AbstractContextManager[Sequence[Result]]:
        """See `workers.ports.ResultOutbox`."""
        return self._take(self._engine, limit)


@contextmanager
def _delete_and_read(engine: Engine, limit: int) -> Iterator[Sequence[Result]]:
    refused: BaseException | None = None
    try:
        with writing(engine) as connection:
            taken = connection.execute(_named(_taken(limit)))
            try:
                yield [_result(row) for row in taken]
            except BaseException as error:
                refused = error
                raise
    except UnavailableError:  # a server ends a transaction that stands still for long
        if refused is not None:
            raise refused from None
        raise


@contextmanager
def _read_and_delete(engine: Engine, limit: int) -> Iterator[Sequence[Result]]:
    oldest = select(result_outbox).order_by(result_outbox.c.id).limit(limit).subquery("taken")
    last = select(func.max(oldest.c.id))
    with reading(engine) as connection:
        found = [_result(row) for row in connection.execute(_named(oldest))]
        newest: int | None = connection.execute(last).scalar()
    yield found
    if newest is not None:  # ids rise with the commits, so those up to it were all read
        done = delete(result_outbox).where(result_outbox.c.id <= newest)
        written(engine, lambda connection: connection.execute(done))


def _taken(limit: int) -> CTE:
    """Delete the oldest rows that nobody has in hand."""
    oldest = _OLDEST.limit(limit).with_for_update(skip_locked=True).scalar_subquery()
    mine = result_outbox.c.id == func.any(func.array(oldest))  # asked once, whatever the plan
    return delete(result_outbox).where(mine).returning(*result_outbox.c).cte("taken")


def _named(taken: FromClause) -> Select[Any]:
    """The results that these rows name, in order; an erased one is left out."""
    version = model_version.c
    return (
        select(result, version.model.label("model"), version.version.label("version"))
        .select_from(taken)
        .join(result, and_(*(result.c[name] == taken.c[name] for name in _NAMES)))
        .join(model_version, result.c.model_version_id == version.id)
        .order_by(taken.c.id)
    )


def _result(row: Row[Any]) -> Result:
    return Result(
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
