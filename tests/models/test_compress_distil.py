"""`textmill compress distil`: students learn what versions believe, raw texts included."""

import json
from pathlib import Path

import pytest

from models import artifact
from models.live_model import LiveModel
from schemas.errors import SettingsError
from tests.models import training_rig as rig

STUDENT = """
[tokenizer]
vocabulary = 60
min_frequency = 1

[encoder]
type = "textcnn"
length = 16
embedding = 8
filters = 4
widths = [1]
dropout = 0.0

[head]
type = "classification"
dropout = 0.0

[fit]
epochs = {epochs}
batch_size = 16
learning_rate = 0.05
average = 0.0
patience = 25
{more}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, a teacher that has learnt it, raw texts and a recipe."""
    folder = tmp_path_factory.mktemp("distil")
    rig.write_corpus(folder, 80)
    (folder / "recipe.toml").write_text(STUDENT.format(epochs=25, more=""))
    rig.train(folder, "teacher")
    texts = [json.loads(line)["text"] for line in rig.lines(7, 90).splitlines()]
    (folder / "raw.jsonl").write_text("".join(json.dumps({"text": one}) + "\n" for one in texts))
    return folder


def _distil(folder: Path, out: str, data: str, *more: object, recipe: str) -> dict[str, float]:
    path = folder / f"{out}.toml"
    path.write_text(recipe)
    given = ("--student", path, "--data", folder / data, "--out", folder / out)
    return json.loads(rig.here("compress", "distil", *given, *more))  # type: ignore[no-any-return]


def test_a_student_learns_of_raw_texts_what_no_label_told(folder: Path) -> None:
    lines = (folder / "train.jsonl").read_text().splitlines(keepends=True)
    (folder / "few.jsonl").write_text("".join(lines[:10]))
    recipe = STUDENT.format(
        epochs=20, more="[distil]\nweight = 0.7\ntemperature = 2.0\nhidden = 0.5"
    )
    teachers = f"{folder / 'teacher'},{folder / 'teacher'}"
    more = ("--teacher", teachers, "--dev", folder / "dev.jsonl", "--raw", folder / "raw.jsonl")
    found = _distil(folder, "student", "few.jsonl", *more, recipe=recipe)
    assert found["dev_accuracy"] > 0.9
    manifest = artifact.verify(folder / "student")
    assert manifest.parent == artifact.digest(artifact.verify(folder / "teacher"))
    assert manifest.compression
    assert manifest.compression.method == "distilled"
    assert manifest.compression.deltas.agreement > 0.9
    assert "Smaller and faster" in (folder / "student" / artifact.CARD).read_text()
    LiveModel.load(folder / "student").check_samples()


def test_a_teacher_of_another_task_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"does not answer sentiment"):
        _distil(
            folder,
            "tagger",
            "train.jsonl",
            *("--teacher", folder / "teacher"),
            recipe='[encoder]\ntype = "recurrent"\n[head]\ntype = "tagging"\n',
        )
