"""The Registry port: which model versions exist, and which answers what by default.

A version is *live* while a route leads to it. Its files may move: the path under which they were
last registered stands, since the digest guards what is in them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, exists, func, select, update

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
_NAMES = ("id", "model", "version", "digest", "state", "path", "parent_id")
_LIGHT = (
    select(*(versions[name] for name in _NAMES), model.c.task)
    .join(model)
    .order_by(versions.model, versions.version)
)
_SAID: WeakKeyDictionary[Engine, dict[str, "_Said"]] = WeakKeyDictionary()
"""By digest what never changes: dispatchers look every second, and a manifest is many kilobytes."""


class _Said(NamedTuple):
    """What of a manifest is needed to send jobs."""

    languages: tuple[Language, ...]
    further: tuple[Task, ...]


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
                return read_all(connection)

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
                led = (route.c.task, route.c.lang, route.c.model_version_id)
                rows = connection.execute(select(*led).where(route.c.tenant == "")).all()
                ids = {row.model_version_id for row in rows}
                known = {one.version_id: one for one in read_all(connection, versions.id.in_(ids))}
            return {(Task(row.task), row.lang): known[row.model_version_id] for row in rows}

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
    return next(iter(read_all(connection, versions.digest == digest)), None)


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


def read_all(connection: Connection, *conditions: ColumnElement[bool]) -> list[ModelVersion]:
    """Versions by name and number; manifests are read of those alone that are seen first."""
    rows = connection.execute(_LIGHT.where(*conditions)).all()
    said = _SAID.setdefault(connection.engine, {})
    if unknown := {row.digest for row in rows} - said.keys():
        asked = select(versions.digest, versions.manifest).where(versions.digest.in_(unknown))
        said |= {digest: _said(manifest) for digest, manifest in connection.execute(asked)}
    return [_version(row, said[row.digest]) for row in rows]


def _said(manifest: dict[str, Any]) -> _Said:
    further = tuple(Task(task) for task in manifest.get("further", ()))
    return _Said(tuple(manifest["languages"]), further)


def _version(row: Any, said: _Said) -> ModelVersion:
    return ModelVersion(
        version_id=row.id,
        name=row.model,
        version=row.version,
        task=Task(row.task),
        languages=said.languages,
        digest=row.digest,
        path=Path(row.path),
        state=row.state,
        further=said.further,
        parent_id=row.parent_id,
    )
