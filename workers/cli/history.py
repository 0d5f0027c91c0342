"""`textmill models show | history | diff`: what a version is, where it is, how it came there."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from workers.cli.operating import Json, Model, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.assembly import Store
    from workers.desired import Event, Snapshot
    from workers.ports import ModelVersion

app = typer.Typer()
ARMS = ("live", "canary", "shadow", "previous")


@app.command()
def show(model: Model, as_json: Json = False) -> None:
    """Show a model's versions: what each answers, as which arm, and which workers have it.

    Example: textmill models show topics --json
    """
    from workers.core.lookup import parse_model
    from workers.rollout.scope import is_meant, version_of

    with opened() as (_, store):
        versions = store.registry.versions()
        name, number = parse_model(model)
        if number is not None or not any(one.name == name for one in versions):
            version_of(versions, model)
        snapshot = store.rollouts.snapshot()
        rows = [
            _about(store, snapshot, one) | _family(one, versions)
            for one in versions
            if is_meant(one, model)
        ]
    if as_json:
        typer.echo(msgspec.json.encode({"versions": rows}).decode())
        return
    for row in rows:
        _print(row)


@app.command()
def history(
    model: Annotated[str, typer.Argument(help="`name` or `name@3`; all when left out.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Events at most.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Show who changed which route when and why, newest first.

    Example: textmill models history topics
    """
    with opened() as (_, store):
        events = store.rollouts.history(model or None, limit)
    if as_json:
        typer.echo(msgspec.json.encode([_event(event) for event in events]).decode())
        return
    for event in events:
        row = _event(event)
        moved = f"{row['from'] or '-'} -> {row['to'] or '-'}"
        where = f" for {event.key}" if event.key else ""
        said = f": {event.reason}" if event.reason else ""
        typer.echo(f"{row['at'][:19]}  {event.actor}  {event.action} {moved}{where}{said}")


@app.command()
def diff(
    one: Annotated[str, typer.Argument(help="A version: `name@3`.")],
    other: Annotated[str, typer.Argument(help="Another: `name@4`.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Show what differs between two versions: labels, scores, architecture, files.

    Example: textmill models diff topics@3 topics@4
    """
    from workers.rollout.comparing import differences
    from workers.rollout.scope import version_of

    with opened() as (_, store):
        versions = store.registry.versions()
        both = [version_of(versions, each) for each in (one, other)]
        pair = [store.registry.manifest(version) for version in both]
        families = [_family(version, versions)["derived_from"] for version in both]
    found = list(differences(*pair))
    if families[0] != families[1]:
        found.insert(0, ("derived from", *families))
    if as_json:
        rows = [{"what": what, one: a, other: b} for what, a, b in found]
        typer.echo(msgspec.json.encode(rows).decode())
        return
    for what, a, b in found:
        typer.echo(f"{what}: {_short(a)} -> {_short(b)}")


def _about(store: "Store", snapshot: "Snapshot", version: "ModelVersion") -> dict[str, Any]:
    manifest = store.registry.manifest(version)
    mine = version.version_id
    arms = [
        {
            "arm": arm,
            **route.key._asdict(),
            "share": {"canary": route.canary_weight, "shadow": route.shadow_sample}.get(arm, 1.0),
            "pinned": route.pinned,
        }
        for route in snapshot.routes
        for arm in ARMS
        if (led := getattr(route, arm)) is not None and led.version_id == mine
    ]
    return {
        "model": version.name,
        "version": version.version,
        "state": version.state,
        "tasks": version.tasks,
        "languages": version.languages,
        "labels": {task: len(labels) for task, labels in manifest.tasks.items()},
        "parent": manifest.parent,
        "metrics": manifest.metrics,
        "digest": version.digest,
        "path": str(version.path),
        "routes": arms,
        "aliases": [
            name
            for (model, name), leads_to in store.rollouts.aliases().items()
            if (model, leads_to) == (version.name, mine)
        ],
        "deployments": [
            {"kind": one.kind, **one.key._asdict(), "actor": one.actor, "reason": one.reason}
            for one in snapshot.pending
            if one.target.version_id == mine
        ],
        "replicas": [
            {
                "worker": one.worker_id,
                "state": one.state,
                "reason": one.reason,
                "memory_bytes": one.memory_bytes,
                "build": one.build,
            }
            for one in snapshot.replicas
            if one.version_id == mine
        ],
    }


def _family(version: "ModelVersion", versions: "Sequence[ModelVersion]") -> dict[str, Any]:
    """What it was derived from and what was derived from it, as far as that is registered."""
    names = {one.version_id: str(one) for one in versions}
    return {
        "derived_from": None if version.parent_id is None else names[version.parent_id],
        "children": [str(one) for one in versions if one.parent_id == version.version_id],
    }


def _print(row: dict[str, Any]) -> None:
    typer.echo(f"{row['model']}@{row['version']} ({row['state']}) {row['digest'][:12]}")
    tasks, languages = " ".join(row["tasks"]), " ".join(row["languages"])
    typer.echo(f"  answers    {tasks} in {languages}")
    if row["derived_from"]:
        typer.echo(f"  from       {row['derived_from']}")
    if row["children"]:
        typer.echo(f"  children   {' '.join(row['children'])}")
    for one in row["routes"]:
        pinned = ", pinned" if one["pinned"] else ""
        tenant = f" of {one['tenant']}" if one["tenant"] else ""
        share = f" {one['share']:.0%}" if one["arm"] in ("canary", "shadow") else ""
        typer.echo(f"  {one['arm']:10} {one['task']}/{one['lang']}{tenant}{share}{pinned}")
    for name in row["aliases"]:
        typer.echo(f"  alias      {row['model']}@{name}")
    for one in row["deployments"]:
        typer.echo(f"  on its way {one['kind']} for {one['task']}/{one['lang']}: {one['reason']}")
    for one in row["replicas"]:
        mib = f"{one['memory_bytes'] / 2**20:.0f} MiB"
        said = one["reason"] or (f"{mib}, {one['build']}" if one["build"] else mib)
        typer.echo(f"  at         {one['worker']}: {one['state']} {said}")
    for name, value in row["metrics"].items():
        typer.echo(f"  {name} {value:.4g}")


def _event(event: "Event") -> dict[str, Any]:
    task, lang, tenant = event.key or (None, None, None)
    return {
        "at": datetime.fromtimestamp(event.at, UTC).isoformat(),
        "actor": event.actor,
        "action": event.action,
        "task": task,
        "lang": lang,
        "tenant": tenant,
        "from": event.from_version,
        "to": event.to_version,
        "reason": event.reason,
        "evidence": event.evidence,
    }


def _short(value: Any) -> str:
    said = msgspec.json.encode(value).decode()
    return said if len(said) <= 100 else f"{said[:97]}..."
