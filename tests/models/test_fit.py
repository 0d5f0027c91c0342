"""The loop itself: the seed decides, a stopped training goes on where it was."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import catalog
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.training import batches, workspace
from models.training.batches import Encoded
from models.training.checkpoint import Progress
from models.training.config import FitConfig
from models.training.fit import Trainer
from models.training.learner import Learner
from models.training.objectives import Labels
from models.training.observer import Silent
from schemas.errors import DataError

CONFIG = FitConfig(epochs=4, batch_size=8, learning_rate=0.01, average=0.9, report_every=3)
ARCHITECTURE = catalog.Architecture(
    vocabulary=20,
    classes=2,
    encoder=TextCNNConfig(length=8, embedding=4, filters=4, widths=(2,)),
    head=ClassificationConfig(),
)


class StoppedError(Exception):
    """The machine goes down."""


class Stopping(Silent):
    """Ends the training at a step, if it is not 0."""

    def __init__(self, stop_at: int) -> None:
        self._stop_at = stop_at

    def step(self, done: int, total: int) -> None:
        if done == self._stop_at:
            raise StoppedError


def _data(seed: int) -> Encoded:
    random = np.random.default_rng(seed)
    ids = [random.integers(1, 20, random.integers(2, 8)).astype(np.int32) for _ in range(40)]
    return Encoded(ids, np.array([ids[0] % 2 for ids in ids], dtype=np.int32))


def _run(folder: Path, config: FitConfig = CONFIG, stop_at: int = 0) -> tuple[Progress, np.ndarray]:
    keras.utils.set_random_seed(config.seed)
    network = catalog.build(ARCHITECTURE)
    trainer = Trainer(network, Labels(2, config.label_smoothing), config, examples=40)
    progress = trainer.run(_data(1), _data(2), folder, Stopping(stop_at))
    return progress, np.concatenate([weight.ravel() for weight in network.get_weights()])


def _shown(folder: Path) -> list[tuple[int, str, float]]:
    """Step, name and value of what TensorBoard shows as scalars."""
    (file,) = folder.iterdir()
    points = []
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            points.append((event.step, value.tag, float(tf.make_ndarray(value.tensor))))
    return points


class Whole(NamedTuple):
    """A training that was not stopped."""

    folder: Path
    progress: Progress
    weights: np.ndarray


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    return Whole(folder, *_run(folder))


def test_the_seed_decides(tmp_path: Path, done: Whole) -> None:
    again, weights = _run(tmp_path)
    assert again.dev == done.progress.dev
    np.testing.assert_allclose(weights, done.weights, atol=1e-5)


def test_a_stopped_training_goes_on_where_it_was(tmp_path: Path, done: Whole) -> None:
    whole, expected = done.progress, done.weights
    with pytest.raises(StoppedError):
        _run(tmp_path / "stopped", stop_at=13)
    resumed, weights = _run(tmp_path / "stopped")
    assert resumed.steps == whole.steps
    assert resumed.dev == whole.dev
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    for run, rows in (("train", whole.train), ("dev", whole.dev)):
        told = [(row["step"], name, row[name]) for row in rows for name in row if name != "step"]
        shown = _shown(tmp_path / "stopped" / workspace.EVENTS / run)
        assert [point[:2] for point in shown] == [point[:2] for point in told]
        assert [one for *_, one in shown] == pytest.approx([one for *_, one in told], abs=1e-5)


def test_no_progress_ends_it(tmp_path: Path) -> None:
    still = FitConfig(epochs=20, batch_size=8, learning_rate=0.0, patience=2, average=0.9)
    progress, _ = _run(tmp_path, still)
    assert progress.epochs == 3
    assert progress.best_epoch == 1


def test_a_gradient_that_overflows_is_passed_over_and_halves_the_scale_of_the_loss() -> None:
    config = FitConfig(batch_size=8, learning_rate=0.01, average=0, precision="float16")
    network = catalog.computing_in("float16", catalog.build(ARCHITECTURE), ARCHITECTURE)
    learner = Learner(network, Labels(2, 0.0), config, steps=40)
    (scale,) = (one for one in learner.state() if one.path.endswith("dynamic_scale"))
    (batch, *_) = batches.by_length(_data(1), 8)
    scale.assign(2.0**100)
    before = learner.weights()
    learner.learn(batch)
    assert float(scale) == 2.0**99
    assert all(map(np.array_equal, before, learner.weights()))
    scale.assign(2.0**10)
    learner.learn(batch)
    assert float(scale) == 2.0**10
    assert not all(map(np.array_equal, before, learner.weights()))


def test_a_checkpoint_of_another_network_is_refused(done: Whole) -> None:
    network = catalog.build(
        catalog.Architecture(
            vocabulary=21, classes=2, encoder=ARCHITECTURE.encoder, head=ARCHITECTURE.head
        )
    )
    with pytest.raises(DataError, match="another recipe"):
        Trainer(network, Labels(2, 0.1), CONFIG, 40).run(_data(1), _data(2), done.folder, Silent())
