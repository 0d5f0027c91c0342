"""Names that no answer has any more leave the dictionary, after the answers that had them.

On PostgreSQL each name is looked up, in portions, while others write; what is found unused is
looked up again under the lock of names, and removed. On SQLite one statement reads all answers.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine

from schemas.tables import entity_name, partition_claim, result
from workers.sql.entity_names import hold_names, remove_unused
from workers.sql.known_names import Name
from workers.sql.statement import statement
from workers.sql.transaction import reading, written

PORTION: Final = 5000
"""Names of a transaction."""

_KEPT: Final = """
    NOT (r.created_at < :created_at AND EXISTS (
        SELECT 1 FROM partition_claim AS c
        WHERE c.topic_id = r.topic_id AND c.partition = r.partition
          AND c.next_offset > r.record_offset
    ))
"""
_SQLITE: Final = f"""
    FROM entity_name WHERE (tenant, name) NOT IN (
        SELECT r.tenant, n.value FROM result AS r CROSS JOIN json_each(r.names) AS n
        WHERE r.names IS NOT NULL AND {_KEPT}
    )
"""  # noqa: S608
_POSTGRESQL: Final = f"""
    SELECT e.tenant, e.name, EXISTS (
        SELECT 1 FROM result AS r
        WHERE r.names @> ARRAY[e.name] AND r.tenant = e.tenant AND {_KEPT}
    ) AS used
    FROM (
        SELECT tenant, name FROM entity_name WHERE (tenant, name) > (:tenant, :name)
        ORDER BY tenant, name LIMIT {PORTION}
    ) AS e
    ORDER BY e.tenant, e.name
"""  # noqa: S608
_TABLES: Final = (result, entity_name, partition_claim)


def unused(engine: Engine, before: datetime) -> int:
    """How many names no answer would have once those from before this moment are gone."""
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            counted = statement(f"SELECT count(*) {_SQLITE}", *_TABLES)
            return int(connection.execute(counted, {"created_at": before}).scalar_one())
    return sum(map(len, _portions(engine, before)))


def remove(engine: Engine, before: datetime) -> int:
    """Remove names that no answer has; how many."""
    if engine.dialect.name == "sqlite":
        removed = statement(f"DELETE {_SQLITE}", *_TABLES)
        return written(engine, lambda c: c.execute(removed, {"created_at": before}).rowcount)
    return sum(_removed(engine, names) for names in _portions(engine, before))


def _removed(engine: Engine, names: list[Name]) -> int:
    def work(connection: Connection) -> int:
        hold_names(connection)
        return remove_unused(connection, names)

    return written(engine, work) if names else 0


def _portions(engine: Engine, before: datetime) -> Iterator[list[Name]]:
    """Those of each portion of the dictionary that no answer would have."""
    ask, last = statement(_POSTGRESQL, *_TABLES), ("", "")
    while True:
        with reading(engine) as connection:
            given = {"created_at": before, "tenant": last[0], "name": last[1]}
            rows = connection.execute(ask, given).all()
        yield [(row.tenant, row.name) for row in rows if not row.used]
        if len(rows) < PORTION:
            return
        last = rows[-1].tenant, rows[-1].name
