"""A training that is killed goes on and ends with the same bits; one that has changed does not.

The killed half and the whole training are processes apart, so equal bits also say that the seed
alone decides.
"""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.live_model import LiveModel
from models.training import workspace
from models.training.checkpoint import Checkpoint, Progress
from schemas.errors import DataError
from tests.full_disk import full_after
from tests.models.training_rig import begin, train, wait_for_mid_epoch, write_corpus

RECIPE = """
[encoder]
type = "textcnn"
length = 16
embedding = 16
filters = 16
widths = [1, 2]
[fit]
epochs = 15
patience = 15
batch_size = 16
hide_tokens = 0.2
average = 0.9
report_every = 4
checkpoint_every = 7
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    write_corpus(folder, 150)
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    train(folder, "whole")
    return folder / "whole"


@pytest.fixture(scope="module")
def killed(folder: Path) -> Path:
    """A training killed in the middle of an epoch, between two checkpoints."""
    process = begin(folder, "killed")
    try:
        wait_for_mid_epoch(folder / "killed.training" / "progress.json", process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not (folder / "killed").exists()
    return folder / "killed"


def _weights(version: Path) -> list[Any]:
    return list(LiveModel.load(version).network.get_weights())


def test_a_training_with_other_data_is_refused(tmp_path: Path) -> None:
    data, out = tmp_path / "dev.jsonl", tmp_path / "v"
    data.write_text("one")
    folder = workspace.enter(out, b"recipe", {"--dev 1": data}, resume=False)
    (folder / "progress.json").write_text("{}")
    assert workspace.enter(out, b"recipe", {"--dev 1": data}, resume=True) == folder
    assert (folder / "progress.json").exists()
    with pytest.raises(DataError, match=r"\(recipe\): train without --resume"):
        workspace.enter(out, b"another", {"--dev 1": data}, resume=True)
    data.write_text("two")
    with pytest.raises(DataError, match=r"\(--dev 1 dev\.jsonl\): train without --resume"):
        workspace.enter(out, b"recipe", {"--dev 1": data}, resume=True)
    workspace.enter(out, b"recipe", {"--dev 1": data}, resume=False)
    assert not (folder / "progress.json").exists()


def test_a_killed_training_ends_with_the_same_bits(folder: Path, whole: Path, killed: Path) -> None:
    train(folder, "killed", "--resume")
    for one, other in zip(_weights(whole), _weights(killed), strict=True):
        np.testing.assert_array_equal(one, other)
    first, second = (LiveModel.load(version).manifest for version in (whole, killed))
    assert first.metrics == second.metrics
    assert first.samples == second.samples


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    import keras

    variables = [keras.Variable(np.full(1000, 1.0))]
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(variables, Progress(steps=3))
    variables[0].assign(np.full(1000, 2.0))
    before = sorted(path.name for path in tmp_path.iterdir())
    with full_after(2000), pytest.raises(DataError, match=r"cannot be written.*--resume"):
        checkpoint.save(variables, Progress(steps=6))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    restored = Checkpoint(tmp_path).restore(variables)
    assert restored is not None
    assert restored.steps == 3
    np.testing.assert_array_equal(np.asarray(variables[0]), np.full(1000, 1.0))


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    import keras

    variables = [keras.Variable(np.zeros(1000))]
    Checkpoint(tmp_path).save(variables, Progress(steps=3))
    state = tmp_path / "state-3.npz"
    state.write_bytes(state.read_bytes()[:-700])
    with pytest.raises(DataError, match=r"state-3\.npz is missing or damaged"):
        Checkpoint(tmp_path).restore(variables)
