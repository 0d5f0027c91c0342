"""Reading routes, pending deployments and what workers have."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, select

from schemas.groups import Share
from schemas.tables import alias, deployment, model_replica, model_version, route, worker
from schemas.task import Task
from workers.desired import Deployment, Here, Replica, Route, RouteKey, Snapshot
from workers.ports import ModelVersion
from workers.sql.clock import now
from workers.sql.registry import read_all

PENDING = "PENDING"


def is_of(table: Table, key: RouteKey) -> ColumnElement[bool]:
    """The condition that a row of `route` or `deployment` is of this route."""
    columns = table.c
    pairs = ((columns.task, key.task.value), (columns.lang, key.lang), (columns.tenant, key.tenant))
    return and_(*(column == value for column, value in pairs))


def read_routes(connection: Connection) -> list[Route]:
    """All routes, by key."""
    rows = connection.execute(select(route).order_by(*route.primary_key)).all()
    names = ("model_version_id", "previous_version_id", "canary_version_id", "shadow_version_id")
    versions = read_versions(connection, {getattr(row, name) for row in rows for name in names})
    return [_route(row, versions) for row in rows]


def read_aliases(connection: Connection) -> Mapping[tuple[str, str], int]:
    """Version by (model, own name)."""
    rows = connection.execute(select(alias).order_by(alias.c.model, alias.c.name))
    return {(row.model, row.name): row.model_version_id for row in rows}


def read_snapshot(connection: Connection) -> Snapshot:
    """Pending deployments are read before routes: one that ends meanwhile is seen twice, and not
    never, so that nobody unloads its version."""
    rows = connection.execute(
        select(deployment).where(deployment.c.state == PENDING).order_by(deployment.c.id)
    ).all()
    pending = _deployments(connection, rows)
    routes = read_routes(connection)
    replicas = connection.execute(select(model_replica)).all()
    workers = connection.execute(select(worker).order_by(worker.c.worker_id)).all()
    return Snapshot(
        now=now(connection).timestamp(),
        routes=routes,
        pending=pending,
        workers=[_here(row) for row in workers],
        replicas=[_replica(row) for row in replicas],
    )


def read_deployment(connection: Connection, number: int) -> Deployment | None:
    """A deployment; None where there is none."""
    rows = connection.execute(select(deployment).where(deployment.c.id == number)).all()
    return next(iter(_deployments(connection, rows)), None)


def pending_of(connection: Connection, key: RouteKey, kind: str) -> Deployment | None:
    """The pending deployment of a route and kind, locked; None where there is none."""
    columns = deployment.c
    mine = is_of(deployment, key), columns.kind == kind, columns.state == PENDING
    found = select(deployment).where(*mine)
    rows = connection.execute(found.with_for_update()).all()
    return next(iter(_deployments(connection, rows)), None)


def route_of(connection: Connection, key: RouteKey) -> Route | None:
    """A route, locked; None where there is none."""
    connection.execute(select(route.c.task).where(is_of(route, key)).with_for_update())
    return next((one for one in read_routes(connection) if one.key == key), None)


def read_versions(connection: Connection, ids: set[int | None]) -> dict[int, ModelVersion]:
    """Versions by key."""
    found = read_all(connection, model_version.c.id.in_(ids - {None}))
    return {version.version_id: version for version in found}


def _deployments(connection: Connection, rows: Sequence[Row[Any]]) -> list[Deployment]:
    versions = read_versions(connection, {row.model_version_id for row in rows})
    return [
        Deployment(
            number=row.id,
            key=RouteKey(Task(row.task), row.lang, row.tenant),
            target=versions[row.model_version_id],
            kind=row.kind,
            weight=row.weight,
            action=row.action,
            state=row.state,
            mode=row.mode,
            actor=row.actor,
            reason=row.reason,
            requested_at=row.requested_at.timestamp(),
            deadline=row.deadline.timestamp(),
        )
        for row in rows
    ]


def _route(row: Row[Any], versions: Mapping[int, ModelVersion]) -> Route:
    return Route(
        key=RouteKey(Task(row.task), row.lang, row.tenant),
        live=versions[row.model_version_id],
        previous=versions.get(row.previous_version_id),
        canary=versions.get(row.canary_version_id),
        canary_weight=row.canary_weight,
        shadow=versions.get(row.shadow_version_id),
        shadow_sample=row.shadow_sample,
        pinned=row.pinned,
    )


def _here(row: Row[Any]) -> Here:
    return Here(
        worker_id=row.worker_id,
        device=row.device,
        serves=Share(only=tuple(row.serves["only"]), others=tuple(row.serves["others"])),
        memory_limit=row.memory_limit,
        memory_bytes=row.memory_bytes,
        heartbeat_at=row.heartbeat_at.timestamp(),
    )


def _replica(row: Row[Any]) -> Replica:
    return Replica(
        worker_id=row.worker_id,
        version_id=row.model_version_id,
        state=row.state,
        reason=row.reason,
        memory_bytes=row.memory_bytes,
        at=row.heartbeat_at.timestamp(),
        build=row.build,
    )
