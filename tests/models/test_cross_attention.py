"""Attention of a decoder, against the formula in NumPy."""

import keras
import numpy as np
import pytest

from models.layers.cross_attention import CrossAttention


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


@pytest.fixture(scope="module")
def attention() -> CrossAttention:
    keras.utils.set_random_seed(1)
    attention = CrossAttention(4)
    attention.build((None, None, 3))
    return attention


def test_contexts_and_weights_are_those_of_the_formula(attention: CrossAttention) -> None:
    random = np.random.default_rng(1)
    queries, memory = random.normal(size=(2, 5, 4)), random.normal(size=(2, 6, 3))
    bonus = random.normal(size=(2, 5, 6)).astype("float32")
    sizes = 6, 4
    mask = np.arange(6) < np.array(sizes)[:, None]
    queries, memory = queries.astype("float32"), memory.astype("float32")
    context, weights = attention(queries, attention.keys(memory), memory, mask, bonus)
    (matrix,) = attention.get_weights()
    for row, size in enumerate(sizes):
        keys = memory[row, :size] @ matrix
        for step in range(5):
            scores = keys @ queries[row, step] / np.sqrt(4) + bonus[row, step, :size]
            expected = _softmax(scores)
            assert np.allclose(weights[row, step, :size], expected, atol=1e-6)
            assert np.all(np.asarray(weights[row, step, size:]) == 0)
            assert np.allclose(context[row, step], expected @ memory[row, :size], atol=1e-6)
