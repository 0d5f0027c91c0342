"""`textmill train` and `textmill evaluate` as people run them: in a process of their own."""

import json
from pathlib import Path

import pytest

from models import artifact
from models.live_model import LiveModel
from tests.models.training_rig import textmill, write_corpus

RECIPE = """
[data]
name = "toy words"
licence = "CC0-1.0"
drop_labels = ["ignored"]
[encoder]
type = "textcnn"
length = 16
embedding = 8
filters = 8
widths = [1, 2]
[fit]
epochs = {epochs}
batch_size = 16
learning_rate = 0.02
average = 0.5
report_every = 5
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    write_corpus(folder, 150)
    for epochs in (1, 4):
        (folder / f"{epochs}.toml").write_text(RECIPE.format(epochs=epochs))
    return folder


def _train(folder: Path, out: str, recipe: int = 4, **changed: object) -> object:
    options: dict[str, object] = {
        "task": "sentiment",
        "lang": "en",
        "name": "toy-en",
        "train": folder / "train.jsonl",
        "dev": folder / "dev.jsonl",
        "test": folder / "test.jsonl",
        "config": folder / f"{recipe}.toml",
        "out": folder / out,
    } | changed
    return textmill("train", *(x for key, value in options.items() for x in (f"--{key}", value)))


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    done = _train(folder, "v")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test_accuracy"] > 0.95
    assert "dev" in done.stderr
    return folder / "v"


def test_a_training_writes_a_version_that_answers(trained: Path) -> None:
    model = LiveModel.load(trained)
    model.check_samples()
    assert [one.label for one in model.predict_texts(["a lovely film", "dull"])] == ["good", "bad"]
    manifest = model.manifest
    assert manifest.labels == ("bad", "good")
    assert manifest.metrics["test_accuracy"] > 0.95
    assert manifest.data[0].licence == "CC0-1.0"
    assert "toy words" in (trained / artifact.CARD).read_text()


def test_a_training_leaves_a_learning_curve(trained: Path) -> None:
    picture = trained.with_name("v.training") / "learning_curve.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_evaluate_scores_a_version(trained: Path, folder: Path) -> None:
    done = textmill("evaluate", "--model", trained, "--data", folder / "test.jsonl", "--json")
    result = json.loads(done.stdout)
    expected = artifact.read_manifest(trained).metrics["test_accuracy"]
    assert result["accuracy"] == pytest.approx(expected, abs=1e-4)
    assert result["left_out"] > 0
    assert result["examples"] + result["left_out"] == 150
