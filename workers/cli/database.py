"""`textmill db`: the schema of the SQL store."""

import typer

from schemas.settings import load, masked_url

app = typer.Typer(no_args_is_help=True, help="The SQL store.")


@app.callback()
def group() -> None:
    """The SQL store."""


@app.command()
def upgrade() -> None:
    """Bring the database to the schema of this program; safe to repeat, and while others run.

    Example: TEXTMILL_DATABASE__URL=postgresql+psycopg://textmill@127.0.0.1/textmill \\
    textmill db upgrade
    """
    from workers.sql import upgrade as schema

    url = load().database_url
    revision = schema.upgrade(url)
    typer.echo(f"{masked_url(url)} is at schema {revision}")
