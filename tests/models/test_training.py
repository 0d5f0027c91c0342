"""`textmill train` and `textmill evaluate` as people run them: in a process of their own."""

import json
from pathlib import Path

import pytest

from models import artifact
from models.live_model import LiveModel
from tests.models.training_rig import here, options, textmill, write_corpus

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
epochs = 4
batch_size = 16
learning_rate = 0.02
average = 0.5
report_every = 5
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    write_corpus(folder, 150)
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    done = textmill(*options(folder, "v"), "--test", folder / "test.jsonl")
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


def test_a_training_leaves_pictures_and_what_tensorboard_reads(trained: Path) -> None:
    left = trained.with_name("v.training")
    assert {path.name for path in left.iterdir()} == {
        "learning_curve.png",
        "confusion_matrix.png",
        "tensorboard",
    }
    for picture in left.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in (left / "tensorboard").iterdir()} == {"train", "dev"}


def test_evaluate_scores_a_version(trained: Path, folder: Path) -> None:
    files = ("--model", trained, "--data", folder / "test.jsonl")
    result = json.loads(here("evaluate", *files, "--json"))
    expected = artifact.read_manifest(trained).metrics["test_accuracy"]
    assert result["accuracy"] == pytest.approx(expected, abs=1e-4)
    assert result["left_out"] > 0
    assert result["examples"] + result["left_out"] == 150
