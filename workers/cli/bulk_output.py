"""`textmill bulk export`, `errors`, `retry`: what became of a job's rows."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from schemas.settings import load

if TYPE_CHECKING:
    from workers.sql.bulks import FoundBulk

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="The job's name or id.")]


class Order(StrEnum):
    """Which rows come first."""

    INPUT = "input"
    AS_DONE = "as-done"


@app.command()
def export(
    name: Name,
    output: Annotated[Path, typer.Option(help="The file: .jsonl, .csv or .parquet.")],
    form: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv or parquet; else by the name.")
    ] = None,
    flat: Annotated[
        bool,
        typer.Option("--flat", help="Columns such as sentiment_label; CSV and Parquet have them."),
    ] = False,
    order: Annotated[
        Order, typer.Option(help="Rows in the input's order, or the first done first.")
    ] = Order.INPUT,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file if it is there.")
    ] = False,
) -> None:
    """Write the input's rows with their answers; also while the job runs.

    Example: textmill bulk export june --output june.parquet
    """
    from workers.assembly import Store
    from workers.bulks.export import Export
    from workers.output import Form, form_of, written

    kind, number = form_of(output, form), 0
    with Store(load()) as store:
        job = Export(store, _of_files(store.bulks.find(name)), flat=flat or kind is not Form.JSONL)
        with written(output, kind, job.columns(), over=overwrite) as write:
            for block in job.blocks() if order is Order.INPUT else job.blocks_as_done():
                write(block)
                number += len(block)
    typer.echo(f"{number} rows in {output}.")


@app.command()
def errors(
    name: Name,
    output: Annotated[Path | None, typer.Option(help="A file instead of the terminal.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file if it is there.")
    ] = False,
) -> None:
    """Print, as JSON lines, the rows that are no documents and the documents without an answer.

    Example: textmill bulk errors june --output june-errors.jsonl
    """
    from workers.assembly import Store
    from workers.block import Listed
    from workers.bulks.errors import COLUMNS, errors_of
    from workers.output import Form, form_of, printed, written

    with Store(load()) as store:
        rows = errors_of(store, store.bulks.find(name))
    if output is None:
        with printed(Form.JSONL, COLUMNS) as write:
            write(Listed(rows))
        return
    with written(output, form_of(output, None), COLUMNS, over=overwrite) as write:
        write(Listed(rows))
    typer.echo(f"{len(rows)} errors in {output}.")


@app.command()
def retry(name: Name) -> None:
    """Publish the documents again that failed; those with an answer, or cancelled, are not.

    Example: textmill bulk retry june
    """
    from producers.publisher import Publisher
    from workers.assembly import Store
    from workers.bulks import rerun
    from workers.bulks.errors import publish_failed

    settings = load()
    with Store(settings) as store, Publisher(settings) as publisher:
        job = store.bulks.find(name)
        if job.request.again:
            number = rerun.publish_failed(settings, store, job)
        else:
            number = publish_failed(store, job, publisher)
    typer.echo(f"Published {number} again.")


def _of_files(job: "FoundBulk") -> "FoundBulk":
    """The job, if it has an input whose rows can be joined; UsageError where it is a re-run."""
    if job.request.again:
        raise UsageError(
            f"{job.name} is a re-run and has no rows of its own: the view rerun_change has both "
            "answers to each text, and what is applied is exported with the job it came from."
        )
    return job
