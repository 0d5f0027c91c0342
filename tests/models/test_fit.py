"""The loop itself: the seed decides, a stopped training goes on where it was."""

from pathlib import Path

import keras
import numpy as np
import pytest

from models import catalog
from models.encoders.textcnn import TextCNNConfig
from models.heads.classification import ClassificationConfig
from models.training.batches import Encoded
from models.training.checkpoint import Progress
from models.training.config import FitConfig
from models.training.fit import Trainer
from models.training.objectives import Labels
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


class Quiet:
    """Says nothing; may end the training at a step."""

    def __init__(self, stop_at: int = 0) -> None:
        self._stop_at = stop_at

    def step(self, done: int, total: int) -> None:
        if done == self._stop_at:
            raise StoppedError

    def report(self, row: dict[str, float]) -> None:
        pass


def _data(seed: int) -> Encoded:
    random = np.random.default_rng(seed)
    ids = [random.integers(1, 20, random.integers(2, 8)).astype(np.int32) for _ in range(40)]
    return Encoded(ids, np.array([ids[0] % 2 for ids in ids], dtype=np.int32))


def _run(folder: Path, config: FitConfig = CONFIG, stop_at: int = 0) -> tuple[Progress, np.ndarray]:
    keras.utils.set_random_seed(config.seed)
    network = catalog.build(ARCHITECTURE)
    trainer = Trainer(network, Labels(2, config.label_smoothing), config, examples=40)
    progress = trainer.run(_data(1), _data(2), folder, Quiet(stop_at))
    return progress, np.concatenate([weight.ravel() for weight in network.get_weights()])


def test_the_seed_decides(tmp_path: Path) -> None:
    (one, first), (other, second) = _run(tmp_path / "a"), _run(tmp_path / "b")
    assert one.dev == other.dev
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_a_stopped_training_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, expected = _run(tmp_path / "whole")
    with pytest.raises(StoppedError):
        _run(tmp_path / "stopped", stop_at=13)
    resumed, weights = _run(tmp_path / "stopped")
    assert resumed.steps == whole.steps
    assert resumed.dev == whole.dev
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_no_progress_ends_it(tmp_path: Path) -> None:
    still = FitConfig(epochs=20, batch_size=8, learning_rate=0.0, patience=2, average=0.9)
    progress, _ = _run(tmp_path, still)
    assert progress.epochs == 3
    assert progress.best_epoch == 1


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    _run(tmp_path)
    network = catalog.build(
        catalog.Architecture(
            vocabulary=21, classes=2, encoder=ARCHITECTURE.encoder, head=ARCHITECTURE.head
        )
    )
    with pytest.raises(DataError, match="another recipe"):
        Trainer(network, Labels(2, 0.1), CONFIG, 40).run(_data(1), _data(2), tmp_path, Quiet())
