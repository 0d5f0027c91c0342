"""The dictionary of names, `entity_name`: exact at each commit, and free of deadlocks.

Who writes answers writes the names that it does not know to be here in the same statement, in
order, so that two writers never wait in a ring. A name that is there already is not touched, so
nothing would keep it from being removed before that writer's commit: therefore writers share a lock
of the transaction, and who removes names holds it alone and looks then whether somebody has them.
Locks are taken in the order claims, names, rows.

On SQLite one writes at a time, and nothing of this is needed.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from schemas.tables import entity_name_removal
from workers.sql.known_names import Edition, Name

LONGEST: Final = 500
"""Characters. A longer span is no name; it would not go into the key of every PostgreSQL."""
_LOCK: Final = 0x746D_5F6E_616D_6573  # "tm_names"

KNOWN_POSTGRESQL: Final = f"""
    INSERT INTO entity_name (tenant, name)
    SELECT m.tenant, n.name
    FROM jsonb_each(%(missing)s) AS m (tenant, names)
    CROSS JOIN jsonb_array_elements_text(m.names) AS n (name)
    WHERE char_length(n.name) <= {LONGEST} AND (
        (SELECT count(*) FROM new) = %(offered)s
        OR EXISTS (SELECT 1 FROM new WHERE new.tenant = m.tenant AND n.name = ANY (new.names))
    ) AND (
        SELECT true FROM entity_name AS e WHERE e.tenant = m.tenant AND e.name = n.name
    ) IS NULL
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING
"""  # noqa: S608
"""Those of the `missing` that rows of `new` have: all where each row `offered` is new. Most are
known here: to seek each, whatever the planner expects, takes less time than a conflict."""
KNOWN_SQLITE: Final = f"""
    INSERT INTO entity_name (tenant, name)
    SELECT DISTINCT r.tenant, n.value FROM result AS r CROSS JOIN json_each(r.names) AS n
    WHERE r.rowid > ? AND r.names IS NOT NULL AND length(n.value) <= {LONGEST}
    ON CONFLICT DO NOTHING
"""  # noqa: S608
"""The names of the rows after one."""
_UNUSED_POSTGRESQL: Final = """
    DELETE FROM entity_name AS e
    USING unnest(CAST(%(tenants)s AS text[]), CAST(%(names)s AS text[])) AS u (tenant, name)
    WHERE e.tenant = u.tenant AND e.name = u.name AND NOT EXISTS (
        SELECT 1 FROM result AS r WHERE r.names @> ARRAY[e.name] AND r.tenant = e.tenant
    )
"""
_UNUSED_SQLITE: Final = """
    DELETE FROM entity_name WHERE (tenant, name) IN (
        SELECT json_extract(u.value, '$[0]'), json_extract(u.value, '$[1]') FROM json_each(?) AS u
    ) AND (tenant, name) NOT IN (
        SELECT r.tenant, n.value FROM result AS r CROSS JOIN json_each(r.names) AS n
        WHERE r.names IS NOT NULL
    )
"""
# A CASE looks at the counter when the lock is held, and not before.
_SHARED: Final = f"""
    SELECT CASE WHEN pg_advisory_xact_lock_shared({_LOCK}) IS NULL THEN NULL
                ELSE (SELECT last_value + is_called::int FROM entity_name_removal) END,
           pg_postmaster_start_time()
"""  # noqa: S608


def share_names(connection: Connection) -> Edition:
    """Let nobody remove names until this transaction ends; many may share that.

    Returns the edition of the dictionary: None on SQLite, which keeps none.
    """
    if connection.dialect.name == "sqlite":
        return None
    return tuple(connection.exec_driver_sql(_SHARED).one())


def hold_names(connection: Connection) -> None:
    """Let nobody else write or remove names until this transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def remove_unused(connection: Connection, names: Sequence[Name]) -> int:
    """Remove those that no answer has any more; how many. The names must be held.

    On SQLite it reads all answers once.
    """
    if not names:
        return 0
    if connection.dialect.name == "sqlite":
        given = (msgspec.json.encode(names).decode(),)
        return connection.exec_driver_sql(_UNUSED_SQLITE, given).rowcount
    columns = {"tenants": [tenant for tenant, _ in names], "names": [name for _, name in names]}
    removed = connection.exec_driver_sql(_UNUSED_POSTGRESQL, columns).rowcount
    if removed:
        connection.scalar(entity_name_removal)
    return removed
