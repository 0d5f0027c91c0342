"""The table of scores in README.md is that of the committed JSONs, and complete."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import scores
from models.training import seeds
from schemas.errors import DataError


def test_the_table_in_the_readme_is_made_of_the_committed_scores() -> None:
    text, found = scores.README.read_text("utf-8"), scores.read()
    expected = {(one.name, corpus) for one, corpus in scores.shipped()}
    assert {(one.model, one.corpus) for one in found} == expected
    assert scores.with_table(text, found, seeds.read()) == text
    other = [*found[:-1], scores.Score(**{**_facts(found[-1]), "metrics": {"accuracy": 0.1234}})]
    assert scores.with_table(text, other, seeds.read()) != text
    assert scores.with_table(text, found, {}) != text


def _facts(score: scores.Score) -> dict[str, Any]:
    return {name: getattr(score, name) for name in ("model", "corpus", "examples", "left_out")}


def test_missing_corpora_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"zh_cls_csl_ctg.*DATA="):
        scores.main(tmp_path)
