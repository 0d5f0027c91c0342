"""Results on their way from SQL to their topics; at least once, never before their commit.

A row of the outbox is written in the transaction of its result, and leaves when the log has the
message. Whoever dies between the two leaves it there: it is published again.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

from schemas.result import Result, encode
from schemas.task import Task
from schemas.topics import results
from workers.log_writer import LazyWriter
from workers.ports import LogWriter, ResultOutbox

FIRST: Final = 125
LARGEST: Final = 1000
"""Results of a bunch."""
BYTES: Final = 8 * 1024 * 1024
"""What a bunch is aimed at; its size is known only when it is read."""


class Stream:
    """Publishes what waits, a bunch at a time. One thread."""

    def __init__(self, outbox: ResultOutbox, open_writer: Callable[[], LogWriter]) -> None:
        self._outbox = outbox
        self._writer = LazyWriter(open_writer)
        self._limit = FIRST

    def publish(self) -> int:
        """Publish one bunch, in order; how many results it had, 0 when none waits.

        Raises:
            TextmillError: the database or the log does not take part; nothing is lost.
        """
        self._writer.open()  # not while others wait for what is taken
        with self._outbox.taken(self._limit) as waiting:
            size = self._write(waiting)
        self._limit = next_limit(self._limit, size)
        return len(waiting)

    def close(self) -> None:
        """Give back the connection."""
        self._writer.close()

    def _write(self, waiting: Sequence[Result]) -> int:
        size = 0
        for task, theirs in groupby(sorted(waiting, key=_task), key=_task):
            records = [(one.job_id, encode(one)) for one in theirs]
            self._writer.append(results(task), records)
            size += sum(len(value) for _, value in records)
        return size


def next_limit(limit: int, size: int) -> int:
    """How many results to take next, after a bunch of `limit` had `size` bytes."""
    if size > BYTES:
        return max(limit // 2, 1)
    return min(limit * 2, LARGEST) if size < BYTES // 2 else limit


def _task(one: Result) -> Task:
    return one.task
