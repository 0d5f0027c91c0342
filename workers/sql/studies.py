"""Optuna's studies in the store, out of the way of our own tables.

Optuna makes and upgrades its tables itself, with Alembic as we do, and two schemas of Alembic
cannot share one namespace. So they have a schema of their own on PostgreSQL, `studies`, and on
SQLite a file of their own, beside that of the store.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text

from workers.sql.engine import open_engine
from workers.sql.errors import translate, translated

SCHEMA = "studies"


@contextmanager
def studies(url: str) -> Iterator[Any]:
    """Yield an `optuna.storages.RDBStorage` beside the store at `url`; made on first use.

    Raises:
        SettingsError: the URL is of no supported database.
        UnavailableError: the database does not answer, or takes no more.
    """
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage

    with translated():
        place, how = _place(url)
        storage = RDBStorage(place, engine_kwargs=how)
    try:
        with translated():
            yield storage
    except StorageInternalError as error:  # an error of SQLAlchemy's, in Optuna's words
        raise translate(error.__cause__ or error) from error
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _place(url: str) -> tuple[str, dict[str, Any]]:
    """Return the URL of the studies and what their engine is told."""
    engine = open_engine(url)  # checks the URL, and makes the directory of a file
    try:
        if engine.dialect.name == "sqlite":
            path = Path(str(engine.url.database))
            return f"sqlite:///{path.with_name(f'{path.stem}-{SCHEMA}{path.suffix}')}", {}
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    finally:
        engine.dispose()
    plain = make_url(url).set(drivername="postgresql+psycopg")
    how = {"connect_args": {"options": f"-c search_path={SCHEMA}"}}
    return plain.render_as_string(hide_password=False), how
