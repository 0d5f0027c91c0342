"""The Profiles port: what batches of a version cost on a kind of device.

Several dispatchers write here, each what it learnt last; the last word stands, which is harmless,
since each goes on learning.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select

from schemas.tables import cost_profile, model_version
from workers.ports import Profile
from workers.sql.statement import statement
from workers.sql.transaction import reading, retried, written

profile = cost_profile.c

KEEP = statement(
    """
    INSERT INTO cost_profile
        (model_version_id, device_kind, call_s, token_s, pair_s, batches, updated_at, memory_bytes)
    VALUES (:model_version_id, :device_kind, :call_s, :token_s, :pair_s, :batches, :updated_at,
            :memory_bytes)
    ON CONFLICT (model_version_id, device_kind) DO UPDATE
    SET call_s = excluded.call_s, token_s = excluded.token_s, pair_s = excluded.pair_s,
        batches = excluded.batches, updated_at = excluded.updated_at,
        memory_bytes = COALESCE(excluded.memory_bytes, cost_profile.memory_bytes)
    """,
    cost_profile,
)


class SqlProfiles:
    """Costs in SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def profiles(self) -> Sequence[Profile]:
        """See `workers.ports.Profiles`."""

        def read() -> Sequence[Profile]:
            by_key = select(cost_profile).order_by(profile.model_version_id, profile.device_kind)
            with reading(self._engine) as connection:
                return [
                    Profile(
                        row.model_version_id,
                        row.device_kind,
                        (row.call_s, row.token_s, row.pair_s),
                        row.batches,
                        row.memory_bytes,
                    )
                    for row in connection.execute(by_key)
                ]

        return retried(read)

    def keep(self, profiles: Sequence[Profile]) -> None:
        """See `workers.ports.Profiles`."""
        if profiles:
            written(self._engine, lambda connection: _keep(connection, profiles))


def _keep(connection: Connection, profiles: Sequence[Profile]) -> None:
    wanted = {one.version_id for one in profiles}
    known = select(model_version.c.id).where(model_version.c.id.in_(wanted))
    registered = set(connection.execute(known).scalars())
    for one in sorted(profiles, key=lambda one: (one.version_id, one.kind)):
        if one.version_id in registered:
            connection.execute(KEEP, _values(one))


def _values(one: Profile) -> dict[str, object]:
    call_s, token_s, pair_s = one.prices
    return {
        "model_version_id": one.version_id,
        "device_kind": one.kind,
        "call_s": call_s,
        "token_s": token_s,
        "pair_s": pair_s,
        "batches": one.batches,
        "updated_at": datetime.now(UTC),
        "memory_bytes": one.memory_bytes,
    }
