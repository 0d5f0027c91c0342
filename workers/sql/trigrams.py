"""PostgreSQL's index of trigrams, which finds the names that have a part of three letters or more.

It needs the extension `pg_trgm`, which comes with PostgreSQL's contrib package and which the owner
of a database may make. Where it is missing all names are read instead; the next upgrade of the
schema looks for it again.
"""

from typing import Final

from sqlalchemy import Connection, Engine, exc, text

from workers.sql.transaction import reading

INDEX: Final = "ix_entity_name_part"
MISSING: Final = (
    "PostgreSQL's extension pg_trgm is not there, or may not be made by this role: a search for a "
    "part of a name (--entity-like) reads all names. Install postgresql-contrib, run "
    "`CREATE EXTENSION pg_trgm` as a superuser, then `textmill db upgrade` again."
)
_SCHEMA: Final = (
    "SELECT quote_ident(n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n "
    "ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm'"
)


def add_index(connection: Connection) -> None:
    """Make the index unless it is there or cannot be; nothing on SQLite."""
    if connection.dialect.name != "postgresql" or _is_there(connection):
        return
    if (schema := _extension(connection)) is not None:
        # A short list of what is not sorted in yet, since each search reads that through.
        connection.exec_driver_sql(
            f"CREATE INDEX {INDEX} ON entity_name USING gin (lower(name) {schema}.gin_trgm_ops) "
            "WITH (gin_pending_list_limit = 256)"
        )


def is_missing(engine: Engine) -> bool:
    """Whether a part of a name is looked for without it, on PostgreSQL."""
    if engine.dialect.name != "postgresql":
        return False
    with reading(engine) as connection:
        return not _is_there(connection)


def _is_there(connection: Connection) -> bool:
    found = text("SELECT to_regclass(:index) IS NOT NULL")
    return bool(connection.execute(found, {"index": INDEX}).scalar_one())


def _extension(connection: Connection) -> str | None:
    """The schema of the extension, made if it may be; None: it cannot be had."""
    available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'"
    if not connection.exec_driver_sql(available).scalar_one():
        return None
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except exc.DBAPIError:  # the role may not
        return None
    schema: str | None = connection.exec_driver_sql(_SCHEMA).scalar()
    return schema
