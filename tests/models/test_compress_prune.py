"""`textmill compress prune` and `search`: smaller versions that are still versions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import artifact, catalog
from models.compression import sparsity
from models.live_model import LiveModel
from schemas.errors import SettingsError
from tests.models import training_rig as rig

RECIPE = """
[tokenizer]
vocabulary = 60
min_frequency = 1

[encoder]
type = "textcnn"
length = 16
embedding = 32
filters = 8
widths = [1, 2]
dropout = 0.0

[head]
type = "classification"
dropout = 0.0

[fit]
epochs = 20
batch_size = 16
learning_rate = 0.05
average = 0.0
patience = 20
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and a version that has learnt it."""
    folder = tmp_path_factory.mktemp("prune")
    rig.write_corpus(folder, 80)
    (folder / "recipe.toml").write_text(RECIPE)
    rig.train(folder, "whole")
    return folder


def _prune(folder: Path, out: str, *more: object) -> dict[str, Any]:
    given = ("compress", "prune", folder / "whole", "--data", folder / "train.jsonl", *more)
    said = rig.here(*given, "--dev", folder / "dev.jsonl", "--out", folder / out)
    return json.loads(said)  # type: ignore[no-any-return]


def test_half_of_the_filters_answer_as_well(folder: Path) -> None:
    said = _prune(folder, "half", "--keep", 0.5, "--epochs", 3)
    child = artifact.verify(folder / "half")
    assert catalog.read(child.architecture).encoder.filters == 4  # type: ignore[union-attr]
    assert said["deltas"]["size"] < 1
    assert said["deltas"]["loss"] <= 5
    assert child.compression
    assert child.compression.method == "pruned"
    assert child.parent == artifact.digest(artifact.verify(folder / "whole"))
    LiveModel.load(folder / "half").check_samples()


def test_rare_tokens_go_and_the_others_keep_their_vectors(folder: Path) -> None:
    _prune(folder, "words", "--keep", 0.6, "--of", "vocabulary", "--epochs", 0)
    whole, child = (LiveModel.load(folder / one) for one in ("whole", "words"))
    sizes = [catalog.read(one.manifest.architecture).vocabulary for one in (whole, child)]
    assert sizes[1] < 0.8 * sizes[0]
    text = ["a film, number"]
    ids = [one.parse_texts(text)[0].ids for one in (whole, child)]
    tables = [one.network.get_layer("tokens").get_weights()[0] for one in (whole, child)]
    same = [table[number] for table, number in zip(tables, ids, strict=True)]
    np.testing.assert_array_equal(same[0], same[1])


def test_small_weights_become_noughts_and_stay_so(folder: Path) -> None:
    said = _prune(folder, "thin", "--keep", 0.3, "--of", "weights", "--epochs", 1)
    weights = LiveModel.load(folder / "thin").network.get_weights()
    assert said["sparsity"] == pytest.approx(sparsity.sparsity(weights), abs=1e-3)
    (table,) = LiveModel.load(folder / "thin").network.get_layer("tokens").get_weights()
    assert (table == 0).mean() == pytest.approx(0.7, abs=0.01)
    assert said["deltas"]["size"] < 0.9


def test_what_a_network_has_not_is_named(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"no heads.*filters"):
        _prune(folder, "none", "--keep", 0.5, "--of", "heads")


@pytest.mark.usefixtures("brief")
def test_a_search_shows_the_front_and_names_one(folder: Path) -> None:
    given = ("--data", folder / "train.jsonl", "--keep", "0.5,0.25", "--epochs", 1)
    command = ("compress", "search", folder / "whole", *given, "--out", folder / "found")
    said = json.loads(rig.here(*command, "--max-loss", 100, "--json"))
    names = {one["name"] for one in said["points"]}
    assert names >= {"as it is", "int8", "filters-0.5", "filters-0.5-int8", "filters-0.25"}
    assert all(one["build"] for one in said["points"])
    fastest = max(said["points"], key=lambda one: one["texts_per_s"])
    assert said["chosen"]["directory"] == fastest["directory"]
    assert fastest["front"]
    assert Path(said["picture"]).read_bytes().startswith(b"\x89PNG")
    again = rig.here(*command, "--max-loss", 100)  # what was made is there already
    assert "Chosen: " in again
