"""Recurrent encoders: padding, direction, and the GRU against its formula."""

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from models import catalog
from models.encoders.recurrent import RecurrentConfig
from models.heads.classification import ClassificationConfig
from models.heads.tagging import TaggingConfig
from models.text.features import FeatureConfig
from schemas.errors import ArtifactError

FEATURES = FeatureConfig(pairs=True, buckets=32, embedding=4)


def _config(cell: str, bidirectional: bool, **changed: object) -> RecurrentConfig:
    values = {"cell": cell, "bidirectional": bidirectional, "embedding": 6, "units": 5, "layers": 2}
    return RecurrentConfig(**values | changed)  # type: ignore[arg-type]


def _network(config: RecurrentConfig, tagging: bool) -> keras.Model:
    keras.utils.set_random_seed(1)
    head = TaggingConfig() if tagging else ClassificationConfig()
    network = catalog.build(
        catalog.Architecture(vocabulary=20, classes=3, encoder=config, head=head)
    )
    network.set_weights([weight * 3 for weight in network.get_weights()])
    return network


def _ids(rows: int, length: int, columns: int) -> NDArray[np.int32]:
    shape = (rows, length, columns)
    return np.random.default_rng(2).integers(1, 20, shape).astype(np.int32)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_padding_never_changes_an_answer(cell: str, bidirectional: bool) -> None:
    config = _config(cell, bidirectional, features=FEATURES)
    for tagging in (True, False):
        network, ids = _network(config, tagging), _ids(3, 7, 3)
        padded = np.zeros((5, 16, 3), dtype=np.int32)
        padded[:3, :7] = ids
        tight, loose = network(ids).numpy(), network(padded).numpy()
        loose = loose[:3, :7] if tagging else loose[:3]
        np.testing.assert_allclose(loose, tight, atol=1e-5)
        np.testing.assert_allclose(network(ids[1:2]).numpy()[0], tight[1], atol=1e-5)
        assert np.abs(tight[0] - tight[1]).max() > 1e-3


@pytest.mark.parametrize(("bidirectional", "sees"), [(False, False), (True, True)])
def test_only_both_directions_see_what_comes(bidirectional: bool, sees: bool) -> None:
    network = _network(_config("gru", bidirectional), tagging=True)
    ids = _ids(1, 6, 1)
    other = ids.copy()
    other[0, -1, 0] = ids[0, -1, 0] % 19 + 1
    changed = np.abs(network(ids).numpy() - network(other).numpy())[0, 0].max() > 1e-6
    assert changed == sees


def test_a_gru_follows_its_formula() -> None:
    network = _network(_config("gru", False, layers=1), tagging=True)
    ids = _ids(2, 5, 1)
    table = network.get_layer("tokens").get_weights()[0]
    kernel, recurrent, (bias, recurrent_bias) = network.get_layer("cell_0").get_weights()
    weight, offset = network.get_layer("emissions").get_weights()
    state = np.zeros((2, 5))
    for at in range(5):
        given = np.split(table[ids[:, at, 0]] @ kernel + bias, 3, axis=1)
        past = np.split(state @ recurrent + recurrent_bias, 3, axis=1)
        update, reset = (1 / (1 + np.exp(-(given[n] + past[n]))) for n in (0, 1))
        state = update * state + (1 - update) * np.tanh(given[2] + reset * past[2])
        np.testing.assert_allclose(network(ids)[:, at], state @ weight + offset, atol=1e-4)


def test_an_encoder_of_whole_texts_cannot_tag() -> None:
    architecture = catalog.read(
        {
            "vocabulary": 9,
            "classes": 2,
            "encoder": {"type": "textcnn"},
            "head": {"type": "tagging"},
        }
    )
    with pytest.raises(ArtifactError, match="recurrent"):
        catalog.build(architecture)
