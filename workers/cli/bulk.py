"""`textmill bulk`: files of any size in, answers joined to their rows out."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from schemas.job import DEFAULT_TENANT
from schemas.settings import Settings, load
from schemas.task import Task
from workers.cli.bulk_screen import clear, print_fields, show_rows, show_status, tell

if TYPE_CHECKING:
    from producers.bulk.submission import Begun, Progress
    from workers.bulks.status import Status

app = typer.Typer(no_args_is_help=True, help="Bulk jobs: files in, joined answers out.")

LOOK_S = 1.0
INTERRUPTED = 130

Name = Annotated[str, typer.Argument(help="The job's name or id.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command()
def submit(
    files: Annotated[
        list[str],
        typer.Argument(
            help="JSON Lines, CSV, TSV, Parquet, a text a line, or a directory of .txt files; .gz "
            "and .zst are unpacked; - is standard input."
        ),
    ],
    task: Annotated[list[str], typer.Option(help=f"{', '.join(Task)}; several with commas.")],
    text_column: Annotated[str, typer.Option(help="Column of the texts.")] = "text",
    id_column: Annotated[
        str | None, typer.Option(help="Column of your own ids, kept in metadata.id.")
    ] = None,
    lang: Annotated[str | None, typer.Option(help="zh or en; else detected.")] = None,
    model: Annotated[
        str | None, typer.Option(help="NAME or NAME@VERSION; else the routed model.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The job's name; else made of the file's and the request.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only rows with COLUMN=VALUE, or != < <= > >= ~ (contains); all hold."),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Whose job it is.")] = DEFAULT_TENANT,
    on_error: Annotated[
        str, typer.Option(help="skip: leave rows out that are no documents; stop: end there.")
    ] = "skip",
    reuse: Annotated[
        str,
        typer.Option(
            help="Which equal texts are answered once: file: those of this job; all: also those "
            "that the present version answered in earlier jobs with --reuse all; none."
        ),
    ] = "file",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and count; publish nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Submit files as one bulk job. The same command again goes on where it was interrupted.

    Example: textmill bulk submit reviews.csv.gz --task sentiment --text-column body --name june
    """
    from workers.bulks.desk import forecast, request_of

    settings = load()
    request = request_of(
        settings,
        files,
        task,
        where or [],
        text_column=text_column,
        id_column=id_column,
        lang=lang,
        model=model,
        tenant=tenant,
        on_error=on_error,
        reuse=reuse,
    )
    if dry_run:
        print_fields(forecast(settings, request, tell), as_json)
    else:
        _submit(settings, request, name, as_json)


def _submit(settings: Settings, request: Any, name: str | None, as_json: bool) -> None:
    from workers.bulks.desk import hand_in

    seen: list[Begun] = []

    def begun(one: "Begun") -> None:
        seen.append(one)
        if one.rows and not one.finished:
            tell(f"{one.name} goes on after {one.rows} rows.")

    try:
        entered, progress = hand_in(
            settings, request, name, begun=begun, watch=show_rows, tell=tell
        )
    except KeyboardInterrupt:
        clear()
        known = f"{seen[0].name} is not complete. " if seen else ""
        tell(f"Interrupted. {known}The same command goes on; nothing is answered twice.")
        raise typer.Exit(INTERRUPTED) from None
    clear()
    _say_submitted(entered, progress, as_json)


def _say_submitted(entered: "Begun", progress: "Progress", as_json: bool) -> None:
    said = {"name": entered.name, "bulk_id": entered.bulk_id, **msgspec.to_builtins(progress)}
    if as_json:
        typer.echo(msgspec.json.encode(said).decode())
        return
    if entered.finished:
        typer.echo(f"{entered.name} is submitted already: textmill bulk status {entered.name}")
        return
    extra = [
        f"{number} {what}"
        for number, what in (
            (progress.reused, "repeat an earlier text"),
            (progress.reused_earlier, "have an earlier job's answer"),
            (progress.left_out, "left out"),
            (progress.bad, "are no documents"),
        )
        if number
    ]
    typer.echo(
        f"Submitted {entered.name}: {progress.rows} rows, {progress.documents} documents"
        + "".join(f", {one}" for one in extra)
        + "."
    )
    if progress.first_bad is not None:
        tell(f"The first bad row: {progress.first_bad} textmill bulk errors {entered.name}")
    typer.echo(f"Watch it: textmill bulk watch {entered.name}")


@app.command()
def status(name: Name, as_json: Json = False) -> None:
    """Print how far a job is.

    Example: textmill bulk status june --json
    """
    print_fields(_status(load(), name), as_json)


@app.command()
def watch(name: Name, as_json: Json = False) -> None:
    """Show how a job gets on until it is done, cancelled, or Ctrl-C; the job does not mind.

    Example: textmill bulk watch june
    """
    from workers.assembly import Store
    from workers.bulks.desk import present_workers
    from workers.bulks.status import status_of

    settings = load()
    last = None
    with Store(settings) as store:
        while True:
            found = store.bulks.find(name)
            now = status_of(store, found, present_workers(settings))
            if now != last:
                show_status(now, as_json)
            last = now
            if now.state in {"done", "cancelled"} and not now.outstanding:
                break
            time.sleep(LOOK_S)
    if sys.stdout.isatty() and not as_json:
        typer.echo()


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List the jobs, newest first.

    Example: textmill bulk list
    """
    from workers.assembly import Store
    from workers.bulks.status import status_of

    with Store(load()) as store:
        found = [status_of(store, one, 0) for one in store.bulks.every(limit)]
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    from rich.console import Console
    from rich.table import Table

    states = ("queued", "running", "done", "failed", "cancelled")
    table = Table("name", "state", "priority", "rows", *states)
    for one in found:
        numbers = (one.rows, *(getattr(one, name) for name in states))
        table.add_row(one.name, one.state, one.priority, *map(str, numbers))
    Console().print(table)


def _status(settings: Settings, name: str) -> "Status":
    from workers.assembly import Store
    from workers.bulks.desk import present_workers
    from workers.bulks.status import status_of

    with Store(settings) as store:
        return status_of(store, store.bulks.find(name), present_workers(settings))
