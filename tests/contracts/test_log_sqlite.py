"""What only the embedded log has: one reader, many writing processes, the disk."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from producers import sqlite_log
from producers.embedded import SqliteWriter
from schemas.errors import SettingsError, UnavailableError, UsageError
from schemas.record import Partition
from schemas.topics import DEAD_LETTERS
from tests.contracts.log_rigs import begin, collect
from workers.log.sqlite import SqliteLog

TOPIC = "textmill.jobs.sentiment"
ROOT = Path(__file__).parents[2]

WRITE = """
import sys
from pathlib import Path
from producers.embedded import SqliteWriter
writer = SqliteWriter(Path(sys.argv[1]))
for number in range(50):
    keys = [f"{sys.argv[2]}-{number}-{n}" for n in range(4)]
    writer.append("textmill.jobs.sentiment", [(key, b"x") for key in keys])
writer.close()
"""

READ = """
import sys, time
from pathlib import Path
from workers.log.sqlite import SqliteLog
log = SqliteLog(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "log.sqlite3"


def python(program: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_a_second_reader_is_refused_and_told_who_reads(path: Path) -> None:
    with closing(SqliteLog(path)):
        with pytest.raises(UsageError, match=f"process {os.getpid()}"):
            SqliteLog(path)
        SqliteWriter(path).close()
    SqliteLog(path).close()


def test_a_killed_reader_leaves_no_lock_behind(path: Path) -> None:
    with python(READ, str(path)) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "open\n"
        with pytest.raises(UsageError, match=f"process {reader.pid}"):
            SqliteLog(path)
        reader.kill()
    SqliteLog(path).close()


def test_processes_may_write_at_once(path: Path) -> None:
    with ExitStack() as running:
        writers = [
            running.enter_context(python(WRITE, str(path), str(number))) for number in range(4)
        ]
        assert [writer.wait(60) for writer in writers] == [0] * 4
    with closing(SqliteLog(path)) as log:
        ours = begin(log, TOPIC)
        records = collect(log, 4 * 50 * 4)
        extents = [log.extent(partition) for partition in ours]
    assert len({(record.partition, record.offset) for record in records}) == 800
    assert sum(end for _, end in extents) == 800


def test_an_append_is_all_or_nothing(path: Path) -> None:
    with closing(SqliteWriter(path)) as writer:
        broken: list[tuple[str, bytes]] = [("a", b"x"), ("b", object())]  # type: ignore[list-item]
        with pytest.raises(UnavailableError):
            writer.append(TOPIC, broken)
        writer.append(TOPIC, [("c", b"y")])
    with closing(SqliteLog(path)) as log:
        begin(log, TOPIC)
        (record,) = collect(log, 1)
        assert (record.offset, record.value) == (0, b"y")
        assert not log.poll(0.0).records


def test_only_job_topics_are_delivered(path: Path) -> None:
    with closing(SqliteWriter(path)) as writer:
        writer.append(DEAD_LETTERS, [("a", b"x")])
        writer.append("textmill.jobs.translation", [("a", b"x")])
    with closing(SqliteLog(path)) as log:
        gained = log.poll(0.0).gained
    assert {partition.topic for partition in gained} == {"textmill.jobs.translation"}


def test_a_key_belongs_to_the_same_partition_for_ever() -> None:
    assert [sqlite_log.partition_of(key) for key in ("a", "b", "ab", "你好")] == [3, 1, 1, 1]


def test_a_poll_brings_a_fair_share_of_every_partition(path: Path) -> None:
    with closing(SqliteWriter(path)) as writer:
        writer.append("textmill.bulk.sentiment", [(str(n), b"x") for n in range(20_000)])
        writer.append(TOPIC, [("a", b"x")])
    with closing(SqliteLog(path)) as log:
        log.resume(list(log.poll(0.0).gained))
        records = log.poll(0.0).records
        assert TOPIC in {record.partition.topic for record in records}
        assert len(records) <= 2000


def test_large_values_are_brought_a_few_at_a_time(path: Path) -> None:
    with closing(SqliteWriter(path)) as writer:
        writer.append(TOPIC, [("a", b"x" * 1_000_000)] * 40)
    with closing(SqliteLog(path)) as log:
        begin(log, TOPIC)
        first = log.poll(0.0).records
        assert 1 <= len(first) <= 20
        assert len(first) + len(collect(log, 40 - len(first))) == 40


def test_a_waiting_poll_hears_of_an_append_within_milliseconds(path: Path) -> None:
    with closing(SqliteLog(path)) as log, closing(SqliteWriter(path)) as writer:
        writer.append(TOPIC, [("a", b"x")])
        begin(log, TOPIC)
        collect(log, 1)
        began = time.monotonic()
        assert not log.poll(0.2).records
        assert 0.2 <= time.monotonic() - began < 1
        writer.append(TOPIC, [("a", b"x")])
        assert log.poll(10.0).records


def test_a_file_that_is_no_log_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    path.write_bytes(b"this is not a database, whatever its name may say" * 100)
    with pytest.raises(UnavailableError, match=r"log\.sqlite3"):
        SqliteWriter(path)
    with pytest.raises(UnavailableError, match=r"log\.sqlite3"):
        SqliteLog(path)


@pytest.mark.parametrize("use", [SqliteLog, SqliteWriter])
def test_a_directory_that_cannot_be_made_is_named_with_its_setting(
    use: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"file/data: Not a directory.*TEXTMILL_DATA_DIR"):
        use(tmp_path / "file" / "data" / "log.sqlite3")


@pytest.mark.parametrize("use", [SqliteLog, SqliteWriter])
def test_a_directory_that_must_not_be_written_is_named_with_its_setting(
    use: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root
    with pytest.raises(SettingsError, match=rf"{tmp_path.name}: no permission.*TEXTMILL_DATA_DIR"):
        use(tmp_path / "log.sqlite3")


def test_a_lock_that_cannot_be_opened_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite3.lock").mkdir()
    with pytest.raises(UnavailableError, match=r"log\.sqlite3 cannot be used: .*lock"):
        SqliteLog(tmp_path / "log.sqlite3")


def test_a_partition_has_the_topics_uuid(path: Path) -> None:
    with closing(SqliteWriter(path)) as writer:
        writer.append(TOPIC, [("a", b"x")])
    with closing(SqliteLog(path)) as log:
        (first, *_) = sorted(log.poll(0.0).gained, key=lambda partition: partition.number)
    assert isinstance(first, Partition)
    assert (first.topic, first.number) == (TOPIC, 0)
    assert len(first.topic_id) == 32
