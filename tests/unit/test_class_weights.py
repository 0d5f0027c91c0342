"""What an example of each label weighs."""

from pathlib import Path

import numpy as np
import pytest

from models.training.class_weights import weights_of
from models.training.config import load
from schemas.errors import SettingsError
from schemas.task import Task

GOLD = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 2], dtype=np.int32)
LABELS = ("a", "b", "c")


def test_balanced_labels_weigh_the_same_together_and_an_example_one_on_average() -> None:
    weights = weights_of("balanced", LABELS, GOLD)
    assert weights.tolist() == pytest.approx([10 / 18, 10 / 6, 10 / 6])
    assert weights[GOLD].mean() == pytest.approx(1)


def test_a_table_names_what_does_not_weigh_one() -> None:
    assert weights_of({"c": 4.5}, LABELS, GOLD).tolist() == [1, 1, 4.5]
    assert weights_of({}, LABELS, GOLD).tolist() == [1, 1, 1]
    with pytest.raises(SettingsError, match="'d' is no label of the training texts"):
        weights_of({"d": 2.0}, LABELS, GOLD)


@pytest.mark.parametrize(
    ("written", "message"),
    [('"even"', "even"), ("{ a = 0 }", "> 0"), ("{ a = 'much' }", "float")],
)
def test_a_wrong_weight_is_refused(tmp_path: Path, written: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"[fit]\nclass_weights = {written}\n")
    with pytest.raises(SettingsError, match=message):
        load(path)


def test_a_tagger_has_no_class_weights(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        '[fit]\nclass_weights = "balanced"\n[encoder]\ntype = "recurrent"\n'
        '[head]\ntype = "tagging"\n'
    )
    with pytest.raises(SettingsError, match="serves one label a text alone"):
        load(path, Task.TAGGING)
