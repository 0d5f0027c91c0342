"""Dead letters on their way from SQL to their topic; at least once.

The letters are in SQL with the endings they belong to, in one transaction, so none is lost when the
log is away: it goes out when the log is back.
"""

from collections.abc import Callable
from typing import Final

from schemas.topics import DEAD_LETTERS
from workers.log_writer import LazyWriter
from workers.ports import Ledger, LogWriter

BUNCH: Final = 200


class Outbox:
    """Publishes letters through one writer, which is made anew after a failure. One thread."""

    def __init__(self, ledger: Ledger, open_writer: Callable[[], LogWriter]) -> None:
        self._ledger = ledger
        self._writer = LazyWriter(open_writer)

    def publish(self) -> None:
        """Publish what waits, a bunch at a time.

        Raises:
            TextmillError: the database or the log does not take part; nothing is lost.
        """
        while letters := self._ledger.dead_letters_to_publish(BUNCH):
            records = [(str(number), letter) for number, letter in letters]
            self._writer.append(DEAD_LETTERS, records)
            self._ledger.mark_published([number for number, _ in letters])

    def close(self) -> None:
        """Give back the connection."""
        self._writer.close()
