"""`textmill models`: entering a version and seeing what answers what."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.errors import ArtifactError
from workers import starters
from workers.cli import app


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_DATA_DIR", str(tmp_path / "data"))


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["models", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def listed() -> dict[str, list[str]]:
    rows = json.loads(run("list", "--json"))
    return {f"{row['model']}@{row['version']}": row["default_for"] for row in rows}


def a_copy(tmp_path: Path, card: str) -> Path:
    """The Chinese topic starter with another model card, hence another version."""
    original = next(path for path in starters.directories() if path.name == "topic-zh")
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    (copy / "MODEL_CARD.md").write_text(card)
    return copy


def test_an_embedded_store_knows_the_starters_from_the_first_look() -> None:
    assert listed() == {
        "intent-en@1": ["classification/en"],
        "ner-en@1": ["tagging/en"],
        "ner-zh@1": ["tagging/zh"],
        "pos-en@1": [],
        "sentiment-en@1": ["sentiment/en"],
        "sentiment-zh@1": ["sentiment/zh"],
        "topic-zh@1": ["classification/zh"],
        "words-zh@1": [],
    }


def test_a_registered_version_answers_by_default_only_when_it_is_routed() -> None:
    original = next(path for path in starters.directories() if path.name == "topic-zh")
    assert run("register", str(original)) == "topic-zh@1 entered.\n"
    assert run("register", str(original), "--route") == (
        "topic-zh@1 answers classification in zh.\n"
    )
    assert listed()["topic-zh@1"] == ["classification/zh"]


def test_a_version_whose_files_were_changed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="damaged"):
        run("register", str(a_copy(tmp_path, "another card")))
