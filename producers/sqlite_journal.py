"""SQLite's write-ahead log, which several processes may turn on at the same time."""

import sqlite3
import time
from typing import Final

PAUSE_S: Final = 0.01
PRIMARY_CODE: Final = 0xFF
"""Bits of SQLite's error codes that tell the kind; the others refine it."""


def write_ahead(connection: sqlite3.Connection, patience_s: float) -> None:
    """Have the file written ahead, so that readers never wait; nothing happens when it is so.

    SQLite's own busy timeout does not cover the change: where four processes open a new file at
    once, one in fifteen is refused.

    Args:
        patience_s: how long to go on trying while others hold the file.

    Raises:
        sqlite3.OperationalError: they did so all the time, or the file cannot be used.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return
