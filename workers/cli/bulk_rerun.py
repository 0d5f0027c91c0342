"""`textmill bulk rerun`: what one version answered is answered again by another one."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from schemas.errors import UsageError
from schemas.task import Task
from workers.cli.bulk import INTERRUPTED, LOOK_S, Json
from workers.cli.bulk_screen import clear, show_rows, tell
from workers.cli.operating import opened

if TYPE_CHECKING:
    from schemas.settings import Settings
    from workers.assembly import Store
    from workers.bulks.changes import Report
    from workers.sql.bulks import FoundBulk

app = typer.Typer()
SHOWN = 20
"""Cells of the table of confusion that people see; --json has them all."""


@app.command()
def rerun(
    old: Annotated[str, typer.Option("--from", help="Whose answers: `name@3`.")],
    new: Annotated[str, typer.Option("--to", help="Which answers again: `name@4`.")],
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only answers with COLUMN=VALUE, or != < <= > >= ~; all hold."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The job's name; else made of the request.")
    ] = None,
    task: Annotated[
        Task | None, typer.Option(help="Which, where the versions have several.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when all is answered.")] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Let the new answers stand, once it is done.")
    ] = False,
    examples: Annotated[
        int, typer.Option(min=0, max=10_000, help="Changed answers that are shown at most.")
    ] = 10,
    as_json: Json = False,
) -> None:
    """Answer again, as bulk work, what one version answered; show what changed; apply it.

    The same command goes on where it was interrupted, and shows how far the job is. New answers
    are unseen until --apply. A text that the log and the files of bulk jobs have no more cannot be
    asked again.

    Example: textmill bulk rerun --from topics@3 --to topics@4 --where "score<0.6"
    """
    from workers.bulks.changes import apply as let_stand
    from workers.bulks.changes import report_of
    from workers.bulks.desk import present_workers

    with opened() as (settings, store):
        request, versions = _request(store, old, new, task, where or [])
        called = name or request.name()
        if apply:
            found = _known(store, called, request)
            number = let_stand(store, found)
            tell(f"{number} new answers stand now.")
        else:
            _submit(settings, store, request, versions, called)
        if wait:
            _wait(store, called)
        found, workers = store.bulks.find(called), present_workers(settings)
        report = report_of(store, found, workers, examples)
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        _print(report)


def _request(
    store: "Store", old: str, new: str, task: Task | None, where: list[str]
) -> tuple[Any, Any]:
    from workers.bulks.rerun import request_of
    from workers.rollout.scope import version_of

    known = store.registry.versions()
    both = version_of(known, old), version_of(known, new)
    return request_of(store, *both, task, where), both


def _known(store: "Store", name: str, request: Any) -> "FoundBulk":
    """The job that was submitted before with the same words."""
    found = store.bulks.find(name)
    if found.request != request:
        raise UsageError(f"The bulk job {name!r} asks something else: textmill bulk list")
    return found


def _submit(settings: "Settings", store: "Store", request: Any, versions: Any, name: str) -> None:
    from workers.bulks.rerun import hand_in

    try:
        hand_in(settings, store, request, versions, name, watch=show_rows)
    except KeyboardInterrupt:
        clear()
        tell("Interrupted. The same command goes on; nothing is answered twice.")
        raise typer.Exit(INTERRUPTED) from None
    clear()


def _wait(store: "Store", name: str) -> None:
    from workers.bulks.status import status_of

    while True:
        now = status_of(store, store.bulks.find(name), 0)
        if now.state in {"done", "cancelled"} and not now.outstanding:
            return
        time.sleep(LOOK_S)


def _print(report: "Report") -> None:
    known = msgspec.to_builtins(report)
    changes = known.pop("changes")
    for name, value in known.items():
        typer.echo(f"{name + ':':<14}{value}")
    for name in ("pairs", "same", "changed", "agreement", "likeness", "score_change"):
        value = changes[name]
        typer.echo(f"{name + ':':<14}{'-' if value is None else round(value, 4)}")
    for cell in changes["confusion"][:SHOWN]:
        typer.echo(f"  {cell['from'] or '-'} -> {cell['to'] or '-'}: {cell['count']}")
    for one in changes["examples"]:
        typer.echo(f"  {one['job_id']}: {_short(one['from'])} -> {_short(one['to'])}")
    if report.state == "done" and report.applied < report.changes.pairs:
        typer.echo("Let these answers stand: the same command with --apply.")
    elif report.state in {"submitting", "running"}:
        typer.echo(f"Watch it: textmill bulk watch {report.name}")


def _short(answer: dict[str, Any]) -> str:
    spans = answer.get("spans")
    if spans is not None:
        return ", ".join(f"{one['text']} ({one['label']})" for one in spans) or "nothing"
    said = str(answer.get("label") or answer.get("summary"))
    return f"{said} {answer['score']:.2f}" if answer.get("score") is not None else said
