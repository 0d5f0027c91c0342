"""`textmill models`: entering a version and seeing what answers what."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from models import artifact
from schemas.errors import ArtifactError, UsageError
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
        "banking-en@1": [],
        "intent-en@1": ["classification/en"],
        "ner-en@1": ["tagging/en"],
        "ner-zh@1": ["tagging/zh"],
        "pos-en@1": [],
        "sentiment-en@1": ["sentiment/en"],
        "sentiment-zh@1": ["sentiment/zh"],
        "summary-en@1": ["summarization/en"],
        "summary-zh@1": ["summarization/zh"],
        "topic-zh@1": ["classification/zh"],
        "words-zh@1": [],
    }


def test_the_list_names_task_language_and_corpora() -> None:
    rows = {row["model"]: row for row in json.loads(run("list", "--json"))}
    found = rows["ner-en"]
    assert (found["task"], found["languages"]) == ("tagging", ["en"])
    assert found["corpora"] == ["en_tag_ner_btc", "en_tag_ner_wnut17"]
    assert rows["topic-zh"]["corpora"] == ["zh_cls_csl_ctg"]


def test_evaluate_finds_a_version_by_its_name(tmp_path: Path) -> None:
    data = tmp_path / "a.csv"
    data.write_text("label,text\npositive,房间很干净，服务很好\nnegative,太差了\nodd,x\n,y\n")
    asked = ["evaluate", "--data", str(data), "--json", "--model"]
    for model in ("sentiment-zh", "sentiment-zh@1"):
        done = CliRunner().invoke(app, [*asked, model], catch_exceptions=False)
        row = json.loads(done.stdout)
        assert (row["task"], row["examples"], row["left_out"]) == ("sentiment", 2, 2)
        assert row["metrics"]["accuracy"] == row["metrics"]["micro_f1"] == 1.0
        assert 0 <= row["metrics"]["ece"] < 0.5
        assert row["metrics"]["texts_per_second"] > 0
        assert "line 5: the label is empty" in done.stderr
    for model in ("sentiment-zh@2", "nothing"):
        with pytest.raises(UsageError, match="textmill models list"):
            CliRunner().invoke(app, [*asked, model], catch_exceptions=False)


def test_a_registered_version_answers_by_default_only_when_it_is_routed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_MODELS__STORE", str(tmp_path / "store"))
    original = next(path for path in starters.directories() if path.name == "topic-zh")
    report = json.loads(run("register", str(original), "--json"))
    assert (report["accepted"], report["version"], report["reason"]) == (True, 1, "")
    assert [check["name"] for check in report["checks"] if check["ok"]] == [
        *("files", "interface", "load", "finite", "samples", "builds", "shapes", "speed")
    ]
    assert (tmp_path / "store" / report["digest"] / "manifest.json").exists()
    (profile,) = json.loads(run("profile", "topic-zh", "--json"))
    assert (profile["device"], profile["batches"]) == ("cpu", 0)
    assert profile["memory_bytes"] == report["measured"]["memory_bytes"] > 0
    assert "register" in run("history", "topic-zh@1")
    said = run("register", str(original), "--route")
    assert said.startswith("topic-zh@1 answers classification in zh.\n")
    assert listed()["topic-zh@1"] == ["classification/zh"]


def test_a_child_is_registered_into_a_route(tmp_path: Path) -> None:
    """As the history says, and not into a pinned one."""
    original = next(path for path in starters.directories() if path.name == "topic-zh")
    listed()
    run("pin", "topic-zh@1")
    with pytest.raises(UsageError, match="pinned to topic-zh@1"):
        run("register", str(original), "--route")
    run("unpin", "topic-zh@1")
    parent = artifact.read_manifest(original)
    child = msgspec.structs.replace(parent, parent=artifact.digest(parent), created_at="later")
    shutil.copytree(original, tmp_path / "child")
    (tmp_path / "child" / "manifest.json").write_bytes(msgspec.json.encode(child))

    run("register", str(tmp_path / "child"), "--route")
    assert "activate topic-zh@1 -> topic-zh@2 for classification/zh" in run("history")
    shown = json.loads(run("show", "topic-zh", "--json"))["versions"]
    assert [one["children"] for one in shown] == [["topic-zh@2"], []]
    assert [one["derived_from"] for one in shown] == [None, "topic-zh@1"]
    children = json.loads(run("list", "--children", "topic-zh@1", "--json"))
    assert [(one["model"], one["version"]) for one in children] == [("topic-zh", 2)]
    assert 'derived from: null -> "topic-zh@1"' in run("diff", "topic-zh@1", "topic-zh@2")


def test_a_version_whose_files_were_changed_is_refused(tmp_path: Path) -> None:
    before = listed()
    with pytest.raises(ArtifactError, match=r"is refused: files: .*damaged"):
        run("register", str(a_copy(tmp_path, "another card")))
    assert listed() == before


def test_a_refusal_is_a_report_too(tmp_path: Path) -> None:
    refused = ["models", "register", str(a_copy(tmp_path, "another card")), "--json"]
    done = CliRunner().invoke(app, refused)
    report = json.loads(done.stdout)
    assert (report["accepted"], report["version"]) == (False, None)
    assert "damaged" in report["reason"]
    assert isinstance(done.exception, ArtifactError), "told in one line, exit code 1"
