"""From rows to pieces of a bulk job: bad rows, repeated texts, conditions, columns."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from producers.bulk import source
from producers.bulk.chunk import Chunk, joined, read, tokens_of
from producers.bulk.condition import parse
from producers.bulk.repeats import Repeats
from producers.bulk.request import Request, check_name, file_at
from schemas.errors import DataError, UnavailableError, UsageError
from schemas.task import Task


def request(path: Path, *lines: Any, **fields: Any) -> Request:
    said = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    path.write_text("".join(line + "\n" for line in said), encoding="utf-8")
    return Request(files=(file_at(path),), **{"tasks": (Task.SENTIMENT,), **fields})


def chunks(asked: Request) -> list[Chunk]:
    return [chunk for chunk, _, _ in read(asked, "b")]


def jobs(asked: Request) -> list[dict[str, Any]]:
    return [msgspec.json.decode(v) for _, records, _ in read(asked, "b") for _, v in records]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file to write."""
    return tmp_path / "a.jsonl"


def test_ids_follow_the_rows_and_are_the_same_again(path: Path) -> None:
    asked = request(path, {"text": "a"}, "broken", {"text": "b"}, id_column=None)

    assert [job["job_id"] for job in jobs(asked)] == ["b-0000000001", "b-0000000003"]
    assert jobs(asked) == jobs(asked)
    assert asked.name() == msgspec.structs.replace(asked).name()
    assert asked.name() != msgspec.structs.replace(asked, lang="en").name()


def test_a_row_that_is_no_document_is_told_with_its_place(path: Path) -> None:
    lines = [{"text": "a"}, "broken", {"body": "b"}, {"text": 7}, {"text": {"a": 1}}, {"text": " "}]
    (chunk,) = chunks(request(path, *lines))

    assert [(one.row, one.line, one.reason) for one in chunk.bad] == [
        (2, 2, "not_json"),
        (3, 3, "missing_field"),
        (4, 4, "invalid_field"),
        (5, 5, "invalid_field"),
        (6, 6, "empty_text"),
    ]
    assert str(chunk.bad[0]).startswith(f"{path}, line 2: the line is not one JSON object")
    assert "name a member of it" in chunk.bad[3].detail
    assert (chunk.rows, chunk.documents) == (6, 1)


def test_on_error_stop_ends_at_the_first(path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2: .* Mend it, or skip such rows with --on-error"):
        chunks(request(path, {"text": "a"}, "broken", on_error="stop"))


def test_a_file_of_which_nothing_is_a_document_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match=r"None of the first 2 rows is a document; the first: "):
        chunks(request(path, {"body": "a"}, {"body": "b"}))


def test_a_link_keeps_the_name_that_tells_its_kind(tmp_path: Path) -> None:
    target = tmp_path / "9f86d081"
    target.write_text("id,text\n1,a\n")
    link = tmp_path / "a.csv"
    link.symlink_to(target)
    asked = Request(files=(file_at(link),), tasks=(Task.SENTIMENT,))

    assert asked.files[0].path == str(link)
    assert [job["text"] for job in jobs(asked)] == ["a"]


def test_a_file_that_changes_is_refused(path: Path) -> None:
    asked = request(path, {"text": "a"})
    path.write_text('{"text": "another"}\n')
    with pytest.raises(DataError, match="has changed since the job was asked for"):
        chunks(asked)


def test_a_file_that_changes_while_it_is_read_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "CHUNK", 2)
    asked = request(path, *({"text": str(n)} for n in range(9)))
    pieces = source.pieces(asked, size=2)
    next(pieces)
    with path.open("a") as file:
        file.write('{"text": "more"}\n')
    with pytest.raises(DataError, match="has changed"):
        list(pieces)


