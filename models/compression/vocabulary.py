"""Cutting rare tokens out of a vocabulary: how often each comes, and the rows that name them.

What becomes of a text with those that go is said in `models.text.limited`. N-grams are hashed from
the numbers of tokens, which change; so a bucket gets the mean of the vectors that its n-grams of
the texts, as often as they come, had before.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.layers.ngrams import buckets_of
from models.text.tokenizer import PAD, Ids
from models.training import batches
from models.training.batches import Encoded

_ROWS = 256


def counted(texts: Iterable[Ids], size: int) -> NDArray[np.int64]:
    """Return how often each token comes in texts of ids [tokens] or [tokens, columns]."""
    counts = np.zeros(size, np.int64)
    for ids in texts:
        counts += np.bincount(ids if ids.ndim == 1 else ids[:, 0], minlength=size)
    return counts


def rows(
    old: Sequence[NDArray[Any]], new: Sequence[NDArray[Any]], kept: NDArray[np.int64]
) -> list[NDArray[Any]]:
    """Return the weights of a layer in the shapes of `new`: of those that name tokens the kept."""
    pairs = zip(old, new, strict=True)
    return [one if one.shape == other.shape else one[kept] for one, other in pairs]


def moved(
    table: NDArray[np.float32], n: int, texts: Encoded, kept: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the vectors of n-grams, float32 [buckets, size], for the new numbers of tokens.

    `texts` have the new numbers, of which `kept` are the old ones.
    """
    sums, counts = np.zeros_like(table), np.zeros(len(table))
    for batch in batches.by_length(texts, _ROWS):
        new = batch.ids if batch.ids.ndim == 2 else batch.ids[..., 0]
        old = kept[new].astype(np.int32)
        here, there = (np.asarray(buckets_of(ids, n, len(table))) for ids in (new, old))
        real = new != PAD
        np.add.at(sums, here[real], table[there[real]])
        np.add.at(counts, here[real], 1)
    return np.asarray(sums / np.maximum(counts, 1)[:, None], np.float32)
