"""A search for a recipe: it goes on by its name, and gives up what falls behind."""

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from tensorflow.python.framework.config import disable_op_determinism
from typer.testing import CliRunner, Result

from models.training import config
from models.training.observer import Silent
from models.training.search import Judge
from schemas.errors import SettingsError
from tests.models.training_rig import write_corpus
from workers.cli import app

RECIPE = """
[encoder]
type = "textcnn"
length = 16
embedding = 8
filters = 8
widths = [1, 2]
[fit]
epochs = 2
batch_size = 32
average = 0.5
"""
SPACE = """
[fit.learning_rate]
low = 1e-5
high = 5e-2
log = true
[encoder.widths]
choices = [[1], [1, 2]]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEXTMILL_DATA_DIR", str(tmp_path / "data"))
    write_corpus(tmp_path, 60)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "space.toml").write_text(SPACE)
    return tmp_path


def _invoke(command: str, given: dict[str, str]) -> Result:
    options = [text for key, value in given.items() for text in (f"--{key}", value)]
    try:
        done = CliRunner().invoke(app, [command, *options], catch_exceptions=False)
    finally:
        disable_op_determinism()
    assert done.exit_code == 0, done.stderr
    return done


def _given(folder: Path) -> dict[str, str]:
    files = {"train": "train.jsonl", "dev": "dev.jsonl", "config": "recipe.toml"}
    paths = {key: str(folder / name) for key, name in files.items()}
    return {"task": "sentiment", "lang": "en", **paths}


def _tune(folder: Path, trials: int, **more: str) -> dict[str, Any]:
    given = {
        **_given(folder),
        "study": "toy",
        "trials": str(trials),
        "space": str(folder / "space.toml"),
        "out": str(folder / "best" / "recipe.toml"),
    }
    done = _invoke("tune", given | more)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_a_search_writes_the_best_recipe_and_goes_on_by_its_name(folder: Path) -> None:
    first = _tune(folder, 2)
    assert (first["trials"], first["metric"]) == (2, "accuracy")
    best: Any = config.read(folder / "best" / "recipe.toml")
    assert best.fit.learning_rate == first["values"]["fit.learning_rate"]
    assert list(best.encoder.widths) == first["values"]["encoder.widths"]
    assert best.fit.epochs == 2
    assert (folder / "best" / "recipe.png").read_bytes().startswith(b"\x89PNG")
    second = _tune(folder, 3)
    assert second["trials"] == 3
    assert second["score"] >= first["score"]
    assert _tune(folder, 3) == second
    (folder / "space.toml").write_text(SPACE.replace("5e-2", "6e-2"))
    with pytest.raises(SettingsError, match=r"study toy was begun with another.*--study"):
        _tune(folder, 3)


STARTS = {
    "a parent": ('[transfer]\nfreeze = ["embeddings"]\n', {"init-from": "parent"}, "epoch 2"),
    "files and a teacher": (
        "[encoder.features]\nkinds = true\nbuckets = 64\nembedding = 4\n[distil]\nteachers = 1\n",
        {"vectors": "vectors.txt", "lexicon": "lexicon.txt", "raw": "train.jsonl"},
        "teacher 1",
    ),
}


def _reports(done: Result) -> list[str]:
    """Return what the screen said of steps and epochs."""
    return [row for row in done.stderr.splitlines() if row.startswith(("train", "dev"))]


@pytest.mark.parametrize("start", STARTS)
def test_a_trial_learns_as_the_training_of_its_recipe_does(folder: Path, start: str) -> None:
    table, files, said = STARTS[start]
    more = {key: str(folder / name) for key, name in files.items()}
    (folder / "vectors.txt").write_text("great 1 2 3 4 5 6 7 8\ndull 8 7 6 5 4 3 2 1\n")
    (folder / "lexicon.txt").write_text("great 9 good\ndull 9 bad\n")
    if "init-from" in more:
        _invoke("train", {**_given(folder), "name": "parent", "out": more["init-from"]})
    (folder / "recipe.toml").write_text(RECIPE + table)
    (folder / "space.toml").write_text("[fit.learning_rate]\nchoices = [0.003]\n")
    wanted = {"study": "toy", "trials": "1", "space": str(folder / "space.toml")}
    best = {"config": str(folder / "best.toml"), "name": "toy", "out": str(folder / "toy")}
    tried = _invoke("tune", {**_given(folder), **wanted, "out": best["config"], **more})
    learnt = _invoke("train", {**_given(folder), **best, **more})
    assert _reports(tried) == _reports(learnt)
    assert said in " ".join(_reports(learnt)).replace("  ", " ")


def test_a_trial_that_falls_behind_is_given_up() -> None:
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.MedianPruner(3, n_warmup_steps=0)
    )
    for score in (0.7, 0.8, 0.9):
        trial = study.ask()
        Judge(trial, "accuracy", Silent()).report({"epoch": 1, "step": 3, "accuracy": score})
        study.tell(trial, score)
    judge = Judge(study.ask(), "accuracy", Silent())
    judge.report({"step": 1, "accuracy": 0.1})
    with pytest.raises(optuna.TrialPruned):
        judge.report({"epoch": 1, "step": 3, "accuracy": 0.6})
    Judge(study.ask(), "accuracy", Silent()).report({"epoch": 1, "step": 3, "accuracy": 0.85})
    teacher = {"teacher": 1, "epoch": 1, "step": 3, "accuracy": 0.1}
    Judge(study.ask(), "accuracy", Silent()).report(teacher)
