"""What the benchmark of bulk jobs reckons: whether rows came out as they went in, and the ETA."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.bulk import eta, source, verdict
from benchmarks.bulk.eta import Told
from schemas.errors import TextmillError

ROWS = 120


def exported(given: Path, directory: Path, change: Any = lambda rows: rows) -> Path:
    rows = change(pq.read_table(given).to_pylist())
    table = pa.Table.from_pylist([{"state": "done"} | row for row in rows])
    pq.write_table(table.select([*source.COLUMNS, "state"]), directory / "out.parquet")
    return directory / "out.parquet"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    source.write(tmp_path / "in.parquet", ["cold", "warm"], ROWS)
    return tmp_path / "in.parquet"


def test_no_text_comes_twice_and_groups_join(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "GROUP", 50)
    source.write(given, ["cold", "warm"], ROWS)
    rows = [row for block in source.blocks(given, source.COLUMNS) for row in block.to_pylist()]

    assert [row["id"] for row in rows] == [f"row-{n}" for n in range(ROWS)]
    assert [row["text"] for row in rows[:3]] == ["cold 0", "warm 1", "cold 2"]
    assert len({row["text"] for row in rows}) == ROWS


def test_rows_as_they_went_in_are_well(given: Path, tmp_path: Path) -> None:
    found = verdict.joined(given, exported(given, tmp_path))
    assert found == {"exported": ROWS, "misplaced": 0, "unanswered": 0}


def test_rows_that_changed_places_or_have_no_answer_are_seen(given: Path, tmp_path: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [rows[1], rows[0], {**rows[2], "state": "queued"}, *rows[3:]]

    found = verdict.joined(given, exported(given, tmp_path, change))
    assert (found["misplaced"], found["unanswered"]) == (2, 1)


@pytest.mark.parametrize("change", [lambda rows: rows[:-1], lambda rows: [*rows, rows[0]]])
def test_a_lost_or_doubled_row_is_seen(given: Path, tmp_path: Path, change: Any) -> None:
    with pytest.raises(TextmillError, match="another number of rows"):
        verdict.joined(given, exported(given, tmp_path, change))


@pytest.mark.parametrize(
    ("label", "score", "said"),
    [
        ("a", 0.5001, None),
        ("b", 0.5001, "near"),
        ("c", 0.5001, "wrong"),
        ("a", 0.6, "wrong"),
        ("a", None, "wrong"),
        (None, 0.5001, "wrong"),
    ],
)
def test_an_answer_is_that_of_the_text_alone(
    label: str | None, score: float | None, said: str | None
) -> None:
    scores = {"a": 0.50001, "b": 0.5, "c": 0.1}
    answer = SimpleNamespace(label="a", score=0.50001, scores=scores)
    assert verdict.judged(answer, label, score) == said


def test_what_was_told_is_held_against_what_came() -> None:
    told = [
        Told(at=100.0, share=0.25, submitting=True, eta_s=90.0, per_s=5.0),
        Told(at=150.0, share=0.5, submitting=False, eta_s=None, per_s=0.0),
        Told(at=201.0, share=1.0, submitting=False, eta_s=0.0, per_s=5.0),
    ]
    found = eta.errors(told, 200.0)

    assert [one["error"] for one in found.values()] == [-0.1, None, None]
    assert list(found) == ["25%", "50%", "75%"]
    assert found["25%"]["came_s"] == 100.0
