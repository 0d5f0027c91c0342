"""What the store knows of texts: which bulk jobs had them, and which answers stand to those."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import BindParameter, Connection, TextClause, bindparam, text

from producers.bulk.chunk import Asked, job_id_of
from producers.bulk.request import Request
from schemas.task import Task
from workers.core.reuse import Given, served
from workers.core.routing import Routing
from workers.sql.registry import read_all
from workers.sql.routes import read_aliases, read_routes

_SAME: Final = 'SELECT t.text, t.bulk_id, t."row" FROM {source} ORDER BY t.bulk_id, t."row"'
_GIVEN: Final = """
    SELECT r.job_id, r.task, r.model_version_id, r.lang FROM {source}
      AND r.tenant = :tenant AND r.run = 0
"""


def _listed(sql: str, source: str) -> TextClause:
    """For SQLite: the values one by one."""
    listed: BindParameter[Any] = bindparam("values", expanding=True)
    return text(sql.format(source=source)).bindparams(listed)


_LISTED: Final = (
    _listed(_SAME, "bulk_text AS t WHERE t.text IN :values"),
    _listed(_GIVEN, "result AS r WHERE r.job_id IN :values"),
)
_JOIN: Final = "jsonb_array_elements_text(CAST(:values AS jsonb)) AS n (value) JOIN"
_JOINED: Final = (
    text(_SAME.format(source=f"{_JOIN} bulk_text AS t ON t.text = decode(n.value, 'hex')")),
    text(_GIVEN.format(source=f"{_JOIN} result AS r ON r.job_id = n.value")),
)
"""For PostgreSQL: five thousand values by themselves take it five times as long, and it expects few
of a JSON document, so it asks the index for each however large the table is."""


def served_by_earlier(
    connection: Connection, request: Request, asked: Sequence[Asked]
) -> dict[int, str]:
    """The rows that an earlier job has the answer to at this moment, and that job's id."""
    candidates: dict[bytes, list[str]] = {}
    for digest, bulk_id, row in _same(connection, [one.digest for one in asked]):
        candidates.setdefault(bytes(digest), []).append(job_id_of(bulk_id, row))
    job_ids = [job_id for each in candidates.values() for job_id in each]
    given = {
        (one.job_id, Task(one.task)): Given(one.model_version_id, one.lang)
        for one in _given(connection, request.tenant, job_ids)
    }
    if not given:
        return {}
    routing = Routing(read_all(connection), read_routes(connection), read_aliases(connection))
    return served(asked, request.tasks, candidates, given, routing)


def _same(connection: Connection, digests: Sequence[bytes]) -> Sequence[Any]:
    if connection.dialect.name == "sqlite":
        return connection.execute(_LISTED[0], {"values": digests}).all()
    said = msgspec.json.encode([one.hex() for one in digests]).decode()
    return connection.execute(_JOINED[0], {"values": said}).all()


def _given(connection: Connection, tenant: str, job_ids: Sequence[str]) -> Sequence[Any]:
    """The answers that stand to these jobs."""
    if not job_ids:
        return []
    if connection.dialect.name == "sqlite":
        return connection.execute(_LISTED[1], {"values": job_ids, "tenant": tenant}).all()
    said = msgspec.json.encode(job_ids).decode()
    return connection.execute(_JOINED[1], {"values": said, "tenant": tenant}).all()
