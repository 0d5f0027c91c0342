"""Changing where a route leads: each change holds only if what it is based on still does."""

from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from schemas.tables import deployment, route
from workers.desired import Deployment, Event, Route, RouteKey
from workers.sql.clock import now
from workers.sql.history import add_event, named
from workers.sql.registry import mark_live
from workers.sql.routes import PENDING, is_of, read_deployment, route_of

ROLLBACK = "rollback"
"""After it there is no version before: going back twice is not going forth again."""


def flip(connection: Connection, one: Deployment, reason: str) -> bool:
    """Let the route lead where a pending deployment wants; False: it is pending no more.

    One that needs its room first stays pending: it is `settled` once workers have the version.
    """
    known = route_of(connection, one.key)  # the lock: one at a time from here on
    current = read_deployment(connection, one.number)
    if current is None or current.state != PENDING:
        return False
    if not (current.kind == "live" and current.mode == "resource"):
        close(connection, one.number, "DONE", reason)
    if _leads(known, current):
        return False
    _lead(connection, known, current)
    mark_live(connection)
    was = named(_arm(known, current.kind) or (known.live if known else None))
    stored = select(deployment.c.evidence).where(deployment.c.id == one.number)
    evidence = {"deployment": one.number, "kind": one.kind, "weight": one.weight}
    evidence |= connection.execute(stored).scalar_one()
    add_event(
        connection, one.actor, one.action, one.key, (was, named(one.target)), reason, evidence
    )
    return True


def end(
    connection: Connection, one: Deployment, state: Literal["FAILED", "CANCELLED"], why: str
) -> bool:
    """End a pending deployment without its wish; a route that has flipped already goes back."""
    known = route_of(connection, one.key)
    if not close(connection, one.number, state, why):
        return False
    if known is not None and one.mode == "resource" and _leads(known, one) and known.previous:
        back = {"model_version_id": known.previous.version_id, "previous_version_id": None}
        _set(connection, one.key, **back)
        mark_live(connection)
    current = route_of(connection, one.key)
    kept = named(current.live if current else None)
    evidence = {"deployment": one.number, "kind": one.kind, "serving": kept}
    action = f"{one.action} {state.lower()}"[:20]
    add_event(connection, one.actor, action, one.key, (kept, named(one.target)), why, evidence)
    return True


def close(connection: Connection, number: int, state: str, reason: str) -> bool:
    """Let a pending deployment end so; False: it is pending no more."""
    columns = deployment.c
    pending = update(deployment).where(columns.id == number, columns.state == PENDING)
    values = {"state": state, "reason": reason, "ended_at": now(connection)}
    return bool(connection.execute(pending.values(**values)).rowcount)


def settle(connection: Connection, one: Deployment) -> bool:
    """End a pending deployment whose wish came true; False: it is pending no more."""
    route_of(connection, one.key)  # the lock, in the order of `flip` and `end`
    if not close(connection, one.number, "DONE", "ready"):
        return False
    if one.action == ROLLBACK:
        _set(connection, one.key, previous_version_id=None)
    return True


def withdraw(
    connection: Connection,
    key: RouteKey,
    kind: Literal["canary", "shadow"],
    event: Event,
    seen: Route | None = None,
) -> bool:
    """Take a canary or a shadow from a route; False: there is none, or it is not as `seen`."""
    known = route_of(connection, key)
    arm = _arm(known, kind)
    if arm is None or seen not in (None, known):
        return False
    _set(connection, key, **_none(kind))
    moved, rest = (named(arm), None), (event.reason, event.evidence)
    add_event(connection, event.actor, event.action, key, moved, *rest)
    return True


def _arm(known: Route | None, kind: str) -> Any:
    return None if known is None else getattr(known, kind)


def _leads(known: Route | None, one: Deployment) -> bool:
    arm = _arm(known, one.kind)
    if known is None or arm is None or arm.version_id != one.target.version_id:
        return False
    weights = {"canary": known.canary_weight, "shadow": known.shadow_sample}
    return weights.get(one.kind, one.weight) == one.weight


def _lead(connection: Connection, known: Route | None, one: Deployment) -> None:
    target = one.target.version_id
    if one.kind == "canary":
        _set(connection, one.key, canary_version_id=target, canary_weight=one.weight)
    elif one.kind == "shadow":
        _set(connection, one.key, shadow_version_id=target, shadow_sample=one.weight)
    elif known is None:
        task, lang, tenant = one.key
        row = {"task": task.value, "lang": lang, "tenant": tenant, "model_version_id": target}
        connection.execute(insert(route).values(**row, updated_at=now(connection)))
    else:
        arms = (("canary", known.canary), ("shadow", known.shadow))
        gone = [_none(kind) for kind, arm in arms if arm is not None and arm.version_id == target]
        values = {name: value for some in gone for name, value in some.items()}
        proven = one.mode == "availability"  # else it may have to go back: see `settle`
        previous = None if one.action == ROLLBACK and proven else known.live.version_id
        values |= {"model_version_id": target, "previous_version_id": previous}
        _set(connection, one.key, **values)


def _none(kind: str) -> dict[str, Any]:
    """A route without this arm."""
    weight = "canary_weight" if kind == "canary" else "shadow_sample"
    return {f"{kind}_version_id": None, weight: 0.0}


def _set(connection: Connection, key: RouteKey, **values: Any) -> None:
    changed = update(route).where(is_of(route, key))
    connection.execute(changed.values(**values, updated_at=now(connection)))
