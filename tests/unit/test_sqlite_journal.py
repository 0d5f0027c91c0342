"""A file of SQLite that several processes open for the first time."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from producers.sqlite_journal import write_ahead


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new.sqlite3"


@pytest.fixture
def another(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else's connection, in the middle of a change that locks the file."""
    with closing(connected(path)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield connection


def connected(path: Path) -> sqlite3.Connection:
    """SQLite's own patience is none, as it is for a change of the journal."""
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def test_it_waits_for_another_process(path: Path, another: sqlite3.Connection) -> None:
    later = threading.Timer(0.2, another.execute, ["COMMIT"])
    with closing(connected(path)) as connection:
        later.start()
        write_ahead(connection, 20)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    later.join()


def test_it_does_not_wait_for_ever(path: Path, another: sqlite3.Connection) -> None:
    with closing(connected(path)) as connection, pytest.raises(sqlite3.OperationalError):
        write_ahead(connection, 0.05)


def test_what_does_not_pass_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "gone"
    directory.mkdir()
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it was tried again"))
    with closing(connected(directory / "new.sqlite3")) as connection:
        shutil.rmtree(directory)
        with pytest.raises(sqlite3.OperationalError, match="disk I/O"):
            write_ahead(connection, 60)


def test_a_file_that_is_written_ahead_stays_so_beside_a_writer(path: Path) -> None:
    with closing(connected(path)) as first, closing(connected(path)) as second:
        write_ahead(first, 1)
        first.execute("BEGIN IMMEDIATE")
        write_ahead(second, 0)
