"""How every encoder begins and ends: ids to vectors, the mask, and one vector for a whole text.

Ids are int32, [batch, length], or [batch, length, columns] whose first column is the token's id and
whose other columns are its hashed features; id 0 is padding, and real tokens come first.
"""

from typing import Any

import keras
from keras import ops

from models.text.features import FeatureConfig

_LOW = 1e4  # below every real component, and a number in float16 too


def mask_of(ids: Any) -> Any:
    """Return bool [batch, length]: real tokens, and the first position in any case.

    A row of padding alone has one real position, because the fused kernels of some devices refuse
    an empty row, and so that a mean over it is a number.
    """
    first = ids[..., 0] if len(ids.shape) == 3 else ids
    positions = ops.cumsum(ops.ones_like(first), axis=1)
    return ops.logical_or(ops.not_equal(first, 0), ops.equal(positions, 1))


def embed(ids: Any, vocabulary: int, size: int, features: FeatureConfig) -> Any:
    """Build the vectors of tokens: [batch, length, size], wider by those of the hashed features."""
    table = keras.layers.Embedding(vocabulary, size, name="tokens")
    if len(ids.shape) == 2:
        return table(ids)
    vectors = table(ids[..., 0])
    if not features.hashed:
        return vectors
    return ops.concatenate([vectors, _hashed(ids[..., 1:], features)], axis=-1)


def mean(states: Any, mask: Any) -> Any:
    """Return the mean of each component over real tokens [batch, width]."""
    real = ops.cast(ops.expand_dims(mask, -1), states.dtype)
    return ops.sum(states * real, axis=1) / ops.sum(real, axis=1)


def pool(states: Any, mask: Any) -> Any:
    """Return mean and greatest value of each component over real tokens [batch, 2 * width]."""
    real = ops.cast(ops.expand_dims(mask, -1), states.dtype)
    return ops.concatenate(
        [mean(states, mask), ops.max(states * real - _LOW * (1 - real), axis=1)], axis=-1
    )


def _hashed(columns: Any, features: FeatureConfig) -> Any:
    """Return the vectors of a token's hashed features: the mean of its characters' n-grams, then
    the others, side by side."""
    table = keras.layers.Embedding(features.buckets, features.embedding, name="features")
    shape = (None, None, features.hashed, 1)
    drop = keras.layers.Dropout(features.dropout, noise_shape=shape, name="features_dropout")
    vectors, spread = drop(table(columns)), features.spread
    parts = [_mean_piece(vectors[..., :spread, :], columns[..., :spread])] if spread else []
    if features.hashed > spread:
        width = (features.hashed - spread) * features.embedding
        parts.append(keras.layers.Reshape((-1, width), name="flat")(vectors[..., spread:, :]))
    return ops.concatenate(parts, axis=-1)


def _mean_piece(vectors: Any, columns: Any) -> Any:
    """Return the mean over the pieces that a token has; column 0 is none."""
    real = ops.cast(ops.expand_dims(ops.not_equal(columns, 0), -1), vectors.dtype)
    return ops.sum(vectors * real, axis=-2) / ops.maximum(ops.sum(real, axis=-2), 1.0)
