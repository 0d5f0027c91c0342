"""Bags of hashed n-grams of tokens (Joulin et al. 2016, fastText): which tokens stand in a row.

The n ids of an n-gram are hashed into a bucket, the bucket has a vector, and a text has the mean of
them. An n-gram that reaches over the end of the text takes padding for what is missing there.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_MULTIPLIER = 31_337  # times the largest id it stays below 2**31
_MODULUS = 65_521


def bag(ids: Any, n: int, *, buckets: int, size: int, dropout: float) -> Any:
    """Build the mean vector [batch, size] of the n-grams of ids int32 [batch, length], 0 padding.

    `dropout` is the share of whole n-grams dropped in training.
    """
    table = keras.layers.Embedding(buckets, size, name=f"ngram_{n}")
    vectors = table(buckets_of(ids, n, buckets))
    real = ops.cast(ops.expand_dims(ops.not_equal(ids, 0), -1), vectors.dtype)
    kept = keras.layers.Dropout(dropout, name=f"ngram_{n}_dropout")(real)
    return ops.sum(vectors * kept, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)


def buckets_of(ids: Any, n: int, buckets: int) -> Any:
    """Return the bucket, int [batch, length], of the n-gram that begins at each token."""
    padded = ops.pad(ids, ((0, 0), (0, n - 1)))
    following = (padded[:, offset : offset - n + 1 or None] for offset in range(1, n))
    return bucket_of([ids, *following], buckets)


def bucket_of(ids: Sequence[Any], buckets: int) -> Any:
    """Return the buckets of n-grams whose first tokens, second tokens and so on these are."""
    hashed = ids[0]
    for following in ids[1:]:
        hashed = ops.mod(hashed * _MULTIPLIER + following, _MODULUS)
    return ops.mod(hashed, buckets)
