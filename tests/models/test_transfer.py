"""Transfer: what is frozen stays, each part has its rate, parts are unfrozen one an epoch."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from msgspec.structs import replace

from models import catalog
from models.encoders.bag import BagConfig
from models.encoders.dialogue import DialogueConfig
from models.encoders.recurrent import RecurrentConfig
from models.encoders.textcnn import TextCNNConfig
from models.encoders.transformer import TransformerConfig
from models.heads.classification import ClassificationConfig
from models.text.features import FeatureConfig
from models.training import pace, transfer
from models.training.batches import Encoded
from models.training.config import Config, DistilConfig, FitConfig, TransferConfig
from models.training.fit import Trainer
from models.training.objectives import Labels
from models.training.observer import Silent
from schemas.errors import SettingsError

ENCODER = TransformerConfig(embedding=8, layers=2, heads=2, feed_forward=8, dropout=0.0)
GRADUAL = TransferConfig(gradual=True, factor=2.0)
FOUR = FitConfig(epochs=4, patience=9, batch_size=8, learning_rate=0.01, average=0)
PARTS = ["head", "layer_1", "layer_0", "embeddings"]

Weights = dict[str, list[np.ndarray]]


class Steps(Silent):
    """Keeps the weights of each part at the end of every epoch; may stop the training after one."""

    def __init__(self, network: Any, stop_after: int = 0) -> None:
        self._network, self._stop_after = network, stop_after
        self.weights = [weights_of(network)]

    def report(self, row: dict[str, float]) -> None:
        """Keep the weights."""
        if "epoch" in row:
            self.weights.append(weights_of(self._network))

    def step(self, done: int, total: int) -> None:
        """Stop after so many steps."""
        if done == self._stop_after:
            raise KeyboardInterrupt


def weights_of(network: Any) -> Weights:
    parts = pace.parts_of(network, ENCODER)
    return {name: [x for one in some for x in one.get_weights()] for name, some in parts.items()}


def moved(before: Weights, after: Weights) -> dict[str, float]:
    """Return the greatest change in each part; 0 is for the same bits."""
    return {
        name: max(
            float(np.abs(x - y).max()) for x, y in zip(before[name], after[name], strict=True)
        )
        for name in before
    }


def _data(seed: int) -> Encoded:
    random = np.random.default_rng(seed)
    ids = [random.integers(1, 20, random.integers(2, 8)).astype(np.int32) for _ in range(32)]
    return Encoded(ids, np.array([ids[0] % 2 for ids in ids], dtype=np.int32))


def _network() -> Any:
    keras.utils.set_random_seed(1)
    head = ClassificationConfig()
    return catalog.build(catalog.Architecture(vocabulary=20, classes=2, encoder=ENCODER, head=head))


def _train(folder: Path, how: TransferConfig, fit: FitConfig, stop_after: int = 0) -> Steps:
    network = _network()
    steps = Steps(network, stop_after)
    wanted = pace.pace_of(network, Config(encoder=ENCODER, transfer=how))
    trainer = Trainer(network, Labels(2, 0.0), fit, 32, wanted)
    with suppress(KeyboardInterrupt):
        trainer.run(_data(1), _data(2), folder, steps)
    return steps


@pytest.fixture(scope="module")
def gradual(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    return _train(tmp_path_factory.mktemp("gradual"), GRADUAL, FOUR)


@pytest.mark.parametrize(
    ("encoder", "names"),
    [
        (ENCODER, PARTS[1:]),
        (RecurrentConfig(layers=2, bidirectional=False), PARTS[1:]),
        (RecurrentConfig(features=FeatureConfig(suffixes=(2,))), PARTS[2:]),
        (TransformerConfig(layers=1, features=FeatureConfig(suffixes=(2,))), PARTS[2:]),
        (TextCNNConfig(ngrams=(2,)), PARTS[2:]),
        (BagConfig(), PARTS[3:]),
        (DialogueConfig(), PARTS[2:]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_the_parts_of_each_encoder(encoder: catalog.EncoderConfig, names: list[str]) -> None:
    assert pace.names(encoder) == names


def test_a_frozen_part_keeps_its_bits(tmp_path: Path) -> None:
    fit = FitConfig(epochs=1, batch_size=8, learning_rate=0.01, average=0.5)
    steps = _train(tmp_path, TransferConfig(freeze=("embeddings", "layer_0")), fit)
    change = moved(*steps.weights)
    assert [name for name in PARTS if change[name] == 0] == ["layer_0", "embeddings"]


def test_with_the_encoder_frozen_the_head_is_left_to_learn() -> None:
    network = _network()
    parts = pace.parts_of(network, ENCODER)
    pace.Pace(parts, TransferConfig(freeze=("encoder",)))
    left = [variable.path for layer in parts["head"] for variable in layer.variables]
    assert [variable.path for variable in network.trainable_variables] == left


def test_each_part_learns_slower_than_the_one_above(tmp_path: Path) -> None:
    """Adam's first step moves a weight by the learning rate, whatever the gradient."""
    fit = FitConfig(epochs=1, batch_size=32, learning_rate=0.01, average=0, weight_decay=0)
    scaled = replace(fit, precision="float16")
    change = moved(*_train(tmp_path, TransferConfig(factor=2.5), scaled).weights)
    for depth, name in enumerate(PARTS):
        assert change[name] == pytest.approx(0.01 / 2.5**depth, rel=1e-2), name


def test_one_more_part_learns_each_epoch(gradual: Steps) -> None:
    for epoch in range(4):
        change = moved(gradual.weights[epoch], gradual.weights[epoch + 1])
        assert [name for name in PARTS if change[name] > 0] == PARTS[: epoch + 1]


def test_a_gradual_training_that_was_stopped_goes_on_as_it_would_have(
    tmp_path: Path, gradual: Steps
) -> None:
    fit = replace(FOUR, checkpoint_every=3)
    _train(tmp_path, GRADUAL, fit, stop_after=7)
    resumed = _train(tmp_path, GRADUAL, fit)
    change = moved(gradual.weights[-1], resumed.weights[-1])
    assert max(change.values()) < 1e-6


@pytest.mark.parametrize(
    ("config", "parent", "message"),
    [
        (Config(transfer=TransferConfig(factor=2)), None, "needs --init-from"),
        (
            Config(transfer=TransferConfig(gradual=True), distil=DistilConfig(teachers=1)),
            Path("v"),
            "choose one",
        ),
        (
            Config(encoder=ENCODER, transfer=TransferConfig(freeze=("layer_2",))),
            Path("v"),
            r"no part 'layer_2': choose among encoder, layer_1, layer_0, embeddings",
        ),
        (Config(transfer=TransferConfig(freeze=("head",))), Path("v"), "no part 'head'"),
    ],
)
def test_a_transfer_that_cannot_be(config: Config, parent: Path | None, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        transfer.check(config, parent)
