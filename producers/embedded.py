"""The way into the embedded log: one SQLite transaction an `append`, no server."""

import threading
from collections.abc import Sequence
from pathlib import Path

from producers import sqlite_log


class SqliteWriter:
    """`LogWriter` on the embedded log's file; threads may share one, processes may have several."""

    def __init__(self, path: Path) -> None:
        """Open the log at `path`, or make it.

        Raises:
            SettingsError: the directory cannot be made or written.
            UnavailableError: the file cannot be opened or written.
        """
        self._path = path
        self._connection = sqlite_log.open_log(path)
        self._one_at_a_time = threading.Lock()

    def append(self, topic: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Write `(key, value)` records durably, in order, all or none.

        Raises:
            UnavailableError: the disk is full, or another writer holds the file too long.
        """
        with self._one_at_a_time, sqlite_log.translated(self._path):
            sqlite_log.append(self._connection, topic, records)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
