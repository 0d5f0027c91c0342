"""Cutting rare tokens out of a vocabulary: how often each comes, and the rows that name them.

What becomes of a text with those that go is said in `models.text.limited`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.text.tokenizer import Ids


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
