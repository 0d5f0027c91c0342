"""A folded network answers as the one that it was made of, and is used only where it is faster."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models import blocks, catalog, faster, folding
from models.encoders.bag import BagConfig
from models.encoders.textcnn import TextCNNConfig
from models.gains import Gains
from models.heads.classification import ClassificationConfig
from models.live_model import LiveModel
from models.text.features import FeatureConfig
from schemas.model_version import AS_USUAL

ENCODER = TextCNNConfig(embedding=12, filters=7, widths=(1, 2, 4), ngrams=(2,), ngram_buckets=64)


def _architecture(encoder: catalog.EncoderConfig) -> catalog.Architecture:
    head = ClassificationConfig()
    return catalog.Architecture(vocabulary=40, classes=3, encoder=encoder, head=head)


def test_its_logits_are_those_of_the_network_whatever_the_padding() -> None:
    keras.utils.set_random_seed(5)
    architecture = _architecture(ENCODER)
    network = catalog.build(architecture)
    assert np.abs(network.get_layer("tokens").get_weights()[0][0]).max() > 0, "padding's own row"
    folded = folding.fold(network, architecture)
    rows = np.random.default_rng(1).integers(1, 40, (6, 9)).astype(np.int32)
    for row, length in enumerate((1, 2, 3, 5, 8, 9)):
        rows[row, length:] = 0
    expected = network(rows).numpy()
    np.testing.assert_allclose(folded(rows).numpy(), expected, atol=1e-5)
    wider = np.pad(rows, ((0, 0), (0, 7)))
    np.testing.assert_allclose(folded(wider).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    "encoder",
    [
        BagConfig(),
        TextCNNConfig(features=FeatureConfig(suffixes=(2,))),
        TextCNNConfig(filters=10**6),
    ],
    ids=["no filters", "hashed features beside the ids", "tables too large"],
)
def test_what_cannot_be_folded_stays_as_it_is(encoder: catalog.EncoderConfig) -> None:
    assert folding.fold(None, _architecture(encoder)) is None


def test_a_version_is_folded_where_that_is_faster(
    version: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model = LiveModel.load(version)
    assert faster.chosen(model, AS_USUAL, _timed(1.0, 1.0)) is model
    assert "toy: folding is not used: 1.00 times as fast here" in caplog.text
    other = faster.chosen(model, AS_USUAL, _timed(1.0, 0.25))
    assert "toy: is folded: 4.00 times as fast here" in caplog.text
    assert other.cut is blocks.cut
    assert other.weight_bytes > model.weight_bytes
    many_windows = "what is the weather like in the city " * 1500  # more than one array
    texts = ["play the music", "", many_windows, "what is the weather like in the city " * 30]
    expected = model.predict_texts(texts)
    assert all(map(model.answerer.agree, expected, other.predict_texts(texts)))


def test_the_next_version_of_a_kind_is_not_timed_again(version: Path) -> None:
    gains = _timed(1.0, 0.25)  # has nothing to say after that
    first, second = (faster.chosen(LiveModel.load(version), AS_USUAL, gains) for _ in range(2))
    assert first.build == second.build == "keras-folded"
    texts = ["play the music", ""]
    assert all(map(first.answerer.agree, first.predict_texts(texts), second.predict_texts(texts)))


def test_a_folded_network_of_other_answers_is_not_used(
    version: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    model = LiveModel.load(version)
    right = folding.weights

    def wrong(*given: Any) -> list[Any]:
        return [one + 1 for one in right(*given)]

    monkeypatch.setattr(folding, "weights", wrong)
    assert faster.chosen(model, AS_USUAL, _timed(1.0, 0.25)) is model
    assert "folding is not used: toy does not give its own sample answer" in caplog.text


def _timed(usual: float, folded: float) -> Gains:
    """What each call of the first network takes, then each of the other."""
    times = iter([usual] * len(faster.FEW) + [folded] * len(faster.FEW))
    return Gains(lambda call: next(times))
