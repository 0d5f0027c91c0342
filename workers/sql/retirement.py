"""Versions out of use, and names of their own for versions."""

from sqlalchemy import Connection, Table, delete, exists, select, update

from schemas.errors import UsageError
from schemas.tables import (
    alias,
    cost_profile,
    deployment,
    model_replica,
    model_version,
    result,
    route,
    shadow_result,
)
from workers.ports import ModelVersion
from workers.sql.clock import now
from workers.sql.history import add_event, named
from workers.sql.routes import PENDING, read_aliases, read_routes
from workers.sql.statement import statement

SET_ALIAS = statement(
    """
    INSERT INTO alias (model, name, model_version_id, updated_at)
    VALUES (:model, :name, :model_version_id, :updated_at)
    ON CONFLICT (model, name) DO UPDATE
    SET model_version_id = excluded.model_version_id, updated_at = excluded.updated_at
    """,
    alias,
)


def retire(connection: Connection, version: ModelVersion, actor: str) -> bool:
    """Let a version be chosen no more but by its number; False: it is so already."""
    _refuse_in_use(connection, version)
    known = model_version.c
    changed = connection.execute(
        update(model_version)
        .where(known.id == version.version_id, known.state != "retired")
        .values(state="retired")
    )
    if changed.rowcount:
        add_event(connection, actor, "retire", None, (named(version), None))
    return bool(changed.rowcount)


def remove(connection: Connection, version: ModelVersion, actor: str) -> None:
    """Forget a version that never answered, with what was noted of it; the history stays.

    Who inserts answers of it at this moment waits for the lock, or had it before.
    """
    _refuse_in_use(connection, version)
    _forget_previous(connection, version)  # routes are locked before versions, as where they change
    known = model_version.c
    row = select(known.id).where(known.id == version.version_id)
    connection.execute(row.with_for_update())
    for table in (result, shadow_result):
        if _is_named_by(connection, table, version):
            raise UsageError(
                f"{named(version)} has answered jobs, whose rows name it: "
                f"`textmill models retire {named(version)}` takes it out of use"
            )
    orphans = update(model_version).where(known.parent_id == version.version_id)
    connection.execute(orphans.values(parent_id=None))
    for table in (cost_profile, model_replica, deployment):
        mine = table.c.model_version_id == version.version_id
        connection.execute(delete(table).where(mine))
    connection.execute(delete(model_version).where(known.id == version.version_id))
    add_event(connection, actor, "remove", None, (named(version), None), version.digest)


def name(
    connection: Connection, model: str, word: str, version: ModelVersion | None, actor: str
) -> bool:
    """Set an alias of a model, or drop it; False: it is so already."""
    before = read_aliases(connection).get((model, word))
    if before == (version.version_id if version else None):
        return False
    if version is None:
        mine = (alias.c.model == model, alias.c.name == word)
        connection.execute(delete(alias).where(*mine))
    else:
        values = {"model": model, "name": word, "model_version_id": version.version_id}
        connection.execute(SET_ALIAS, {**values, "updated_at": now(connection)})
    add_event(connection, actor, "alias", None, (f"{model}@{word}", named(version)))
    return True


def _is_named_by(connection: Connection, table: Table, version: ModelVersion) -> bool:
    found = exists().where(table.c.model_version_id == version.version_id)
    return bool(connection.execute(select(found)).scalar())


def _refuse_in_use(connection: Connection, version: ModelVersion) -> None:
    for one in read_routes(connection):
        for arm in ("live", "canary", "shadow"):
            led = getattr(one, arm)
            if led is not None and led.version_id == version.version_id:
                raise UsageError(
                    f"{named(version)} is {arm} for {one.key}: let another answer first"
                )
    for (model, word), version_id in read_aliases(connection).items():
        if version_id == version.version_id:
            raise UsageError(
                f"{named(version)} has the alias {model}@{word}: move or drop it first"
            )
    waits = (deployment.c.model_version_id == version.version_id, deployment.c.state == PENDING)
    if connection.execute(select(deployment.c.id).where(*waits)).first():
        raise UsageError(f"{named(version)} is being deployed: wait, or activate another version")


def _forget_previous(connection: Connection, version: ModelVersion) -> None:
    led = route.c.previous_version_id == version.version_id
    connection.execute(update(route).where(led).values(previous_version_id=None))
