"""What went wrong in the database, in three kinds, without a word of the data.

    UnavailableError   the same transaction may work later: locks, deadlocks, a server that is gone
    UnstorableError    the database refuses a value: look for the row and set it aside
      RepeatedError    of PostgreSQL: a row with such a key is there already
    StoreError         a mistake in this program or its schema: stop

Drivers put row values into their messages, so that a message of theirs never goes on: what is kept
is the SQLSTATE, or SQLite's name for the error. Messages of failed *connections* are kept, since
they hold no row and a person needs them.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from schemas.errors import TextmillError, UnavailableError
from schemas.settings import variable_of

TRANSIENT = ("25006", "25P03", "40001", "40P01", "55P03", "08", "53", "57")
REFUSED = ("22", "23", "54")
MISSING = "23502"
FOREIGN_KEY = "23503"
REPEATED = "23505"
REMEDY = f"Is the server running, and is {variable_of('database.url')} right?"

SQLITE_TRANSIENT = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
)
SQLITE_REFUSED = ("SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")
SQLITE_FOREIGN_KEY = "SQLITE_CONSTRAINT_FOREIGNKEY"


class UnstorableError(TextmillError):
    """The database refuses the data of at least one row."""


class RepeatedError(UnstorableError):
    """A row with such a key is there already; on PostgreSQL."""


class StoreError(TextmillError):
    """The database refuses the statement itself: a bug, or a schema that is not ours."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise into one of the three kinds."""
    try:
        yield
    except (exc.SQLAlchemyError, UnicodeError, OverflowError) as error:
        raise translate(error) from None


def translate(error: BaseException) -> TextmillError:
    """The kind of an error that a statement, a commit or a connection raised."""
    if isinstance(error, UnicodeError | OverflowError):  # raised while a value is bound
        return UnstorableError("a value cannot be encoded")
    if isinstance(error, exc.TimeoutError):
        return UnavailableError("the database's connections are all in use")
    if not isinstance(error, exc.DBAPIError):
        return StoreError(f"the store failed: {type(error).__name__}")
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    return _of_postgresql(error)


def _of_sqlite(error: sqlite3.Error) -> TextmillError:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if name.startswith(SQLITE_TRANSIENT):
        return UnavailableError(f"the database file cannot be used now ({name})")
    if name == SQLITE_FOREIGN_KEY:
        return StoreError("a row names a model version that is not registered")
    if name.startswith(SQLITE_REFUSED) or isinstance(error, sqlite3.DataError):
        return UnstorableError(f"the database refuses a value ({name})")
    return StoreError(f"the database refuses a statement ({name})")


def _of_postgresql(error: exc.DBAPIError) -> TextmillError:
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return _without_state(error)
    if state.startswith(TRANSIENT) or error.connection_invalidated:
        return UnavailableError(f"the database cannot do this now (SQLSTATE {state})")
    if state == FOREIGN_KEY or (state == MISSING and _lacks_version(error)):
        return StoreError("a row names a model version that is not registered")
    if state == REPEATED:
        return RepeatedError(f"a row is there already (SQLSTATE {state})")
    if state.startswith(REFUSED):
        return UnstorableError(f"the database refuses a value (SQLSTATE {state})")
    return StoreError(f"the database refuses a statement (SQLSTATE {state})")


def _lacks_version(error: exc.DBAPIError) -> bool:
    """Whether a version was looked for in the statement, and there is none such."""
    diagnosis = getattr(error.orig, "diag", None)
    return getattr(diagnosis, "column_name", None) == "model_version_id"


def _without_state(error: exc.DBAPIError) -> TextmillError:
    """Errors that the driver raised itself: of the connection, or of a value it cannot send."""
    if isinstance(error, exc.DataError):
        return UnstorableError("the driver refuses a value")
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        message = str(error.orig).partition("\n")[0]
        return UnavailableError(f"the database does not answer: {message}. {REMEDY}")
    return StoreError(f"the driver failed: {type(error.orig).__name__}")
