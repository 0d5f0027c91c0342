"""SQLite's write-ahead log, which several processes may turn on at the same time."""

import sqlite3
import time

PAUSE_S = 0.01


def write_ahead(connection: sqlite3.Connection, patience_s: float) -> None:
    """Have the file written ahead, so that readers never wait; nothing happens when it is so.

    SQLite's own busy timeout does not cover the change: of four processes that open a new file at
    once, one in four tries to change it together with another and is refused.

    Args:
        patience_s: how long to go on trying.

    Raises:
        sqlite3.OperationalError: the file stayed locked.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return
