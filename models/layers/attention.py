"""Layers of a Transformer's encoder (Vaswani et al. 2017), the norm first (Xiong et al. 2020).

    x = x + Attention(Norm(x))
    x = x + FeedForward(Norm(x))

With the norm before each part the way from the last layer to the first is a plain sum, so deep
stacks learn without a warm-up of the rate; the stack ends with a norm of its own.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

_LONGEST_WAVE = 10_000.0


class Sinusoids(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Adds to each vector where it stands, in waves of `width` / 2 lengths; nothing is learnt.

    Component i of position p is sin(p / w_i), component width / 2 + i is cos(p / w_i), where the
    w_i grow evenly in logarithm from 1 to 10,000. Any position has a value, so a text may be
    longer than all texts of the training.
    """

    def call(self, vectors: Any, positions: Any) -> Any:
        """Return vectors [batch, length, width] plus the waves of positions [batch, length]."""
        lengths = self._lengths(vectors.shape[-1] // 2)
        angles = ops.expand_dims(ops.cast(positions, "float32"), -1) / lengths
        waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        return vectors + ops.cast(waves, vectors.dtype)

    def compute_output_spec(self, vectors: Any, positions: Any) -> Any:
        """Return the vectors' own shape."""
        return keras.KerasTensor(vectors.shape, vectors.dtype)

    @staticmethod
    def _lengths(count: int) -> Any:
        return _LONGEST_WAVE ** (np.arange(count, dtype=np.float32) / max(1, count - 1))


def encoder_layer(
    vectors: Any,
    allowed: Any,
    *,
    heads: int,
    feed_forward: int,
    dropout: float,
    name: str,
    head_size: int | None = None,
) -> Any:
    """Build one layer: vectors [batch, length, width] to the like.

    `allowed` is bool [batch, 1 or length, length]: which positions (last axis) each may attend to.
    `head_size` None: width / `heads`.
    """
    width = vectors.shape[-1]
    drop = keras.layers.Dropout(dropout, name=f"{name}_attention_dropout")
    attend = keras.layers.MultiHeadAttention(
        heads, head_size or width // heads, dropout=dropout, name=f"{name}_attention"
    )
    normal = norm(vectors, f"{name}_attention_norm")
    vectors = vectors + drop(attend(normal, normal, attention_mask=allowed))
    expand = keras.layers.Dense(feed_forward, activation="gelu", name=f"{name}_expand")
    contract = keras.layers.Dense(width, name=f"{name}_contract")
    drop = keras.layers.Dropout(dropout, name=f"{name}_dropout")
    return vectors + drop(contract(expand(norm(vectors, f"{name}_norm"))))


def norm(vectors: Any, name: str) -> Any:
    """Build a layer norm (Ba et al. 2016) over the components of each vector."""
    return keras.layers.LayerNormalization(epsilon=1e-5, name=name)(vectors)
