"""Recurrent encoders: padding, direction, and the cells against their formulas."""

from typing import Any

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

Array = NDArray[np.float32]

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


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _rnn(x: Array, state: Array, weights: list[Array]) -> Array:
    kernel, recurrent, bias = weights
    return np.tanh(x @ kernel + state @ recurrent + bias)


def _gru(x: Array, state: Array, weights: list[Array]) -> Array:
    kernel, recurrent, (bias, recurrent_bias) = weights
    given = np.split(x @ kernel + bias, 3, axis=1)
    past = np.split(state @ recurrent + recurrent_bias, 3, axis=1)
    update, reset = (_sigmoid(given[n] + past[n]) for n in (0, 1))
    return update * state + (1 - update) * np.tanh(given[2] + reset * past[2])


def _lstm(x: Array, both: Array, weights: list[Array]) -> Array:
    """`both` is the state beside the cell."""
    kernel, recurrent, bias = weights
    state, cell = np.split(both, 2, axis=1)
    gates = np.split(x @ kernel + state @ recurrent + bias, 4, axis=1)
    let_in, forget, let_out = (_sigmoid(gates[n]) for n in (0, 1, 3))
    cell = forget * cell + let_in * np.tanh(gates[2])
    return np.concatenate([let_out * np.tanh(cell), cell], axis=1)


@pytest.mark.parametrize(("cell", "step"), [("rnn", _rnn), ("gru", _gru), ("lstm", _lstm)])
def test_a_cell_follows_its_formula(cell: str, step: Any) -> None:
    network, ids = _network(_config(cell, True, layers=1), tagging=True), _ids(2, 5, 1)
    vectors = network.get_layer("tokens").get_weights()[0][ids[..., 0]]
    weights = network.get_layer("layer_0").get_weights()
    ahead, back = weights[: len(weights) // 2], weights[len(weights) // 2 :]
    reads = _states(step, vectors, ahead), _states(step, vectors[:, ::-1], back)[:, ::-1]
    kernel, bias = network.get_layer("emissions").get_weights()
    expected = np.concatenate(reads, axis=-1) @ kernel + bias
    np.testing.assert_allclose(network(ids), expected, atol=1e-4)


def _states(step: Any, vectors: Array, weights: list[Array]) -> Array:
    """Return the states after each vector."""
    state = np.zeros((len(vectors), 10 if step is _lstm else 5), np.float32)
    states = []
    for x in vectors.transpose(1, 0, 2):
        state = step(x, state, weights)
        states.append(state[:, :5])
    return np.stack(states, axis=1)


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
