"""Texts that have come before in the same bulk job: they are answered once. What texts say alike.

Which text was where is kept on disk, in a file of SQLite's that nobody sees and that goes with the
process: memory stays flat however long the input. A submitter that is started again reads the input
from its beginning anyway, and so learns it anew.
"""

import sqlite3
import unicodedata
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from schemas.errors import UnavailableError

CACHE_KIB: Final = 32 * 1024


class Repeats:
    """What was seen, by what it says."""

    def __init__(self) -> None:
        # Read in a thread of its own, and closed in whichever one ends.
        self._seen = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._seen.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._seen.execute("PRAGMA synchronous = OFF")
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute("CREATE TABLE seen (text BLOB PRIMARY KEY, row INTEGER) WITHOUT ROWID")

    def note(self, digests: Mapping[int, bytes]) -> dict[int, int]:
        """Take in digests of texts by row, rows rising; the rows whose text came before, and where.

        Raises:
            UnavailableError: there is no room for them.
        """
        try:
            return self._noted(digests)
        except sqlite3.Error as error:
            raise UnavailableError(
                f"Which texts came before cannot be kept in the temporary directory: {error}. Make "
                "room, name another directory in SQLITE_TMPDIR, or give --reuse none; then the "
                "same command goes on."
            ) from None

    def _noted(self, digests: Mapping[int, bytes]) -> dict[int, int]:
        changes = self._seen.total_changes
        self._seen.execute("BEGIN")
        self._seen.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?, ?)", ((d, row) for row, d in digests.items())
        )
        self._seen.execute("COMMIT")
        if self._seen.total_changes - changes == len(digests):
            return {}
        find = "SELECT row FROM seen WHERE text = ?"
        first = {row: self._seen.execute(find, (d,)).fetchone()[0] for row, d in digests.items()}
        return {row: before for row, before in first.items() if before != row}

    def close(self) -> None:
        """Give the disk back."""
        self._seen.close()


def digest_of(tenant: str, text: str, *, exact: bool) -> bytes:
    """16 bytes that are the same for the tenant's texts that say the same, in whichever job.

    Args:
        tenant: whose text.
        text: as it came.
        exact: whether texts must be equal to the letter; otherwise blanks around them and the way
            in which Unicode writes a letter do not count.
    """
    said = text if exact else unicodedata.normalize("NFC", text).strip()
    whole = f"{tenant}\0{said}".encode("utf-8", "surrogatepass")
    return blake2b(whole, digest_size=16).digest()
