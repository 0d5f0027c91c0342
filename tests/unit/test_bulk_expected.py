"""How many rows a bulk job will have, told before they are read."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from producers.bulk.expected import expected_rows
from producers.bulk.request import Request, file_at
from schemas.task import Task


def request(*paths: Path) -> Request:
    return Request(files=tuple(map(file_at, paths)), tasks=(Task.SENTIMENT,))


def written(path: Path, rows: int) -> Path:
    path.write_text("".join(f"text {n}{' more' * (n % 7)}\n" for n in range(rows)))
    return path


def test_parquet_and_directories_say_it(tmp_path: Path) -> None:
    table = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": ["a", "b", "c"]}), table)
    directory = tmp_path / "texts"
    directory.mkdir()
    for name in ("a.txt", "b.txt", "c.pdf"):
        (directory / name).write_text("text")

    assert expected_rows(request(table)) == 3
    assert expected_rows(request(table, directory)) == 5


@pytest.mark.parametrize("rows", [0, 1, 1000])
def test_a_small_file_of_lines_is_counted(tmp_path: Path, rows: int) -> None:
    assert expected_rows(request(written(tmp_path / "in.txt", rows))) == rows


def test_a_large_one_is_looked_at_in_places(tmp_path: Path) -> None:
    file = written(tmp_path / "in.txt", 200_000)

    assert file.stat().st_size > 2 << 20
    assert expected_rows(request(file)) == pytest.approx(200_000, rel=0.02)


def test_what_cannot_be_told_is_none(tmp_path: Path) -> None:
    packed, gone, other = (tmp_path / name for name in ("in.txt.gz", "gone.txt", "other.txt"))
    packed.write_bytes(gzip.compress(b"a\nb\n"))
    asked = request(written(gone, 3)), request(written(other, 3))
    gone.unlink()
    written(other, 4)

    assert expected_rows(request(packed)) is None
    assert [expected_rows(one) for one in asked] == [None, None]
    assert expected_rows(request(packed, other)) is None
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no table")
    assert expected_rows(request(broken)) is None
