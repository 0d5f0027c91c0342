"""The Rollouts port: what operators want, and how it comes true, one transaction a change."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, update

from schemas.errors import UsageError
from schemas.tables import deployment, route
from workers.desired import (
    Deployment,
    Event,
    Here,
    Mode,
    Replica,
    Route,
    RouteKey,
    Snapshot,
    Wish,
)
from workers.ports import ModelVersion
from workers.sql import history, replicas, retirement, switching
from workers.sql.clock import now
from workers.sql.history import add_event, named
from workers.sql.routes import (
    PENDING,
    is_of,
    pending_of,
    read_aliases,
    read_deployment,
    read_routes,
    read_snapshot,
    route_of,
)
from workers.sql.statement import statement
from workers.sql.transaction import reading, retried, written

T = TypeVar("T")

INSERT = statement(
    """
    INSERT INTO deployment
        (task, lang, tenant, model_version_id, kind, weight, state, mode, action, actor, reason,
         evidence, requested_at, deadline)
    VALUES (:task, :lang, :tenant, :model_version_id, :kind, :weight, 'PENDING', :mode, :action,
            :actor, '', :evidence, :requested_at, :deadline)
    ON CONFLICT DO NOTHING
    """,
    deployment,
)


class SqlRollouts:
    """Routes, deployments and replicas in SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def table(self) -> Sequence[Route]:
        """See `workers.desired.Routes`."""
        return self._read(read_routes)

    def aliases(self) -> Mapping[tuple[str, str], int]:
        """See `workers.desired.Routes`."""
        return self._read(read_aliases)

    def snapshot(self) -> Snapshot:
        """See `workers.desired.Rollouts`."""
        return self._read(read_snapshot)

    def deployment(self, number: int) -> Deployment:
        """See `workers.desired.Rollouts`."""
        found = self._read(lambda c: read_deployment(c, number))
        if found is None:
            raise UsageError(
                f"there is no deployment {number}: `textmill models history` shows all"
            )
        return found

    def request(self, wish: Wish) -> Deployment:
        """See `workers.desired.Rollouts`."""
        return self._write(lambda c: _request(c, wish))

    def flip(self, deployment: Deployment, reason: str) -> bool:
        """See `workers.desired.Rollouts`."""
        return self._write(lambda c: switching.flip(c, deployment, reason))

    def end(self, deployment: Deployment, state: Literal["FAILED", "CANCELLED"], why: str) -> bool:
        """See `workers.desired.Rollouts`."""
        return self._write(lambda c: switching.end(c, deployment, state, why))

    def settle(self, deployment: Deployment) -> bool:
        """See `workers.desired.Rollouts`."""
        return self._write(lambda c: switching.settle(c, deployment))

    def note(self, deployment: Deployment, reason: str, mode: Mode) -> None:
        """See `workers.desired.Rollouts`."""
        self._write(lambda c: _note(c, deployment, reason, mode))

    def withdraw(
        self,
        key: RouteKey,
        kind: Literal["canary", "shadow"],
        event: Event,
        seen: Route | None = None,
    ) -> bool:
        """See `workers.desired.Rollouts`."""
        return self._write(lambda c: switching.withdraw(c, key, kind, event, seen))

    def pin(self, key: RouteKey, pinned: bool, actor: str) -> bool:
        """See `workers.desired.Rollouts`."""
        return self._write(lambda c: _pin(c, key, pinned, actor))

    def retire(self, version: ModelVersion, actor: str) -> bool:
        """See `workers.desired.Rollouts`."""
        return self._write(lambda c: retirement.retire(c, version, actor))

    def remove(self, version: ModelVersion, actor: str) -> None:
        """See `workers.desired.Rollouts`."""
        self._write(lambda c: retirement.remove(c, version, actor))

    def name(self, model: str, alias: str, version: ModelVersion | None, actor: str) -> bool:
        """See `workers.desired.Rollouts`."""
        return self._write(lambda c: retirement.name(c, model, alias, version, actor))

    def history(self, model: str | None, limit: int) -> Sequence[Event]:
        """See `workers.desired.Rollouts`."""
        return self._read(lambda c: history.newest_events(c, model, limit))

    def record(self, event: Event) -> None:
        """See `workers.desired.Rollouts`."""
        moved = event.from_version, event.to_version
        rest = event.reason, event.evidence
        self._write(lambda c: add_event(c, event.actor, event.action, event.key, moved, *rest))

    def beat(self, worker: Here, found: Sequence[Replica]) -> None:
        """See `workers.desired.Rollouts`."""
        self._write(lambda c: replicas.say(c, worker, found))

    def leave(self, worker_id: str) -> None:
        """See `workers.desired.Rollouts`."""
        self._write(lambda c: replicas.leave(c, worker_id))

    def forget_silent(self, before: float) -> None:
        """See `workers.desired.Rollouts`."""
        self._write(lambda c: replicas.forget(c, before))

    def _read(self, work: Callable[[Connection], T]) -> T:
        def read() -> T:
            with reading(self._engine) as connection:
                return work(connection)

        return retried(read)

    def _write(self, work: Callable[[Connection], T]) -> T:
        return written(self._engine, work)


def _request(connection: Connection, wish: Wish) -> Deployment:
    while True:  # another operator's wish may come between
        known = pending_of(connection, wish.key, wish.kind)
        if wish.seen is not None and (known or route_of(connection, wish.key) != wish.seen):
            raise UsageError(f"the route of {wish.key} is not what it was decided by")
        if known is not None and _is_same(known, wish):
            return known
        if known is not None:
            why = f"superseded by {wish.action} {named(wish.target)}"
            switching.end(connection, known, "CANCELLED", why)
        if connection.execute(INSERT, _values(connection, wish)).rowcount:
            break
    live = route_of(connection, wish.key)
    moved = (named(live.live if live else None), named(wish.target))
    evidence = {"kind": wish.kind, "weight": wish.weight, **wish.evidence}
    add_event(connection, wish.actor, wish.action, wish.key, moved, "requested", evidence)
    requested = pending_of(connection, wish.key, wish.kind)
    assert requested is not None
    return requested


def _is_same(known: Deployment, wish: Wish) -> bool:
    asked = known.target.version_id, known.weight, known.mode
    return asked == (wish.target.version_id, wish.weight, wish.mode)


def _values(connection: Connection, wish: Wish) -> dict[str, Any]:
    at = now(connection)
    return {
        "task": wish.key.task.value,
        "lang": wish.key.lang,
        "tenant": wish.key.tenant,
        "model_version_id": wish.target.version_id,
        "kind": wish.kind,
        "weight": wish.weight,
        "mode": wish.mode,
        "action": wish.action,
        "actor": wish.actor,
        "evidence": wish.evidence,
        "requested_at": at,
        "deadline": at + timedelta(seconds=wish.patience_s),
    }


def _note(connection: Connection, one: Deployment, reason: str, mode: Mode) -> None:
    columns = deployment.c
    pending = update(deployment).where(columns.id == one.number, columns.state == PENDING)
    connection.execute(pending.values(reason=reason, mode=mode))
    if mode != one.mode:
        moved = (None, named(one.target))
        add_event(connection, "textmill", mode, one.key, moved, reason)


def _pin(connection: Connection, key: RouteKey, pinned: bool, actor: str) -> bool:
    known = route_of(connection, key)
    if known is None or known.pinned == pinned:
        return False
    connection.execute(update(route).where(is_of(route, key)).values(pinned=pinned))
    moved = (named(known.live), named(known.live))
    add_event(connection, actor, "pin" if pinned else "unpin", key, moved)
    return True
