"""`textmill bulk export`, `errors`, `retry`: what became of a job's rows."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.settings import load

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="The job's name or id.")]


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
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file if it is there.")
    ] = False,
) -> None:
    """Write the input's rows with their answers, in the input's order; also while the job runs.

    Example: textmill bulk export june --output june.parquet
    """
    from workers.assembly import Store
    from workers.bulks.export import Export
    from workers.output import Form, form_of, written

    kind, number = form_of(output, form), 0
    with Store(load()) as store:
        job = Export(store, store.bulks.find(name), flat=flat or kind is not Form.JSONL)
        with written(output, kind, job.columns(), over=overwrite) as write:
            for rows in job.rows():
                write(rows)
                number += len(rows)
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
    from workers.bulks.errors import COLUMNS, errors_of
    from workers.output import Form, form_of, printed, written

    with Store(load()) as store:
        rows = errors_of(store, store.bulks.find(name))
    if output is None:
        with printed(Form.JSONL, COLUMNS) as write:
            write(rows)
        return
    with written(output, form_of(output, None), COLUMNS, over=overwrite) as write:
        write(rows)
    typer.echo(f"{len(rows)} errors in {output}.")


@app.command()
def retry(name: Name) -> None:
    """Publish the documents again that failed; those with an answer, or cancelled, are not.

    Example: textmill bulk retry june
    """
    from producers.publisher import Publisher
    from workers.assembly import Store
    from workers.bulks.errors import publish_failed

    settings = load()
    with Store(settings) as store, Publisher(settings) as publisher:
        number = publish_failed(store, store.bulks.find(name), publisher)
    typer.echo(f"Published {number} again.")
