"""Records that were read before, from the embedded log, which keeps all that nobody erased."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from producers import sqlite_log
from producers.sqlite_log import OFFSET_BITS
from schemas.record import Partition

_NUMBER = """
    SELECT p.id FROM partition p JOIN topic t ON p.topic = t.id WHERE t.uuid = ? AND p.number = ?
"""


class SqlitePast:
    """See `workers.bulks.texts.Past`; whoever serves does not notice."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            UnavailableError: the file cannot be used.
        """
        self._path = path
        self._connection: sqlite3.Connection = sqlite_log.open_log(path)

    def values(self, partition: Partition, offsets: Sequence[int]) -> Mapping[int, bytes]:
        """See `workers.bulks.texts.Past`."""
        with sqlite_log.translated(self._path):
            place = (partition.topic_id, partition.number)
            number = self._connection.execute(_NUMBER, place).fetchone()
            if number is None:
                return {}
            base = number[0] << OFFSET_BITS
            find = "SELECT value FROM record WHERE id = ?"
            rows = {
                offset: self._connection.execute(find, (base + offset,)).fetchone()
                for offset in offsets
            }
        return {offset: row[0] for offset, row in rows.items() if row is not None and row[0]}

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
