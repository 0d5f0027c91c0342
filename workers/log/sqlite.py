"""The embedded log as a `JobLog` with one member: who opens it owns every partition.

Ownership is a lock on a file beside the log, held by the operating system until the process ends,
so that a crash leaves nothing behind. Waiting costs one comparison of SQLite's change counter every
few milliseconds. Partitions appear with the first record of their topic and are never lost; only
job topics are delivered. Committed offsets are kept in the file for those who ask for lag.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from producers import sqlite_log
from producers.sqlite_log import OFFSET_BITS
from schemas.errors import UsageError
from schemas.record import Partition, Record
from schemas.topics import JOB_TOPICS_PATTERN
from workers.ports import Polled

LOOK_EVERY_S: Final = 0.004
MAX_RECORDS: Final = 2000
MAX_BYTES: Final = 16 * 1024 * 1024
"""What one poll brings at most, but for a single larger record."""


class SqliteLog:
    """`JobLog` on the embedded log's file, for the only reader there may be."""

    def __init__(self, path: Path) -> None:
        """Open the log at `path`, or make it.

        Raises:
            UsageError: another process reads this log; says which.
            SettingsError: the directory cannot be made or written.
            UnavailableError: the file cannot be used.
        """
        self._path = path
        sqlite_log.make_directory(path)
        with sqlite_log.translated(path):
            self._lock = _exclusive(path.with_name(path.name + ".lock"))
        try:
            self._connection = sqlite_log.open_log(path)
        except BaseException:
            self._lock.close()
            raise
        self._numbers: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}
        self._end: dict[Partition, int] = {}
        self._paused: set[Partition] = set()

    def poll(self, timeout_s: float) -> Polled:
        """Records in order of offset in each partition; returns early when there are some."""
        deadline = time.monotonic() + timeout_s
        with sqlite_log.translated(self._path):
            while True:
                seen = self._changes()
                gained = self._look()
                records = self._read()
                if gained or records:
                    return Polled(records=records, gained=gained)
                while self._changes() == seen:
                    if time.monotonic() >= deadline:
                        return Polled()
                    time.sleep(LOOK_EVERY_S)

    def seek(self, partition: Partition, offset: int) -> None:
        """Read this partition from `offset` on."""
        if partition in self._numbers:
            self._next[partition] = offset

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Deliver nothing of these until resumed."""
        self._paused.update(partitions)

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Deliver these again."""
        self._paused.difference_update(partitions)

    def extent(self, partition: Partition) -> tuple[int, int]:
        """First offset still kept, which is always 0 here, and the offset after the last one."""
        with sqlite_log.translated(self._path):
            row = self._connection.execute(
                "SELECT next_offset FROM partition WHERE id = ?", (self._numbers[partition],)
            ).fetchone()
        return 0, int(row[0])

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Note how far each partition is done."""
        rows = [(offset, self._numbers[p]) for p, offset in offsets.items() if p in self._numbers]
        with sqlite_log.translated(self._path), sqlite_log.transaction(self._connection):
            self._connection.executemany("UPDATE partition SET committed = ? WHERE id = ?", rows)

    def close(self) -> None:
        """Close the file and let another process read it."""
        self._connection.close()
        self._lock.close()

    def _changes(self) -> int:
        """A number that differs after any other connection's commit."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _look(self) -> frozenset[Partition]:
        """Read how far each partition has grown; returns those not seen before."""
        gained = set()
        rows = self._connection.execute(
            "SELECT t.uuid, p.number, t.name, p.id, p.next_offset"
            " FROM partition p JOIN topic t ON p.topic = t.id"
        )
        for topic_id, number, topic, row, end in rows:
            partition = Partition(topic_id, number, topic)
            if partition not in self._numbers:
                if not re.match(JOB_TOPICS_PATTERN, topic):
                    continue
                self._numbers[partition] = row
                self._next[partition] = 0
                gained.add(partition)
            self._end[partition] = end
        self._paused |= gained
        return frozenset(gained)

    def _read(self) -> list[Record]:
        """A fair share of what can be delivered, and the positions moved beyond it."""
        waiting = [
            p for p, end in self._end.items() if self._next[p] < end and p not in self._paused
        ]
        records: list[Record] = []
        for partition in waiting:
            share = max(1, MAX_RECORDS // len(waiting))
            found = list(self._some_of(partition, share, MAX_BYTES // len(waiting)))
            if found:
                self._next[partition] = found[-1].offset + 1
                records += found
        return records

    def _some_of(self, partition: Partition, limit: int, max_bytes: int) -> Iterator[Record]:
        base = self._numbers[partition] << OFFSET_BITS
        rows = self._connection.execute(
            "SELECT id, value, published_at FROM record WHERE id >= ? AND id < ?"
            " ORDER BY id LIMIT ?",
            (base + self._next[partition], base + (1 << OFFSET_BITS), limit),
        )
        size = 0
        for number, value, published_at in rows:
            yield Record(partition, number - base, value, published_at)
            size += len(value or b"")
            if size >= max_bytes:
                rows.close()
                return


def _exclusive(path: Path) -> IO[str]:
    """The lock file, locked; it holds the number of the process that has it."""
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise UsageError(
            f"The job log beside {path} is already read by process {holder}. Stop that one first, "
            "or use another data directory."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
