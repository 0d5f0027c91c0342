"""A page of answers with a name, or with a part of one, on PostgreSQL.

Its planner cannot know how rare a name is that its samples have not seen, and reads all answers by
time, or all that have the name. So the newest rows are looked through first, and how many of them
have it tells how many have it in all, and how far back a page of them goes. Where the page is not
full, the quicker way is taken: to look through that many rows, or to read all that the index of
names finds. What does not fill the page ends with the index.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, ScalarSelect, any_, func, literal_column, select, text

from schemas.tables import model_version, result
from workers.sql.parts import own_part, rows_with
from workers.sql.place import Place
from workers.sql.wanted import ANSWERS, PLACE, Wanted, is_named, ordered, plain_conditions

RECENT: Final = 2000
"""So many of the newest rows are looked through before an index is asked: 1 to 3 ms."""
SPARE: Final = 2
"""Rows are looked through twice as far back as should fill the page."""
INDEXED: Final = 4
"""A row that the index finds takes as long as so many that are looked through, at the least."""
_NAMED: Final = text(
    "result.ctid = ANY (ARRAY(SELECT r.ctid FROM result AS r "
    "WHERE r.names @> ARRAY[CAST(:entity AS text)]))"
)
_BY_BITMAP: Final = text(
    "SELECT set_config('enable_indexscan', 'off', true), "
    "set_config('enable_indexonlyscan', 'off', true), "
    "set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true), "
    "set_config('work_mem', '64MB', true), "
    "set_config('plan_cache_mode', 'force_custom_plan', true)"
)
_ANSWERS: Final = text("SELECT reltuples FROM pg_class WHERE oid = CAST('result' AS regclass)")
"""About how many there are."""


def named_rows(
    connection: Connection, wanted: Wanted, limit: int, after: Place | None
) -> Sequence[Row[Any]]:
    """At most `limit` rows, newest first, beginning after the place `after`."""
    bound = _moment(connection, wanted, after, RECENT)
    rows = _looked_through(connection, wanted, bound, limit, after)
    if bound is None or len(rows) == limit:
        return rows
    seen = len(rows)
    in_all = connection.execute(_ANSWERS).scalar_one() * seen / RECENT
    farther = SPARE * RECENT * limit // max(1, seen)
    if farther < INDEXED * in_all:
        bound = _moment(connection, wanted, after, farther)
        rows = _looked_through(connection, wanted, bound, limit, after)
        if bound is None or len(rows) == limit:
            return rows
    by_bitmap(connection)
    return _by_index(connection, wanted, limit, after)


def by_bitmap(connection: Connection) -> None:
    """Let PostgreSQL ask its indexes of names until the transaction ends: no plan that reads all
    names, or reads in the order of time and hopes for the best."""
    connection.execute(_BY_BITMAP)


def _moment(
    connection: Connection, wanted: Wanted, after: Place | None, number: int
) -> datetime | None:
    """When the row was written that so many come before; None: there are not that many."""
    moments = select(result.c.created_at).where(result.c.task == wanted.task)
    if after is not None:
        moments = moments.where(result.c.created_at <= after.created_at)
    if wanted.until is not None:
        moments = moments.where(result.c.created_at < wanted.until)
    moments = moments.order_by(result.c.created_at.desc()).offset(number).limit(1)
    moment: datetime | None = connection.execute(moments).scalar()
    return moment


def _looked_through(
    connection: Connection,
    wanted: Wanted,
    bound: datetime | None,
    limit: int,
    after: Place | None,
) -> Sequence[Row[Any]]:
    answers = ANSWERS.where(*plain_conditions(wanted))
    if wanted.entity is not None:
        answers = answers.where(is_named(wanted.entity, "postgresql"))
    if wanted.part is not None:
        answers = answers.where(own_part(wanted.part))
    if bound is not None:
        answers = answers.where(result.c.created_at >= bound)
    return connection.execute(ordered(answers, limit, after)).all()


def _by_index(
    connection: Connection, wanted: Wanted, limit: int, after: Place | None
) -> Sequence[Row[Any]]:
    if wanted.entity is not None:
        answers = ANSWERS.where(*plain_conditions(wanted))
        answers = answers.where(_NAMED.bindparams(entity=wanted.entity))
        if wanted.part is not None:
            answers = answers.where(own_part(wanted.part))
    else:
        answers = ANSWERS.where(
            literal_column("result.ctid") == any_(func.array(_places(wanted, limit, after)))
        )
    return connection.execute(ordered(answers, limit, after)).all()


def _places(wanted: Wanted, limit: int, after: Place | None) -> ScalarSelect[Any]:
    """Where the rows of the page lie that have a name with the wanted part."""
    assert wanted.part is not None
    found = rows_with(wanted.part, wanted.tenant)
    keys = [found.c[name] for name in ("at", *PLACE)]
    rows = select(*keys).distinct().where(*plain_conditions(wanted, found.c))
    if wanted.model is not None or wanted.version is not None:
        rows = rows.where(model_version.c.id == found.c.model_version_id)
    page = ordered(rows, limit, after, found.c).subquery("page")
    return select(page.c.at).scalar_subquery()