def test_equal_texts_are_answered_once(path: Path) -> None:
    lines = [{"text": one} for one in ("a", "b", " a ", "a", "é", "e\u0301")]

    (chunk,) = chunks(request(path, *lines))
    assert chunk.reused == {3: 1, 4: 1, 6: 5}
    assert chunk.documents == 3
    (exact,) = chunks(request(path, *lines, tasks=(Task.TAGGING, Task.SENTIMENT)))
    assert exact.reused == {4: 1}
    (never,) = chunks(request(path, *lines, reuse=False))
    assert never.reused == {}
    assert len(jobs(request(path, *lines, reuse=False))) == 6


def test_texts_are_known_over_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(path, *({"text": str(n % 3)} for n in range(7)))
    monkeypatch.setattr("producers.bulk.chunk.pieces", lambda *_: source.pieces(asked, size=2))

    found = chunks(asked)
    assert [chunk.reused for chunk in found] == [{}, {4: 1}, {5: 2, 6: 3}, {7: 1}]
    assert [chunk.rows for chunk in found] == [2, 2, 2, 1]


def test_a_piece_of_long_texts_ends_sooner(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHARACTERS", 100)
    lines = [{"a": {"text": "x" * 60}}] * 5 + [{"a": {"text": "y"}, "note": "z" * 99}] * 2
    asked = request(path, *lines, text_column="a.text")

    assert [len(piece) for piece in source.pieces(asked)] == [2, 2, 2, 1]
    assert [chunk.rows for chunk in chunks(asked)] == [2, 2, 2, 1]


def test_conditions_choose_rows(path: Path) -> None:
    lines = [{"text": str(n), "n": n, "lang": "zh" if n % 2 else None} for n in range(6)]

    def left(*words: str) -> list[int]:
        asked = request(path, *lines, where=tuple(map(parse, words)), reuse=False)
        return [int(job["text"]) for job in jobs(asked)]

    assert left("n>=4") == [4, 5]
    assert left("lang=zh", "n<4") == [1, 3]
    assert left("lang!=zh") == left("lang=") == [0, 2, 4]
    assert left("text~5") == [5]
    assert left("n>10") == left("nothing>1") == []
    with pytest.raises(UsageError, match="is no condition: write COLUMN=VALUE"):
        parse("n is 4")


def test_ids_of_ones_own_are_kept_beside(path: Path) -> None:
    asked = request(path, {"text": "a", "id": "x"}, {"text": "b"}, id_column="id")

    assert jobs(asked)[0]["metadata"] == {"id": "x"}
    assert chunks(asked)[0].bad[0].detail == "`id` is missing"


def test_kinds_of_columns(path: Path) -> None:
    asked = request(path, {"text": "a", "n": 1, "x": None}, {"text": "b", "n": 2.5, "x": [1]})
    ((_, _, kinds),) = read(asked, "b")

    assert kinds == {"text": "string", "n": "float", "x": "json"}
    assert joined({"a": "int"}, {"a": "string", "b": "bool"}) == {"a": "json", "b": "bool"}


@pytest.mark.parametrize(
    ("text", "tokens"), [("a fine day", 3), ("房间很干净", 6), ("房间 is clean", 5), ("", 1)]
)
def test_a_guess_at_tokens(text: str, tokens: int) -> None:
    assert tokens_of(text) == tokens


def test_names() -> None:
    assert check_name("june.2025_a-b") == "june.2025_a-b"
    for name in ("", "a b", "-a", "a/b", "x" * 101):
        with pytest.raises(UsageError, match="cannot be named"):
            check_name(name)


def test_whole_numbers_that_no_column_holds_are_kept_as_they_are_written(path: Path) -> None:
    lines = [{"text": "a", "n": 1, "ok": True}, {"text": "b", "n": 2**70, "ok": False}]

    (found,) = [kinds for _, _, kinds in read(request(path, *lines), "b")]
    assert found == {"text": "string", "n": "json", "ok": "bool"}


def test_no_room_for_what_came_before_is_said(path: Path) -> None:
    repeats = Repeats()
    repeats._seen.execute("PRAGMA max_page_count = 2")

    with pytest.raises(UnavailableError, match=r"disk is full\. Make room, .* give --reuse none"):
        repeats.note({row: f"{row:012}".encode() for row in range(5000)})
    repeats.close()
