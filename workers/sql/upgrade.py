"""The database's schema: bring it up to date, and refuse to work on another one.

All revisions run in one transaction, on both databases: it ends at the newest revision or where it
began. Two who upgrade at once go one after the other, and the second finds nothing to do; whoever
holds a table for more than a few seconds makes the upgrade fail instead of the whole system wait.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

import migrations
from schemas.errors import UsageError
from workers.sql import trigrams
from workers.sql.engine import LOCK_TIMEOUT_S, open_engine
from workers.sql.transaction import reading, written

UPGRADE_LOCK = 0x7465_7874_6D69_6C6C  # "textmill"
WAIT_FOR_OTHER_S = 300


def upgrade(url: str) -> str:
    """Bring the database to this program's schema; the revision it has then.

    Raises:
        SettingsError: the URL is of no supported database.
        UsageError: the schema is newer than this program.
        UnavailableError: the database does not answer, or somebody holds a table.
    """
    engine = open_engine(url)
    try:
        return written(engine, _upgrade)
    finally:
        engine.dispose()


def current_revision(engine: Engine) -> str | None:
    """The database's revision; None when nothing was ever made there."""
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision this program was written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def require_current(engine: Engine) -> None:
    """Return if the database has this program's schema.

    Raises:
        UsageError: it has none, an older or a newer one; says what to do.
    """
    found, needed = current_revision(engine), newest_revision()
    if found == needed:
        return
    _refuse_newer(found)
    raise UsageError(
        f"the database schema is {found or 'empty'}, this program needs {needed}: "
        "run `textmill db upgrade`"
    )


def _upgrade(connection: Connection) -> str:
    _wait_for_others(connection)
    _refuse_newer(MigrationContext.configure(connection).get_current_revision())
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    trigrams.add_index(connection)
    return newest_revision()


def _wait_for_others(connection: Connection) -> None:
    """On SQLite the transaction itself is the lock."""
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_FOR_OTHER_S}s'")
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%(key)s)", {"key": UPGRADE_LOCK})
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")


def _refuse_newer(found: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in known:
        raise UsageError(
            f"the database schema is {found}, this program needs {newest_revision()}: "
            "the database belongs to a newer Textmill, upgrade the program"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config
