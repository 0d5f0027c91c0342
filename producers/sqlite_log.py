"""The embedded job log: topics, partitions and offsets like Kafka's, in one SQLite file.

Each topic has a UUID and a fixed number of partitions; a record's partition follows from its key by
a hash that never changes, and offsets in a partition are contiguous from 0. An append is one
transaction, synchronised to the disk before it returns, and safe with any number of processes.

A record's row number is its partition's number in the file times 2**40 plus its offset: one table,
clustered as it is read, without a second index. Nothing is ever deleted: the file grows with what
was published, and removing it while nothing runs is how to start over.
"""

import os
import sqlite3
import time
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from producers.sqlite_journal import write_ahead
from schemas.errors import SettingsError, UnavailableError
from schemas.job import DEFAULT_TENANT
from schemas.settings import variable_of
from schemas.topics import DEAD_LETTERS

PARTITIONS: Final = 4
OFFSET_BITS: Final = 40
BUSY_TIMEOUT_S: Final = 10.0

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS topic (id INTEGER PRIMARY KEY, name TEXT UNIQUE, uuid TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS partition (
    id INTEGER PRIMARY KEY, topic INTEGER NOT NULL REFERENCES topic, number INTEGER NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0, committed INTEGER, UNIQUE (topic, number));
CREATE TABLE IF NOT EXISTS record (
    id INTEGER PRIMARY KEY, key TEXT, value BLOB, published_at REAL NOT NULL);
"""
_ERASE: Final = """
UPDATE record SET value = NULL
WHERE value IS NOT NULL AND (
    key = :job_id OR id >> :bits IN (
        SELECT p.id FROM partition p JOIN topic t ON p.topic = t.id WHERE t.name = :letters
    )
) AND CASE json_valid(CAST(value AS TEXT)) WHEN 1
    THEN json_extract(CAST(value AS TEXT), '$.job_id') = :job_id
        AND coalesce(json_extract(CAST(value AS TEXT), '$.tenant'), :usual) = :tenant END
"""
"""Dead letters have keys of their own and say whose they are; a key of theirs is nobody's id."""


def open_log(path: Path) -> sqlite3.Connection:
    """A connection to the log, which is made if it does not exist. Transactions are explicit.

    Raises:
        SettingsError: the directory cannot be made or written.
        UnavailableError: the file cannot be opened, or is no such log.
    """
    make_directory(path)
    with translated(path):
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection)
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def append(
    connection: sqlite3.Connection, topic: str, records: Sequence[tuple[str, bytes | None]]
) -> None:
    """Add the records in one durable transaction; a topic not seen before is made."""
    with transaction(connection):
        partitions = _partitions_of(connection, topic)
        now = time.time()
        rows = []
        for key, value in records:
            place = partitions[partition_of(key)]
            rows.append((place[0] << OFFSET_BITS | place[1], key, value, now))
            place[1] += 1
        connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", rows)
        connection.executemany(
            "UPDATE partition SET next_offset = ? WHERE id = ?",
            [(next_offset, number) for number, next_offset in partitions],
        )


def erase_job(path: Path, tenant: str, job_id: str) -> int:
    """Empty a job's records and dead letters, which keep their places; how many there were.

    Raises:
        UnavailableError: the file cannot be used.
    """
    if not path.exists():
        return 0
    connection = open_log(path)
    given: dict[str, str | int] = {"job_id": job_id, "tenant": tenant, "usual": DEFAULT_TENANT}
    given |= {"letters": DEAD_LETTERS, "bits": OFFSET_BITS}
    try:
        with translated(path), transaction(connection):
            return connection.execute(_ERASE, given).rowcount
    finally:
        connection.close()


def partition_of(key: str) -> int:
    """The partition of a key, the same in every process and version."""
    return zlib.crc32(key.encode()) % PARTITIONS


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write atomically: the lock is taken at once, so that two writers wait and never collide."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back by itself
            connection.execute("ROLLBACK")
        raise


def make_directory(path: Path) -> None:
    """Make the directory of the log at `path` if it is missing.

    Raises:
        SettingsError: it cannot be made or written.
    """
    directory = path.parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error.strerror or type(error).__name__) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _unwritable(directory, "no permission to write there")


def _unwritable(directory: Path, why: str) -> SettingsError:
    return SettingsError(
        f"The job log cannot be kept in {directory}: {why}. Set {variable_of('data_dir')} to a "
        "directory that you may write, or mend this one."
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite or the file system raise into `UnavailableError`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise UnavailableError(f"The job log {path} cannot be used: {error}.") from error


def _prepare(connection: sqlite3.Connection) -> None:
    write_ahead(connection, BUSY_TIMEOUT_S)
    connection.execute("PRAGMA synchronous = FULL")
    with transaction(connection):
        for statement in _TABLES.split(";")[:-1]:
            connection.execute(statement)


def _partitions_of(connection: sqlite3.Connection, topic: str) -> list[list[int]]:
    """`[number in the file, next offset]` of each partition, in order."""
    query = (
        "SELECT p.id, p.next_offset FROM partition p JOIN topic t ON p.topic = t.id"
        " WHERE t.name = ? ORDER BY p.number"
    )
    found = connection.execute(query, (topic,)).fetchall()
    if not found:
        made = connection.execute(
            "INSERT INTO topic (name, uuid) VALUES (?, ?)", (topic, uuid.uuid4().hex)
        )
        connection.executemany(
            "INSERT INTO partition (topic, number) VALUES (?, ?)",
            [(made.lastrowid, number) for number in range(PARTITIONS)],
        )
        found = connection.execute(query, (topic,)).fetchall()
    return [list(row) for row in found]
