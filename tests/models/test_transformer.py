"""The Transformer encoder against its formulas, written out in NumPy."""

import math

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from models import catalog
from models.encoders.transformer import TransformerConfig
from models.heads.classification import ClassificationConfig
from models.heads.tagging import TaggingConfig
from models.layers.attention import Sinusoids, encoder_layer
from models.text.features import FeatureConfig
from schemas.errors import ArtifactError

Array = NDArray[np.float32]

WIDTH, HEADS, ROWS, LENGTH = 8, 2, 3, 6
REAL = np.arange(LENGTH) < np.array([LENGTH, 1, 4])[:, None]
CONFIG = TransformerConfig(
    embedding=WIDTH,
    heads=HEADS,
    feed_forward=12,
    features=FeatureConfig(pairs=True, buckets=32, embedding=4),
)


@pytest.fixture(scope="module")
def layer() -> keras.Model:
    keras.utils.set_random_seed(1)
    vectors = keras.Input((None, WIDTH))
    allowed = keras.Input((None, None), dtype="bool")
    sizes = {"heads": HEADS, "feed_forward": 12, "dropout": 0.3}
    network = keras.Model([vectors, allowed], encoder_layer(vectors, allowed, name="l", **sizes))
    random = np.random.default_rng(1)
    network.set_weights([random.normal(size=one.shape) for one in network.get_weights()])
    return network


def _vectors() -> Array:
    return np.random.default_rng(2).normal(size=(ROWS, LENGTH, WIDTH)).astype(np.float32)


def _norm(network: keras.Model, name: str, x: Array) -> Array:
    gain, shift = network.get_layer(name).get_weights()
    spread = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return gain * (x - x.mean(axis=-1, keepdims=True)) / spread + shift


def _attention(network: keras.Model, x: Array, allowed: NDArray[np.bool_]) -> Array:
    """Softmax(Q K' / sqrt(d)) V in each head, their outputs side by side, then one linear map."""
    *pairs, mix, mix_bias = network.get_layer("l_attention").get_weights()
    query, key, value = (
        np.einsum("blw,whd->bhld", x, pairs[n]) + pairs[n + 1][:, None] for n in (0, 2, 4)
    )
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(WIDTH / HEADS)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True)) * allowed[:, None]
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("bhld,hdw->blw", weights @ value, mix) + mix_bias


def _gelu(x: Array) -> Array:
    erf = np.vectorize(math.erf)
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def test_multi_head_attention_follows_its_formula(layer: keras.Model) -> None:
    x, allowed = _vectors(), np.repeat(REAL[:, None], LENGTH, axis=1)
    got = layer.get_layer("l_attention")(x, x, attention_mask=allowed)
    np.testing.assert_allclose(got, _attention(layer, x, allowed), atol=1e-4)


def test_a_whole_layer_follows_its_formula(layer: keras.Model) -> None:
    x, allowed = _vectors(), REAL[:, None] & np.tri(LENGTH, dtype=bool)
    between = x + _attention(layer, _norm(layer, "l_attention_norm", x), allowed)
    (up, up_bias), (down, down_bias) = (
        layer.get_layer(name).get_weights() for name in ("l_expand", "l_contract")
    )
    inside = _gelu(_norm(layer, "l_norm", between) @ up + up_bias)
    got = layer([x, allowed]).numpy()
    np.testing.assert_allclose(got, between + inside @ down + down_bias, rtol=1e-3, atol=1e-3)


def test_sinusoids_say_where_a_token_stands() -> None:
    positions = np.array([[0, 1, 511, 5000]])
    waves = Sinusoids()(np.zeros((1, 4, 6), np.float32), positions).numpy()[0]
    for number, length in enumerate((1, 100, 10_000)):
        angles = positions[0] / length
        np.testing.assert_allclose(waves[:, number], np.sin(angles), atol=1e-3)
        np.testing.assert_allclose(waves[:, number + 3], np.cos(angles), atol=1e-3)


def _network(tagging: bool) -> keras.Model:
    keras.utils.set_random_seed(1)
    head = TaggingConfig() if tagging else ClassificationConfig()
    return catalog.build(catalog.Architecture(vocabulary=20, classes=3, encoder=CONFIG, head=head))


@pytest.mark.parametrize("tagging", [False, True])
def test_padding_and_neighbours_change_nothing(tagging: bool) -> None:
    network = _network(tagging)
    ids = np.random.default_rng(2).integers(1, 20, (3, 7, 3)).astype(np.int32)
    padded = np.zeros((5, 600, 3), dtype=np.int32)
    padded[:3, :7] = ids
    tight, loose = network(ids).numpy(), network(padded).numpy()[:3]
    np.testing.assert_allclose(loose[:, :7] if tagging else loose, tight, atol=1e-5)
    np.testing.assert_allclose(network(ids[1:2]).numpy()[0], tight[1], atol=1e-5)


def test_the_order_of_the_tokens_matters() -> None:
    network, ids = _network(tagging=False), np.array([[3, 4, 5], [5, 4, 3]])
    one, other = network(np.stack([ids] * 3, axis=-1)).numpy()
    assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize(("embedding", "heads"), [(10, 4), (9, 3)])
def test_sizes_that_do_not_fit_are_refused(embedding: int, heads: int) -> None:
    encoder = {"type": "transformer", "embedding": embedding, "heads": heads}
    head = {"type": "classification"}
    with pytest.raises(ArtifactError, match="multiple of heads"):
        catalog.read({"vocabulary": 9, "classes": 2, "encoder": encoder, "head": head})
