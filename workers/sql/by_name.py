"""A page of answers with a name, or with a part of one, on PostgreSQL.

Its planner cannot know how rare a name is that its samples have not seen, and reads all answers by
time, or all that have the name. So the newest rows are looked through first, and how many of them
have it tells how to go on:

    a page        done
    a tenth       look through as many more as should fill the page
    fewer         as far back as should fill it, read what the index of names tells to read
    none          read all that the index tells; also where that should not be many

Whatever does not fill the page that way ends with the last.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Row, select, text

from schemas.tables import result
from workers.sql.parts import names_with, own_part
from workers.sql.place import Place
from workers.sql.wanted import ANSWERS, Wanted, is_named, ordered, plain_conditions

RECENT: Final = 2000
"""So many of the newest rows are looked through before an index is asked: 3 ms."""
FARTHEST: Final = 30
"""So many times as far back, at most."""
_AT_ONCE: Final = 500
"""Names that one statement looks for: where the planner errs and compares each row with each of
them, it is still a matter of seconds."""
_FEW: Final = 3000
"""So many rows of one name are read as fast as it is found out which of them are new enough."""
_ORDERED: Final = text(
    "SELECT number FROM unnest(CAST(:moments AS timestamptz[]), CAST(:tenants AS text[]), "
    "CAST(:jobs AS text[]), CAST(:runs AS integer[])) WITH ORDINALITY "
    "AS n (created_at, tenant, job_id, run, number) "
    "ORDER BY created_at DESC, tenant DESC, job_id DESC, run DESC LIMIT :limit"
)
_BY_BITMAP: Final = text(
    "SELECT set_config('enable_indexscan', 'off', true), "
    "set_config('enable_indexonlyscan', 'off', true), "
    "set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true), "
    "set_config('plan_cache_mode', 'force_custom_plan', true), "
    "(SELECT reltuples FROM pg_class WHERE oid = CAST('result' AS regclass)) AS rows"
)


def named_rows(
    connection: Connection, wanted: Wanted, limit: int, after: Place | None
) -> Sequence[Row[Any]]:
    """At most `limit` rows, newest first, beginning after the place `after`."""
    newest, bound = _recent(connection, wanted, after)
    if newest is None:
        return []
    rows = _looked_through(connection, wanted, bound, limit, after)
    if bound is None or len(rows) == limit:
        return rows
    seen = len(rows)
    farther = bound - (newest - bound) * min(FARTHEST, 2 * limit / max(1, seen))
    if 10 * seen >= limit:
        rows = _looked_through(connection, wanted, farther, limit, after)
        if len(rows) == limit:
            return rows
    in_all = by_bitmap(connection) * seen / RECENT
    names = _names(connection, wanted)
    if in_all > _FEW and 10 * seen < limit:
        rows = _by_index(connection, wanted, names, farther, limit, after)
        if len(rows) == limit:
            return rows
    return _by_index(connection, wanted, names, None, limit, after)


def by_bitmap(connection: Connection) -> float:
    """Let PostgreSQL ask its indexes of names until the transaction ends: no plan that reads all
    names, or reads in the order of time and hopes for the best. Returns about how many answers
    there are."""
    return float(connection.execute(_BY_BITMAP).one().rows)


def _recent(
    connection: Connection, wanted: Wanted, after: Place | None
) -> tuple[datetime | None, datetime | None]:
    """When the newest row was written, and the last one to look through; None: there is none."""
    moments = select(result.c.created_at).where(result.c.task == wanted.task)
    if after is not None:
        moments = moments.where(result.c.created_at <= after.created_at)
    if wanted.until is not None:
        moments = moments.where(result.c.created_at < wanted.until)
    moments = moments.order_by(result.c.created_at.desc()).limit(1)
    newest = connection.execute(moments).scalar()
    return newest, connection.execute(moments.offset(RECENT)).scalar()


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


def _names(connection: Connection, wanted: Wanted) -> Sequence[str]:
    """What to ask the index for."""
    if wanted.entity is not None:
        return [wanted.entity]
    assert wanted.part is not None
    return connection.execute(names_with(wanted.part, wanted.tenant)).scalars().all()


def _by_index(
    connection: Connection,
    wanted: Wanted,
    names: Sequence[str],
    since: datetime | None,
    limit: int,
    after: Place | None,
) -> Sequence[Row[Any]]:
    """The newest rows that have one of the names: the newest of those of each portion of names."""
    answers = ANSWERS.where(*plain_conditions(wanted))
    if wanted.entity is not None and wanted.part is not None:
        answers = answers.where(own_part(wanted.part))
    if since is not None:
        answers = answers.where(result.c.created_at >= since)
    pages = [
        connection.execute(ordered(answers.where(result.c.names.overlap(some)), limit, after)).all()
        for some in _portions(names)
    ]
    if len(pages) < 2:
        return pages[0] if pages else []
    if not any(pages):
        return []
    places = {
        (row.created_at, row.tenant, row.job_id, row.run): row for page in pages for row in page
    }
    return _newest(connection, places, limit)


def _newest(
    connection: Connection, places: dict[tuple[Any, ...], Row[Any]], limit: int
) -> Sequence[Row[Any]]:
    """The first of the rows, by their places, in the order that the database has for words."""
    columns = zip(*places, strict=True)
    given = dict(zip(("moments", "tenants", "jobs", "runs"), map(list, columns), strict=True))
    rows = list(places.values())
    return [
        rows[at - 1] for at in connection.execute(_ORDERED, {**given, "limit": limit}).scalars()
    ]


def _portions(names: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
