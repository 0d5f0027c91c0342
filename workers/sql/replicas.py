"""What workers say of themselves: that they live, and which versions they have."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, delete, select, update

from schemas.tables import model_replica, worker
from workers.desired import Here, Replica
from workers.sql.clock import now
from workers.sql.statement import statement

replicas = model_replica.c

BEAT = statement(
    """
    INSERT INTO worker
        (worker_id, device, serves, memory_limit, memory_bytes, started_at, heartbeat_at)
    VALUES (:worker_id, :device, :serves, :memory_limit, :memory_bytes, :started_at, :heartbeat_at)
    ON CONFLICT (worker_id) DO UPDATE
    SET memory_bytes = excluded.memory_bytes, heartbeat_at = excluded.heartbeat_at
    """,
    worker,
)
SAY = statement(
    """
    INSERT INTO model_replica
        (worker_id, model_version_id, state, reason, memory_bytes, loaded_at, heartbeat_at, build)
    SELECT :worker_id, v.id, :state, :reason, :memory_bytes, :loaded_at, :heartbeat_at, :build
    FROM model_version AS v WHERE v.id = :model_version_id
    ON CONFLICT (worker_id, model_version_id) DO UPDATE
    SET state = excluded.state, reason = excluded.reason, memory_bytes = excluded.memory_bytes,
        loaded_at = CASE WHEN excluded.loaded_at IS NULL THEN NULL
                         ELSE coalesce(model_replica.loaded_at, excluded.loaded_at) END,
        heartbeat_at = excluded.heartbeat_at, build = excluded.build
    """,
    model_replica,
)


def say(connection: Connection, here: Here, found: Sequence[Replica]) -> None:
    """Write a worker's beat; what it does not name is gone.

    A replica that is as it was stands with its moment, so that one knows when it failed; those that
    are READY are dated anew.
    """
    at = now(connection)
    connection.execute(
        BEAT,
        {
            "worker_id": here.worker_id,
            "device": here.device,
            "serves": msgspec.to_builtins(here.serves),
            "memory_limit": here.memory_limit,
            "memory_bytes": here.memory_bytes,
            "started_at": at,
            "heartbeat_at": at,
        },
    )
    known = connection.execute(select(model_replica).where(replicas.worker_id == here.worker_id))
    before = {
        row.model_version_id: (row.state, row.reason, row.memory_bytes, row.build) for row in known
    }
    gone = before.keys() - {one.version_id for one in found}
    mine = replicas.worker_id == here.worker_id
    if gone:
        connection.execute(delete(model_replica).where(mine, replicas.model_version_id.in_(gone)))
    ready = update(model_replica).where(mine, replicas.state == "READY")
    connection.execute(ready.values(heartbeat_at=at))
    for one in found:
        if before.get(one.version_id) != (one.state, one.reason, one.memory_bytes, one.build):
            connection.execute(SAY, _values(one, at))


def _values(one: Replica, at: datetime) -> dict[str, object]:
    return {
        "worker_id": one.worker_id,
        "model_version_id": one.version_id,
        "state": one.state,
        "reason": one.reason,
        "memory_bytes": one.memory_bytes,
        "loaded_at": at if one.state == "READY" else None,
        "heartbeat_at": at,
        "build": one.build,
    }


def leave(connection: Connection, worker_id: str) -> None:
    """Forget a worker and its replicas."""
    connection.execute(delete(worker).where(worker.c.worker_id == worker_id))


def forget(connection: Connection, before: float) -> None:
    """Forget workers that are silent since then, in seconds since 1970."""
    silent = worker.c.heartbeat_at < datetime.fromtimestamp(before, UTC)
    connection.execute(delete(worker).where(silent))
