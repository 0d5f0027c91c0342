"""`textmill train` and `textmill evaluate` as people run them: in a process of their own."""

import json
from pathlib import Path

import pytest
from tensorflow.python.framework.config import disable_op_determinism
from typer.testing import CliRunner

from models import artifact
from models.cli import app
from models.live_model import LiveModel
from schemas.errors import DataError, UnavailableError
from tests.full_disk import full_after
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
    assert result["metrics"]["accuracy"] == pytest.approx(expected, abs=1e-4)
    assert result["left_out"] > 0
    assert result["examples"] + result["left_out"] == 150


def test_float16_with_a_scaled_loss_learns(tmp_path: Path) -> None:
    write_corpus(tmp_path, 150)
    (tmp_path / "recipe.toml").write_text(RECIPE + 'precision = "float16"\n')
    scores = json.loads(here(*options(tmp_path, "v"), "--test", tmp_path / "test.jsonl"))
    assert scores["test_accuracy"] > 0.95
    LiveModel.load(tmp_path / "v").check_samples()


UNUSABLE = {
    "one label": ('{"text": "a film", "label": "good"}\n', "needs two labels"),
    "empty": ("", "holds no examples"),
    "Chinese": ('{"text": "房间很干净，服务也好。", "label": "good"}\n' * 2, "read as Chinese"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_data_that_cannot_be_learnt_leaves_nothing(tmp_path: Path, folder: Path, case: str) -> None:
    content, message = UNUSABLE[case]
    (tmp_path / "train.jsonl").write_text(content)
    for name in ("dev.jsonl", "recipe.toml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match=message):
        here(*options(tmp_path, "out"))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("size", [10, 1000])
def test_a_full_disk_leaves_nothing(tmp_path: Path, size: int) -> None:
    write_corpus(tmp_path, 150)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    before = sorted(tmp_path.iterdir())
    with full_after(size), pytest.raises(UnavailableError, match=r"cannot be written: .*make room"):
        here(*options(tmp_path, "out"))
    assert sorted(tmp_path.iterdir()) == before


def test_bad_lines_and_unknown_labels_are_told(tmp_path: Path) -> None:
    write_corpus(tmp_path, 150)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    with (tmp_path / "dev.jsonl").open("a") as file:
        file.write('no line\n{"text": "odd", "label": "unheard"}\n')
    done = CliRunner().invoke(app, [*map(str, options(tmp_path, "out"))])
    disable_op_determinism()
    assert done.exit_code == 0, done.stderr
    assert "dev.jsonl, line 151: " in done.stderr
    assert "1 bad lines were left out" in done.stderr
    assert "texts are left out whose labels no training text has: 'unheard'" in done.stderr
    with pytest.raises(DataError, match=r"dev\.jsonl, line 151: "):
        here(*options(tmp_path, "other"), "--strict")
    assert not list(tmp_path.glob("other*"))
