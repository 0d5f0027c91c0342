"""`textmill models register`: a version that shows that it can answer is entered."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from schemas.errors import ArtifactError, UsageError
from schemas.settings import Settings, load
from workers.cli.operating import acted, actor, refuse_failed

if TYPE_CHECKING:
    from schemas.model_version import Manifest
    from workers.artifact_store import ArtifactStore
    from workers.assembly import Store
    from workers.desired import Event
    from workers.device import Device
    from workers.gate.report import Report
    from workers.ports import ModelVersion
    from workers.rollout.steps import Step

app = typer.Typer()
PATIENCE_S = 300.0
"""How long workers may take to load it, where it is activated at once."""


@app.command()
def register(
    directory: Annotated[Path, typer.Argument(help="Version directory, from `textmill train`.")],
    route: Annotated[
        bool, typer.Option(help="Then activate it for all its tasks and languages.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Let in what lacks labels or languages of the live one."),
    ] = False,
    device: Annotated[str, typer.Option(help="What it is tried on: `cpu`, `gpu:0`.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object.")] = False,
) -> None:
    """Try a version and enter it; jobs may name it from then on. One that fails changes nothing.

    Its files are checked, then it is loaded in a process of its own and must give its sample
    answers, the same in every shape as alone; what it costs is measured. Without `models.store`
    workers load it from DIRECTORY, so all must see that path.

    Example: textmill models register runs/intent --route
    """
    from workers.artifact_store import open_store
    from workers.assembly import Store

    settings = load()
    chosen, files = _device(device), open_store(settings)
    with Store(settings) as store:
        manifest, report = _examined(settings, store, directory, chosen, force)
        version, steps = None, []
        if manifest is not None:
            if route:
                _refuse_pinned(store, manifest)
            version = _entered(store, files, manifest, report, directory)
            if route:
                steps = _activated(settings, store, version, force, as_json)
    if as_json:
        typer.echo(msgspec.json.encode(_row(report, version)).decode())
    if version is None:
        raise ArtifactError(f"{directory} is refused: {report.reason}")
    if not as_json:
        _say(version, report, all(step.state == "DONE" for step in steps) and route)
    refuse_failed(steps)


def _refuse_pinned(store: "Store", manifest: "Manifest") -> None:
    """UsageError where a route is pinned: whoever pinned it did not think of this version."""
    mine = set(product(manifest.tasks, manifest.languages))
    for one in store.rollouts.table():
        if one.pinned and not one.key.tenant and (one.key.task, one.key.lang) in mine:
            raise UsageError(
                f"the route of {one.key} is pinned to {one.live}: register without --route, then "
                "`textmill models activate`, which changes it all the same"
            )


def _activated(
    settings: Settings, store: "Store", version: "ModelVersion", force: bool, as_json: bool
) -> "list[Step]":
    """Let the version answer once the workers have it, as `textmill models activate` does."""
    return acted(
        settings,
        store,
        lambda operator: operator.activate(str(version), force=force),
        wait=True,
        patience_s=PATIENCE_S,
        as_json=as_json,
    )


def _device(name: str) -> "Device":
    from workers.device import parse, this_machine

    return parse(name, this_machine())[0]


def _examined(
    settings: Settings, store: "Store", directory: Path, device: "Device", force: bool
) -> "tuple[Manifest | None, Report]":
    from workers.gate.gate import Gate
    from workers.gate.process import Limits, run

    limits = Limits(seconds=settings.models.trial_s, memory_mib=settings.models.trial_memory_mib)
    gate = Gate(store.registry, device, lambda path: run(path, device, limits))
    return gate.examine(directory.resolve(), force=force)


def _entered(
    store: "Store",
    files: "ArtifactStore | None",
    manifest: "Manifest",
    report: "Report",
    directory: Path,
) -> "ModelVersion":
    from workers.gate.gate import keep_costs

    if files is not None:
        files.put(directory.resolve(), report.digest)
    version = store.registry.register(manifest, report.digest, directory.resolve())
    keep_costs(store.profiles, version, report)
    store.rollouts.record(_event(version, report))
    return version


def _event(version: "ModelVersion", report: "Report") -> "Event":
    from workers.desired import Event

    return Event(
        at=0.0,
        actor=actor(),
        action="register",
        key=None,
        from_version=None,
        to_version=str(version),
        reason="; ".join(f"forced, though {one}" for one in report.forced),
        evidence=msgspec.to_builtins(report),
    )


def _row(report: "Report", version: "ModelVersion | None") -> dict[str, object]:
    return {
        "accepted": version is not None,
        "version": version.version if version else None,
        "reason": report.reason,
        **msgspec.structs.asdict(report),
    }


def _say(version: "ModelVersion", report: "Report", route: bool) -> None:
    tasks, languages = (", ".join(names) for names in (version.tasks, version.languages))
    answers = f"answers {tasks} in {languages}" if route else "entered"
    typer.echo(f"{version} {answers}.")
    for check in report.checks:
        typer.echo(f"  {check.name:10} {check.reason}")
    for difference in report.forced:
        typer.echo(f"  let in by --force though {difference}")
