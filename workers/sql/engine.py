"""A database URL becomes an engine on which the store keeps its promise.

**SQLite** is one file for several processes and threads on one machine: write-ahead log, so that
readers never wait; `BEGIN IMMEDIATE` for writers, so that a transaction which reads and then writes
cannot fail half way for another one's lock; `synchronous=FULL`, so that a commit survives a power
cut. (With `NORMAL` the file stays consistent, but the last commits may vanish, and with them
answers that somebody has read. FULL costs one fsync a batch: 0.1 to 5 ms for 256 rows.)

**PostgreSQL**: psycopg 3, `READ COMMITTED` (the protocol needs each statement to see what others
have committed before it), time limits for statements and locks, dead connections found by asking
those that lay idle and by keep-alives.
"""

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from producers.sqlite_journal import write_ahead
from schemas.errors import SettingsError
from workers.sql.idle import ask_the_idle

WRITES = "textmill_writes"
"""Execution option of a connection whose transactions write."""

STATEMENT_TIMEOUT_S = 30
LOCK_TIMEOUT_S = 5
CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 10
IDLE_TIMEOUT_S = 10
"""Between two statements of one transaction. Whoever stands still there, as a frozen process does,
would hold its locks against those who do its work in its place."""

SUPPORTED = (
    "Use `postgresql+psycopg://user@host/name` or `sqlite:///path/to/file`; "
    "leave `database.url` empty for SQLite in `data_dir`."
)


def open_engine(url: str) -> Engine:
    """An engine for the store. SQLite's directory is made; nothing is connected yet.

    Raises:
        SettingsError: the URL is malformed, or names a database that is not supported.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        connect_args=_postgresql_arguments(parsed),
        isolation_level="READ COMMITTED",
        pool_timeout=POOL_TIMEOUT_S,
        **_common(),
    )
    ask_the_idle(engine)
    return engine


def _common() -> dict[str, Any]:
    return {
        "hide_parameters": True,
        "json_serializer": lambda value: msgspec.json.encode(value).decode(),
        "json_deserializer": msgspec.json.decode,
    }


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise SettingsError(f"`database.url` is not a database URL. {SUPPORTED}") from None
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"}:
        raise SettingsError(f"Textmill keeps no results in {parsed.drivername}. {SUPPORTED}")
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise SettingsError(f"SQLite needs a file here, not a database in memory. {SUPPORTED}")
    return parsed


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    ours = (
        f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c lock_timeout={LOCK_TIMEOUT_S}s "
        f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT_S}s -c timezone=UTC"
    )
    theirs = url.query.get("options", "")
    return {
        "options": f"{ours} {theirs if isinstance(theirs, str) else ' '.join(theirs)}".strip(),
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "application_name": url.query.get("application_name", "textmill"),
    }


def _sqlite(url: URL) -> Engine:
    assert url.database is not None
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The database's directory cannot be made: {error}") from None
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"timeout": LOCK_TIMEOUT_S},
        pool_timeout=POOL_TIMEOUT_S,
        **_common(),
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own: ASCII alone
    write_ahead(connection, LOCK_TIMEOUT_S)
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-32768")  # KiB; with the next: a tenth more rows a second
    cursor.execute("PRAGMA wal_autocheckpoint=4000")  # pages: 16 MB
    cursor.close()


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
