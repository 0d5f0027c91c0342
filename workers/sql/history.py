"""The history of routes and versions: rows that are added, and never changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select

from schemas.tables import deployment_event
from schemas.task import Task
from workers.desired import Event, RouteKey
from workers.ports import ModelVersion
from workers.sql.clock import now

events = deployment_event.c


def named(version: ModelVersion | None) -> str | None:
    """A version as the history names it."""
    return None if version is None else str(version)


def add_event(
    connection: Connection,
    actor: str,
    action: str,
    key: RouteKey | None,
    moved: tuple[str | None, str | None],
    reason: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Write one line; `moved` is from which version to which."""
    task, lang, tenant = key or (None, None, None)
    connection.execute(
        insert(deployment_event).values(
            at=now(connection),
            actor=actor,
            action=action,
            task=None if task is None else task.value,
            lang=lang,
            tenant=tenant,
            from_version=moved[0],
            to_version=moved[1],
            reason=reason,
            evidence=dict(evidence or {}),
        )
    )


def newest_events(connection: Connection, model: str | None, limit: int) -> Sequence[Event]:
    """The newest lines, of one model or of all, newest first."""
    query = select(deployment_event).order_by(events.id.desc()).limit(limit)
    if model is not None:
        prefix = model if "@" in model else f"{model}@"
        columns = (events.from_version, events.to_version)
        query = query.where(
            or_(*(c == model if "@" in model else c.startswith(prefix) for c in columns))
        )
    return [_event(row) for row in connection.execute(query)]


def _event(row: Row[Any]) -> Event:
    return Event(
        at=row.at.timestamp(),
        actor=row.actor,
        action=row.action,
        key=None if row.task is None else RouteKey(Task(row.task), row.lang, row.tenant),
        from_version=row.from_version,
        to_version=row.to_version,
        reason=row.reason,
        evidence=row.evidence,
    )
