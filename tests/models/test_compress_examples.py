"""Labelled texts for a version that exists."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.compression import examples
from models.training.reading.corpus import Reading
from schemas.errors import DataError
from schemas.model_version import Manifest
from schemas.task import Task

FACTS: dict[str, Any] = {"name": "toy", "max_length": 9, "architecture": {}, "files": {}}
CLASSES = Manifest(task=Task.SENTIMENT, languages=("en",), labels=("bad", "good"), **FACTS)
TAGS = Manifest(task=Task.TAGGING, languages=("en",), labels=("B-PER", "I-PER", "O"), **FACTS)


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_tenth_text_is_held_out_and_other_labels_are_left_out(tmp_path: Path) -> None:
    rows = [{"body": f"text {at}", "label": ("good", "bad", "odd")[at % 3]} for at in range(33)]
    told: list[str] = []
    reading = Reading(text_column="body", warn=told.append)
    data = _write(tmp_path / "data.jsonl", rows)
    given = examples.split(CLASSES, [data], (), reading, tmp_path)
    train, dev = _lines(given.train), _lines(given.dev)
    assert [one["text"] for one in dev] == ["text 13", "text 28"]
    assert len(train) == 20
    assert {one["label"] for one in train} == {"good", "bad"}
    assert any("11 texts are left out" in one for one in told)


def test_dev_files_are_taken_where_they_are_given_and_kinds_are_renamed(tmp_path: Path) -> None:
    row = {"tokens": ["Ann", "sings"], "tags": ["B-person", "O"]}
    data = _write(tmp_path / "data.jsonl", [row] * 20)
    dev = _write(tmp_path / "held.jsonl", [row])
    given = examples.split(TAGS, [data], [dev], Reading(), tmp_path)
    assert len(_lines(given.train)) == 20
    assert _lines(given.dev) == [{"tokens": ["Ann", "sings"], "tags": ["B-PER", "O"]}]


def test_too_few_texts_are_refused(tmp_path: Path) -> None:
    data = _write(tmp_path / "data.jsonl", [{"text": "fine", "label": "good"}])
    with pytest.raises(DataError, match="give --dev"):
        examples.split(CLASSES, [data], (), Reading(), tmp_path)
