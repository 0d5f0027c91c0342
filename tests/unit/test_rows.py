"""Files of every kind as rows, and every way in which a file can be bad."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from producers.opening import LONGEST
from producers.rows import Row, rows, value_at
from schemas.errors import DataError

TEXTS = ["A fine day", "房间很干净", "🙂"]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, needed: list[str] | None = None) -> tuple[list[Row], list[str]]:
    told: list[str] = []
    return list(rows(str(path), needed or [], told.append)), told


def texts(path: Path) -> list[Any]:
    return [row.values.get("text") for row in read(path)[0]]


def problems(path: Path) -> dict[int, str]:
    return {row.number: row.problem.reason for row in read(path)[0] if row.problem}


JSON = "".join(json.dumps({"text": text, "n": 1}) + "\n" for text in TEXTS)
CSV = 'id,text\n1,A fine day\n2,房间很干净\n3,"🙂"\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", JSON),
        ("a.ndjson", JSON.replace("\n", "\r\n")),
        ("a.csv", CSV),
        ("a.tsv", CSV.replace(",", "\t")),
        ("a.txt", "\n".join(TEXTS)),
        ("a.jsonl.gz", gzip.compress(JSON.encode(), mtime=0)),
        ("a.csv.zst", zstandard.compress(CSV.encode())),
        (
            "b.jsonl.zst",
            zstandard.compress(JSON[:20].encode()) + zstandard.compress(JSON[20:].encode()),
        ),
        ("unnamed", JSON),
        ("b.jsonl", "\ufeff" + JSON),
        ("b.csv", "\ufeff" + CSV),
        ("utf16.csv", CSV.encode("utf-16")),
        ("big-endian.txt", b"\xfe\xff" + "\n".join(TEXTS).encode("utf-16-be")),
        ("gb.csv", CSV.encode("gb18030")),
    ],
)
def test_a_file_of_any_kind(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert texts(write(tmp_path / name, content)) == TEXTS


def test_a_conversion_is_told(tmp_path: Path) -> None:
    told = read(write(tmp_path / "a.csv", CSV.encode("gb18030")))[1]

    assert told == [f"{tmp_path}/a.csv reads as GB18030 and is converted to UTF-8."]
    assert read(write(tmp_path / "b.csv", CSV))[1] == []


def test_a_line_in_another_encoding_is_bad_and_no_other(tmp_path: Path) -> None:
    lines = ["房间很干净".encode(), "服务也好".encode("gb18030"), "一切都好".encode()]

    assert problems(write(tmp_path / "a.txt", b"\n".join(lines))) == {2: "not_utf8"}
    assert texts(tmp_path / "a.txt") == ["房间很干净", None, "一切都好"]


def test_a_directory_of_texts(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "two\nlines")
    write(tmp_path / "a.txt", "房间")
    write(tmp_path / "c.txt", b"\xff\xfe")
    write(tmp_path / "other.md", "no")

    found = read(tmp_path)[0]
    assert [row.values for row in found[:2]] == [
        {"file": "a.txt", "text": "房间"},
        {"file": "b.txt", "text": "two\nlines"},
    ]
    assert len(found) == 3


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": TEXTS, "n": [1, None, 3]}), tmp_path / "a.parquet")

    assert texts(tmp_path / "a.parquet") == TEXTS
    assert read(tmp_path / "a.parquet")[0][1].values["n"] is None
    with pytest.raises(DataError, match=r"no column `body`: text, n\. Name another"):
        read(tmp_path / "a.parquet", ["body"])
    write(tmp_path / "b.parquet", "no parquet")
    with pytest.raises(DataError, match="Cannot read"):
        read(tmp_path / "b.parquet")


def test_bad_lines_cost_themselves_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\n{"text": \n\n[1]\n{"text": "b"}\n')

    assert problems(path) == {2: "not_json", 4: "not_json"}
    assert [text for text in texts(path) if text] == ["a", "b"]
    path = write(tmp_path / "a.csv", 'id,text\n1,"two\nlines"\n2\n3,b,c\n4,d\n')
    assert problems(path) == {4: "invalid_field", 5: "invalid_field"}
    assert [text for text in texts(path) if text] == ["two\nlines", "d"]


def test_a_line_too_long_is_bad(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"a\n" + b"b" * (LONGEST + 5) + b"\nc\n")

    assert problems(path) == {2: "record_too_large"}
    assert texts(path) == ["a", None, "c"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl.gz", gzip.compress(JSON.encode() * 900, mtime=0)[:-50]),
        ("a.jsonl.zst", zstandard.compress(JSON.encode() * 900)[:-5]),
        ("b.jsonl.gz", JSON),
        ("b.jsonl.zst", JSON),
    ],
)
def test_a_damaged_packing_is_refused(tmp_path: Path, name: str, content: str | bytes) -> None:
    with pytest.raises(DataError, match=f"Cannot read {tmp_path}/{name}: "):
        read(write(tmp_path / name, content))


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column `body`: id, text\. Name another one with"):
        read(write(tmp_path / "a.csv", CSV), ["body"])
    assert read(write(tmp_path / "empty.csv", ""), ["body"])[0] == []


def test_a_member_of_a_column() -> None:
    assert value_at({"a": {"b": "c"}}, "a.b") == "c"
    assert value_at({"a.b": "d", "a": {"b": "c"}}, "a.b") == "d"
    assert value_at({"a": "x"}, "a.b") is None


def test_utf_16_that_breaks_off_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"\xff\xfe" + "one\n".encode("utf-16-le") + b"t")

    with pytest.raises(DataError, match=r"a\.txt: a part of it is no utf-16-le \(truncated data"):
        read(path)


def test_a_header_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,naïve\n1,é\n2,a\n".encode("latin-1"))

    with pytest.raises(DataError, match="its first line, the header, is not UTF-8"):
        read(path)
