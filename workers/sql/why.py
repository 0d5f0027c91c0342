"""How a job came to its answer: by which route, arm, version, batch and worker, and when."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, case, select

from schemas.tables import ending, model_version, result, route, shadow_result
from workers.sql.transaction import reading, retried

_PLACE = ("topic_id", "partition", "record_offset")


class SqlWhy:
    """Reads what is known of single jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def explain(self, job_id: str, tenant: str | None) -> Sequence[Mapping[str, Any]]:
        """A row for each answer and each end of a job, by task and time.

        Args:
            job_id: which.
            tenant: whose; None: anybody's.
        """

        def read() -> Sequence[Mapping[str, Any]]:
            with reading(self._engine) as connection:
                answers = _rows(connection, result, job_id, tenant)
                for row in answers:
                    row["compared"] = _compared(connection, row)
                return answers + _rows(connection, ending, job_id, tenant)

        return retried(read)


def _rows(
    connection: Connection, table: Table, job_id: str, tenant: str | None
) -> list[dict[str, Any]]:
    """What of a table is about the job, with its version and the tenant of its route."""
    own = and_(
        route.c.task == table.c.task,
        route.c.lang == table.c.lang,
        route.c.tenant == table.c.tenant,
    )
    names = ["tenant", "task", "lang", "arm", *_PLACE, "topic", "created_at"]
    if table is result:
        names += ["run", "batch_id", "attempt", "worker_id", "published_at", "formed_at"]
        names += ["latency_ms", "compute_ms", "label", "score", "build"]
    else:
        names += ["state", "reason", "detail"]
    route_of = case((table.c.arm == "named", None), else_=route.c.tenant)
    wanted = select(
        *(table.c[name] for name in names),
        *(model_version.c[name] for name in ("model", "version", "digest")),
        route_of.label("route_tenant"),
    )
    joined = table.outerjoin(
        model_version, table.c.model_version_id == model_version.c.id
    ).outerjoin(route, own)
    found = wanted.select_from(joined).where(table.c.job_id == job_id)
    if tenant is not None:
        found = found.where(table.c.tenant == tenant)
    rows = connection.execute(found.order_by(table.c.task, table.c.created_at)).mappings()
    return [{"state": "DONE", **row} if table is result else dict(row) for row in rows]


def _compared(connection: Connection, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What other versions answered to the same record."""
    versions = model_version.c
    names = ("label", "score", "error", "batch_id", "worker_id", "created_at", "build")
    wanted = select(versions.model, versions.version, *(shadow_result.c[name] for name in names))
    joined = shadow_result.join(model_version, shadow_result.c.model_version_id == versions.id)
    place = (shadow_result.c[name] == row[name] for name in _PLACE)
    return [
        dict(one) for one in connection.execute(wanted.select_from(joined).where(*place)).mappings()
    ]
