"""`textmill db`: the schema of the SQL store, and what may leave it. `textmill erase`: one job."""

from typing import Annotated

import typer

from schemas.job import DEFAULT_TENANT
from schemas.settings import load, masked_url

app = typer.Typer(no_args_is_help=True, help="The SQL store.")
erasing = typer.Typer()


@app.callback()
def group() -> None:
    """The SQL store."""


@app.command()
def upgrade() -> None:
    """Bring the database to the schema of this program; safe to repeat, and while others run.

    Example: TEXTMILL_DATABASE__URL=postgresql+psycopg://textmill@127.0.0.1/textmill \\
    textmill db upgrade
    """
    from workers.sql import trigrams
    from workers.sql import upgrade as schema
    from workers.sql.engine import open_engine

    url = load().database_url
    revision = schema.upgrade(url)
    typer.echo(f"{masked_url(url)} is at schema {revision}")
    engine = open_engine(url)
    if trigrams.is_missing(engine):
        typer.echo(trigrams.MISSING, err=True)
    engine.dispose()


@app.command()
def maintain(
    keep: Annotated[str, typer.Option(help="How old rows may become: 90d, 12w, or a date.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Let them go; without it they are counted alone.")
    ] = False,
) -> None:
    """Let answers, endings, dead letters and ended bulk jobs go that are older.

    Rows stay whose records may still be asked for. A job sent again after that is answered again.

    Example: textmill db maintain --keep 90d --apply
    """
    from datetime import UTC, datetime

    from workers.assembly import Store
    from workers.bulks.kept import forgotten
    from workers.core.lookup import parse_since
    from workers.sql.maintenance import old_rows, remove_old_rows

    before, settings = parse_since(keep, datetime.now(UTC)), load()
    with Store(settings) as store:
        found = (remove_old_rows if apply else old_rows)(store.engine, before)
        inputs = forgotten(settings, store)
    for path in inputs if apply else ():
        path.unlink(missing_ok=True)
    said = "removed" if apply else "would go; --apply removes them"
    for table, number in found.items():
        typer.echo(f"{table}: {number} rows {said}")
    typer.echo(f"kept inputs of bulk jobs: {len(inputs)} files {said}")


@erasing.command()
def erase(
    job: Annotated[str, typer.Option(help="The job's id.")],
    tenant: Annotated[str, typer.Option(help="Whose job.")] = DEFAULT_TENANT,
) -> None:
    """Erase a job's text and answers from the store, and from the embedded log.

    That there was a job stays known, without a word of it. Kafka keeps its records as long as the
    topic's retention says. A bulk job's input file is its owner's; our copy of standard input or of
    a table, in data_dir/bulk, leaves with its job by `textmill db maintain`.

    Example: textmill erase --tenant shop --job review-17
    """
    from producers.sqlite_log import erase_job
    from workers.assembly import Store
    from workers.sql.erasure import erase as erase_rows

    settings = load()
    with Store(settings) as store:
        found = erase_rows(store.engine, tenant, job)
    records = 0 if settings.kafka.bootstrap_servers else erase_job(settings.log_path, tenant, job)
    typer.echo(
        f"Erased {found.answers} answers, {found.shadow_answers} shadow answers, "
        f"{found.dead_letters} dead letters, {records} records of the embedded log."
    )
