"""The dictionary of names, `entity_name`: exact at each commit, and free of deadlocks.

Who writes answers writes their new names in the same statement, in order, so that two writers never
wait in a ring. A name that is there already is not touched, so nothing would keep it from being
removed before that writer's commit: therefore writers share a lock of the transaction, and who
removes names holds it alone and looks then whether somebody has them. Locks are taken in the order
claims, names, rows.

On SQLite one writes at a time, and nothing of this is needed.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from schemas.tables import entity_name

LONGEST: Final = 500
"""Characters. A longer span is no name; it would not go into the key of every PostgreSQL."""
_LOCK: Final = 0x746D_5F6E_616D_6573  # "tm_names"

KNOWN_POSTGRESQL: Final = f"""
    INSERT INTO entity_name (tenant, name)
    SELECT DISTINCT new.tenant, n.name FROM new CROSS JOIN unnest(new.names) AS n (name)
    WHERE char_length(n.name) <= {LONGEST}
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING
"""  # noqa: S608
"""The names of the rows of `new`."""
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
        SELECT 1 FROM result AS r WHERE r.names @> ARRAY[u.name] AND r.tenant = u.tenant
    )
"""
_UNUSED_SQLITE: Final = """
    DELETE FROM entity_name WHERE tenant = ? AND name = ? AND (tenant, name) NOT IN (
    )
"""


def share_names(connection: Connection) -> None:
    """Let nobody remove names until this transaction ends; many may share that."""
    _lock(connection, "pg_advisory_xact_lock_shared")


def hold_names(connection: Connection) -> None:
    """Let nobody write or remove names until this transaction ends."""
    _lock(connection, "pg_advisory_xact_lock")
