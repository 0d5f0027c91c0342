"""`textmill results`: answers, by job, as a list, as a number or as a file."""

import contextlib
import itertools
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.job import DEFAULT_TENANT
from schemas.settings import load
from schemas.task import Task
from workers.cli.filters import (
    After,
    Bulk,
    Entity,
    EntityLike,
    Label,
    Lang,
    Limit,
    MaxScore,
    MinScore,
    Model,
    Since,
    TaskOption,
    Tenant,
    Until,
    given,
    wanted,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from workers.sql.lookup import FoundAnswer, Wanted
    from workers.sql.place import Place

app = typer.Typer(no_args_is_help=True, help="Look results up.")


TABLE_ROWS = 50
PAGE = 1000


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


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
    task: TaskOption,
    since: Since = None,
    until: Until = None,
    label: Label = None,
    lang: Lang = None,
    model: Model = None,
    tenant: Tenant = None,
    bulk: Bulk = None,
    min_score: MinScore = None,
    max_score: MaxScore = None,
    entity: Entity = None,
    entity_like: EntityLike = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many at most; for a table 50, else all.")
    ] = None,
    after: After = None,
    form: Annotated[Format, typer.Option("--format", help="How to print them.")] = Format.TABLE,
) -> None:
    """List answers, newest first.

    Example: textmill results list --task sentiment --since 2h --label negative --format csv
    """
    from workers.cli.rows import print_rows
    from workers.sql.place import place_of

    if limit is None and form is Format.TABLE:
        limit = TABLE_ROWS
    place = place_of(after) if after else None
    with _engine() as engine:
        asked = wanted(engine, **given(locals()))
        last = _Last(itertools.islice(answers(engine, asked, place), limit))
        shown = print_rows(last, task, form)
    if shown == limit and last.one is not None:
        typer.echo(
            f"{shown} rows; `--limit` shows more, `--after {last.one.place}` what follows.",
            err=True,
        )


@app.command()
def count(
    task: Annotated[Task | None, typer.Option(help="Which task's answers; else all.")] = None,
    since: Since = None,
    until: Until = None,
    label: Label = None,
    lang: Lang = None,
    model: Model = None,
    tenant: Tenant = None,
    bulk: Bulk = None,
    min_score: MinScore = None,
    max_score: MaxScore = None,
    entity: Entity = None,
    entity_like: EntityLike = None,
) -> None:
    """Print how many answers there are.

    Example: textmill results count --task tagging --entity Berlin --since 7d
    """
    from workers.sql.lookup import count_answers

    with _engine() as engine:
        typer.echo(count_answers(engine, wanted(engine, **given(locals()))))


@app.command()
def export(
    task: TaskOption,
    output: Annotated[Path, typer.Option(help="The file: .jsonl, .csv or .parquet.")],
    since: Since = None,
    until: Until = None,
    label: Label = None,
    lang: Lang = None,
    model: Model = None,
    tenant: Tenant = None,
    bulk: Bulk = None,
    min_score: MinScore = None,
    max_score: MaxScore = None,
    entity: Entity = None,
    entity_like: EntityLike = None,
    limit: Limit = None,
    after: After = None,
    form: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv or parquet; else by the name.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file if it is there.")
    ] = False,
) -> None:
    """Write answers to a file, newest first; what is not complete is not kept.

    Example: textmill results export --task sentiment --since 2025-06-01 --output june.parquet
    """
    from workers.cli.rows import columns_of, write_rows
    from workers.output import form_of, written
    from workers.sql.place import place_of

    place, kind = place_of(after) if after else None, form_of(output, form)
    with _engine() as engine, written(output, kind, columns_of(task), over=overwrite) as write:
        asked = wanted(engine, **given(locals()))
        number = write_rows(itertools.islice(answers(engine, asked, place), limit), write)
    typer.echo(f"{number} answers in {output}.")


class _Last:
    """Passes answers on and remembers the last one."""

    def __init__(self, rest: Iterator["FoundAnswer"]) -> None:
        self._rest = rest
        self.one: FoundAnswer | None = None

    def __iter__(self) -> Iterator["FoundAnswer"]:
        for one in self._rest:
            self.one = one
            yield one


def answers(
    engine: "Engine", asked: "Wanted", after: "Place | None" = None
) -> Iterator["FoundAnswer"]:
    """All answers, read page by page, newest first."""
    from workers.sql.lookup import list_answers

    page = list_answers(engine, asked, PAGE, after)
    while page:
        yield from page
        page = list_answers(engine, asked, PAGE, page[-1].place) if len(page) == PAGE else []


@contextlib.contextmanager
def _engine() -> Iterator["Engine"]:
    from workers.assembly import Store

    with Store(load()) as store:
        yield store.engine
