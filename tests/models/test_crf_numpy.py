"""Decoding in NumPy: what TensorFlow's CRF says, in any company and with any padding."""

import numpy as np
import pytest
import tensorflow as tf

from models.compression.crf_numpy import Scores, decode
from models.layers import crf
from models.text.tags import grammar

LABELS = ("B-LOC", "I-LOC", "B-PER", "I-PER", "O")


@pytest.mark.parametrize("size", [0.1, 3.0, 40.0])
def test_tags_and_marginals_are_those_of_tensorflow(size: float) -> None:
    random = np.random.default_rng(1)
    layer = crf.Transitions(name="crf")
    layer.build((None, None, len(LABELS)))
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.get_weights()])
    scores = layer.scores(grammar(LABELS))
    emissions = (size * random.normal(size=(9, 24, len(LABELS)))).astype(np.float32)
    lengths = random.integers(1, 25, size=9)
    mask = np.arange(24) < lengths[:, None]
    expected = crf.viterbi(emissions, tf.constant(mask), scores).numpy()
    sums = crf.marginals(emissions, tf.constant(mask), scores).numpy()
    tags, sure = decode(emissions, mask, Scores.of(scores))
    assert np.array_equal(tags, expected)
    chosen = np.take_along_axis(sums, expected[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(sure[mask], chosen[mask], atol=1e-5)
    for row, length in enumerate(lengths):
        alone, certain = decode(
            emissions[row : row + 1, :length], mask[row : row + 1, :length], Scores.of(scores)
        )
        assert np.array_equal(alone[0], tags[row, :length])
        np.testing.assert_allclose(certain[0], sure[row, :length], atol=1e-9)
