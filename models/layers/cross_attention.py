"""Attention of a decoder over an encoder's states (Luong et al. 2015, the "general" score).

    score(q, m_i) = q · W m_i / sqrt(units)      weights = softmax over the real positions
    context       = sum_i weights_i m_i

Padded positions get a weight of exactly 0, so padding never changes a context. The projection
W m_i is the same for every step of a decoder, so it is made once (`keys`) and kept.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

_HIDDEN = -1e9


class Attended(NamedTuple):
    """Contexts [batch, steps, width] and weights float32 [batch, steps, length]."""

    context: Any
    weights: Any


class CrossAttention(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """One head, with the learnt matrix W [width, units]."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self._project = keras.layers.Dense(units, use_bias=False, name="keys")
        self._scale = 1 / math.sqrt(units)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights for a memory of this shape [batch, length, width]."""
        self._project.build(shape)

    def keys(self, memory: Any) -> Any:
        """Return the keys [batch, length, units] of a memory [batch, length, width]."""
        return self._project(memory)

    def call(self, queries: Any, keys: Any, memory: Any, mask: Any, bonus: Any = 0.0) -> Attended:
        """Attend from queries [batch, steps, units]; `mask` bool [batch, length] of real tokens.

        `bonus`, float32 [batch, steps, length], is added to the scores.
        """
        scores = ops.matmul(queries, ops.transpose(keys, (0, 2, 1))) * self._scale
        scores = ops.cast(scores, "float32") + ops.cast(bonus, "float32")
        weights = ops.softmax(ops.where(ops.expand_dims(mask, 1), scores, _HIDDEN), axis=-1)
        return Attended(ops.matmul(ops.cast(weights, memory.dtype), memory), weights)
