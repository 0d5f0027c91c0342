"""`textmill models`: the registered model versions."""

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import ArtifactError
from schemas.settings import load

if TYPE_CHECKING:
    from workers.ports import ModelVersion, Registry

app = typer.Typer(no_args_is_help=True, help="Model versions.")


@app.callback()
def group() -> None:
    """Model versions."""


@app.command("list")
def list_versions(
    children: Annotated[
        str | None, typer.Option(help="Only those derived from this version: `name@3`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List the registered versions and what they answer by default.

    Example: textmill models list --json
    """
    from workers import starters
    from workers.assembly import Store

    settings = load()
    with Store(settings) as store:
        if not settings.database.url:  # nobody else's: the first look may fill it
            starters.enroll(store.registry, settings.models.starters)
        rows = _rows(store.registry, children)
    typer.echo(json.dumps(rows)) if as_json else _print(rows)


def _rows(registry: "Registry", children: str | None) -> list[dict[str, Any]]:
    from workers.rollout.scope import version_of

    routes, versions = registry.routes(), registry.versions()
    names = {version.version_id: str(version) for version in versions}
    parent = None if children is None else version_of(versions, children).version_id
    return [
        {
            "model": version.name,
            "version": version.version,
            "task": version.task,
            "tasks": version.tasks,
            "languages": version.languages,
            "corpora": _corpora(version),
            "state": version.state,
            "parent": None if version.parent_id is None else names[version.parent_id],
            "default_for": [
                f"{task}/{language}"
                for (task, language), routed in routes.items()
                if routed.version_id == version.version_id
            ],
            "digest": version.digest,
            "path": str(version.path),
        }
        for version in versions
        if parent in (None, version.parent_id)
    ]


def _corpora(version: "ModelVersion") -> list[str]:
    """Return a starter's folders of corpora, else what the manifest names; nothing where the
    version's files are not on this machine."""
    from models import artifact
    from models.training.starters import STARTERS
    from workers import starters

    if starters.find(version.digest):
        return [name for one in STARTERS if one.name == version.name for name in one.corpora]
    with suppress(ArtifactError):
        return [one.name for one in artifact.read_manifest(version.path).data]
    return []


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for column in ("version", "tasks", "languages", "default for", "derived from", "digest"):
        table.add_column(column)
    for row in rows:
        table.add_row(
            f"{row['model']}@{row['version']}",
            " ".join(row["tasks"]),
            " ".join(row["languages"]),
            " ".join(row["default_for"]),
            row["parent"] or "",
            row["digest"][:12],
        )
    Console().print(table)
