"""Asking a connection whether it still lives, where it has lain idle.

SQLAlchemy's pre-ping asks at each checkout: one more round trip in each transaction of a busy
process. A connection that is cut within the second in which it is not asked fails the statement
that finds it out, and all others of the pool are replaced; whoever writes tries again
(`workers.sql.transaction`).
"""

import time
from typing import Any, Final

from sqlalchemy import Engine, event, exc

ASK_AFTER_S: Final = 1.0
"""A connection given back no longer ago is taken as it is."""
_GIVEN_BACK: Final = "textmill_given_back"


def ask_the_idle(engine: Engine) -> None:
    """Let the engine's pool replace connections that turn out dead after an idle time."""

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info[_GIVEN_BACK] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(connection: Any, record: Any, _proxy: Any) -> None:
        given_back = record.info.get(_GIVEN_BACK)
        if given_back is None or time.monotonic() - given_back < ASK_AFTER_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise exc.InvalidatePoolError from error
