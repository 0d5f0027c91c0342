"""`textmill results`: answers, by job or as a list."""

import contextlib
import itertools
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.job import DEFAULT_TENANT
from schemas.settings import load
from schemas.task import Task

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from workers.sql.lookup import FoundAnswer, Wanted

app = typer.Typer(no_args_is_help=True, help="Look results up.")


TABLE_ROWS = 50
PAGE = 1000


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


@app.command()
def get(
    job_id: Annotated[str, typer.Argument(help="The job's id.")],
    tenant: Annotated[str, typer.Option(help="Whose job.")] = DEFAULT_TENANT,
) -> None:
    """Print all that is known of one job, as JSON lines: its answers, or why it has none.

    Ends with 0 when there is something, with 1 when there is nothing yet.

    Example: textmill results get review-17
    """
    from workers.cli.rows import answer_row, ending_row, json_line
    from workers.sql.lookup import find_job

    with _engine() as engine:
        answers, endings = find_job(engine, job_id, tenant)
    for answer in answers:
        typer.echo(json_line(answer_row(answer)))
    for ending in endings:
        typer.echo(json_line(ending_row(ending)))
    if not answers and not endings:
        typer.echo(f"No result of job {job_id} (tenant {tenant}) yet.", err=True)
        raise typer.Exit(1)


@app.command("list")
def list_results(
    task: Annotated[Task, typer.Option(help="Which task's answers.")],
    since: Annotated[
        str | None, typer.Option(help="30m, 2h, 3d, a date or RFC 3339; all by default.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Only this label.")] = None,
    lang: Annotated[str | None, typer.Option(help="Only this language: zh or en.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model: name or name@3.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    bulk_id: Annotated[str | None, typer.Option(help="Only this bulk submission.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many at most; for a table 50, else all.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print them.")] = Format.TABLE,
) -> None:
    """List answers, newest first.

    Example: textmill results list --task sentiment --since 2h --label negative --format csv
    """
    from datetime import UTC, datetime

    from workers.cli.rows import write_rows
    from workers.core.lookup import parse_model, parse_since
    from workers.sql.lookup import Wanted

    name, version = parse_model(model) if model else (None, None)
    wanted = Wanted(
        task=task,
        since=parse_since(since, datetime.now(UTC)) if since else None,
        label=label,
        lang=lang,
        model=name,
        version=version,
        tenant=tenant,
        bulk_id=bulk_id,
    )
    if limit is None and form is Format.TABLE:
        limit = TABLE_ROWS
    with _engine() as engine:
        shown = write_rows(itertools.islice(_answers(engine, wanted), limit), task, form)
    if shown == limit:
        typer.echo(f"{shown} rows; `--limit` shows more.", err=True)


def _answers(engine: "Engine", wanted: "Wanted") -> Iterator["FoundAnswer"]:
    from workers.sql.lookup import list_answers

    page = list_answers(engine, wanted, PAGE)
    while page:
        yield from page
        page = list_answers(engine, wanted, PAGE, page[-1].place) if len(page) == PAGE else []


@contextlib.contextmanager
def _engine() -> Iterator["Engine"]:
    from workers.assembly import Store

    with Store(load()) as store:
        yield store.engine
