"""The Registry port: which model versions exist, and which answers what by default.

A version is *live* while a route leads to it. Its files may move: the path under which they were
last registered stands, since the digest guards what is in them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, exists, func, select, update

from schemas.errors import UsageError
from schemas.model_version import Language, Manifest
from schemas.tables import model, model_version, route
from schemas.task import Task
from workers.ports import ModelVersion
from workers.sql.statement import statement
from workers.sql.transaction import reading, retried, written

versions = model_version.c

INSERT_MODEL = statement(
    "INSERT INTO model (name, task) VALUES (:name, :task) ON CONFLICT DO NOTHING", model
)
INSERT_VERSION = statement(
    """
    INSERT INTO model_version
        (model, version, digest, state, manifest, path, created_at, parent_id)
    VALUES (:model, :version, :digest, 'registered', :manifest, :path, :created_at,
            (SELECT id FROM model_version WHERE digest = :parent))
    ON CONFLICT DO NOTHING
    """,
    model_version,
)
SET_ROUTE = statement(
    """
    INSERT INTO route (task, lang, model_version_id, updated_at)
    VALUES (:task, :lang, :model_version_id, :updated_at)
    ON CONFLICT (task, lang, tenant) DO UPDATE
    SET model_version_id = excluded.model_version_id, updated_at = excluded.updated_at,
        previous_version_id = CASE WHEN route.model_version_id = excluded.model_version_id
                                   THEN route.previous_version_id ELSE route.model_version_id END
    """,
    route,
)
ALL_VERSIONS = (
    select(model_version, model.c.task).join(model).order_by(versions.model, versions.version)
)


class SqlRegistry:
    """Model versions and routes in SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def register(self, manifest: Manifest, digest: str, path: Path) -> ModelVersion:
        """See `workers.ports.Registry`.

        Raises:
            UsageError: a model of this name answers another task.
        """
        return written(self._engine, lambda c: _register(c, manifest, digest, path))

    def route(self, task: Task, language: Language, version: ModelVersion) -> None:
        """See `workers.ports.Registry`.

        Raises:
            UsageError: the version answers another task, or not this language.
        """
        _check_route(task, language, version)
        written(self._engine, lambda c: _route(c, task, language, version.version_id))

    def versions(self) -> Sequence[ModelVersion]:
        """See `workers.ports.Registry`."""

        def read() -> Sequence[ModelVersion]:
            with reading(self._engine) as connection:
                return [version_of(row) for row in connection.execute(ALL_VERSIONS)]

        return retried(read)

    def manifest(self, version: ModelVersion) -> Manifest:
        """See `workers.ports.Registry`."""

        def read() -> Manifest:
            one = select(versions.manifest).where(versions.id == version.version_id)
            with reading(self._engine) as connection:
                return msgspec.convert(connection.execute(one).scalar_one(), Manifest)

        return retried(read)

    def routes(self) -> Mapping[tuple[Task, Language], ModelVersion]:
        """See `workers.ports.Registry`."""

        def read() -> Mapping[tuple[Task, Language], ModelVersion]:
            with reading(self._engine) as connection:
                rows = connection.execute(
                    ALL_VERSIONS.add_columns(route.c.task.label("routed"), route.c.lang)
                    .join(route, route.c.model_version_id == versions.id)
                    .where(route.c.tenant == "")
                ).all()
            return {(Task(row.routed), row.lang): version_of(row) for row in rows}

        return retried(read)


def _register(connection: Connection, manifest: Manifest, digest: str, path: Path) -> ModelVersion:
    if manifest.task is None:
        raise UsageError(
            f"{path} is a pre-trained encoder and answers no task: train a model from it with "
            "`textmill train --init-from`"
        )
    _lock_model(connection, manifest.name, manifest.task)
    if (known := _moved(connection, digest, path)) is not None:
        return known
    newest = select(func.max(versions.version)).where(versions.model == manifest.name)
    values = {
        "model": manifest.name,
        "version": (connection.execute(newest).scalar() or 0) + 1,
        "digest": digest,
        "manifest": msgspec.to_builtins(manifest),
        "path": str(path),
        "created_at": datetime.now(UTC),
        "parent": manifest.parent,
    }
    connection.execute(INSERT_VERSION, values)
    registered = _moved(connection, digest, path)
    assert registered is not None
    return registered


def _lock_model(connection: Connection, name: str, task: Task) -> None:
    """Enter the model if it is new; only one at a time numbers its versions."""
    connection.execute(INSERT_MODEL, {"name": name, "task": task.value})
    known = connection.execute(
        select(model.c.task).where(model.c.name == name).with_for_update()
    ).scalar_one()
    if known != task:
        raise UsageError(f"the model {name} answers {known}, not {task}: choose another name")


def _moved(connection: Connection, digest: str, path: Path) -> ModelVersion | None:
    """The version with this digest, its files now at `path`."""
    connection.execute(
        update(model_version)
        .where(versions.digest == digest, versions.path != str(path))
        .values(path=str(path))
    )
    row = connection.execute(ALL_VERSIONS.where(versions.digest == digest)).one_or_none()
    return None if row is None else version_of(row)


def _check_route(task: Task, language: Language, version: ModelVersion) -> None:
    if task not in version.tasks:
        raise UsageError(f"{version} answers {', '.join(version.tasks)}, not {task}")
    if language not in version.languages:
        raise UsageError(f"{version} reads {', '.join(version.languages)}, not {language}")


def _route(connection: Connection, task: Task, language: Language, version_id: int) -> None:
    connection.execute(
        SET_ROUTE,
        {
            "task": task.value,
            "lang": language,
            "model_version_id": version_id,
            "updated_at": datetime.now(UTC),
        },
    )
    mark_live(connection)


def mark_live(connection: Connection) -> None:
    """Write down the states that routes have changed: a version is live while one leads to it."""
    routed = exists().where(route.c.model_version_id == versions.id)
    for state, was, condition in (
        ("live", ("registered", "retired"), routed),
        ("registered", ("live",), ~routed),
    ):
        changed = update(model_version).where(versions.state.in_(was), condition)
        connection.execute(changed.values(state=state))


def version_of(row: Row[Any]) -> ModelVersion:
    manifest: dict[str, Any] = row.manifest
    return ModelVersion(
        version_id=row.id,
        name=row.model,
        version=row.version,
        task=Task(row.task),
        languages=tuple(manifest["languages"]),
        digest=row.digest,
        path=Path(row.path),
        state=row.state,
        further=tuple(Task(task) for task in manifest.get("further", ())),
    )
