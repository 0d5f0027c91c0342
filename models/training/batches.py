"""Padded batches for training and scoring.

Texts of like length share a batch, as they do online, because padding is wasted arithmetic; which
texts meet is drawn anew every epoch from the generator that is passed in. Lengths are rounded up to
a multiple of eight so that the number of shapes stays small.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.text.tokenizer import PAD, UNKNOWN, Ids
from models.training.config import FitConfig
from models.training.spool import Spool

_STEP = 8
_POOL = 32  # batches' worth of shuffled texts that are sorted by length together


class Encoded(NamedTuple):
    """Texts as ids [tokens] or [tokens, columns], each already cut, and their label numbers.

    `labels` is int32 [examples] where a text has one, and a sequence of int32 [any number] where it
    has several: one a token, one a sentence, the ids of a summary.
    """

    ids: Sequence[Ids]
    labels: NDArray[np.int32] | Sequence[NDArray[np.int32]]
    groups: NDArray[np.int64] | None = None
    """int [examples]: texts of one group, numbered from 0, share batches, those of two never do;
    None: all one."""
    passes: tuple[float, ...] = (1.0,)
    """How often an epoch shows the texts of each group; of a part, another is drawn each time."""
    noise: "Callable[[Batch, np.random.Generator], Batch] | None" = None
    """What is done to each batch before it is learnt; None: tokens are hidden by the recipe."""


class Batch(NamedTuple):
    """ids int32 [rows, length] or [rows, length, columns], 0 is padding; labels int32 [rows] or
    [rows, greatest number of labels]; indices into the `Encoded`.
    """

    ids: Ids
    labels: NDArray[np.int32]
    indices: NDArray[np.int64]


def epoch(data: Encoded, config: FitConfig, number: int, start: int = 0) -> Iterator[Batch]:
    """Yield the batches of an epoch from the batch `start` on, some tokens hidden.

    Every batch depends on the seed, the epoch and its own number alone.
    """
    groups = shuffled(data, config.batch_size, np.random.default_rng((config.seed, number)))
    for at, indices in enumerate(groups[start:], start):
        batch = take(data, indices)
        random = np.random.default_rng((config.seed, number, at))
        if data.noise is not None:
            yield data.noise(batch, random)
        else:
            yield batch._replace(ids=hide(batch.ids, config.hide_tokens, random))


def shuffled(data: Encoded, size: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """Return the indices of one epoch's batches in random order; one may be smaller."""
    lengths = lengths_of(data.ids)
    together: list[NDArray[np.int64]] = []
    for members, count in _groups(data):
        order = _drawn(members, count, random)
        for start in range(0, len(order), size * _POOL):
            pool = order[start : start + size * _POOL]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            together += [pool[at : at + size] for at in range(0, len(pool), size)]
    return [together[number] for number in random.permutation(len(together))]


def rows(data: Encoded, size: int) -> int:
    """Return how many rows the batches of an epoch would have if all were full."""
    return sum(-(-count // size) for _, count in _groups(data)) * size


def hide(ids: Ids, share: float, random: np.random.Generator) -> Ids:
    """Return `ids` with about this share of the real tokens replaced by the unknown one.

    Of several columns only the first, the id, is hidden.
    """
    if ids.ndim == 3:
        return np.concatenate([hide(ids[..., 0], share, random)[..., None], ids[..., 1:]], axis=-1)
    hidden = (random.random(ids.shape) < share) & (ids != PAD)
    return np.where(hidden, np.int32(UNKNOWN), ids)


def lengths_of(texts: Sequence[Ids]) -> NDArray[np.int64]:
    """Return the number of tokens of each text, without reading texts that lie on disk."""
    if isinstance(texts, Spool):
        return texts.lengths
    return np.fromiter((len(ids) for ids in texts), dtype=np.int64, count=len(texts))


def by_length(data: Encoded, size: int) -> Iterator[Batch]:
    """Yield every text once, in each group the shortest first."""
    lengths = lengths_of(data.ids)
    for members, _ in _groups(data):
        order = members[np.argsort(lengths[members], kind="stable")]
        for start in range(0, len(order), size):
            yield take(data, order[start : start + size])


def take(data: Encoded, indices: NDArray[np.int64]) -> Batch:
    """Return these texts, padded to the longest of them."""
    ids = _pad([data.ids[index] for index in indices])
    if isinstance(data.labels, np.ndarray):
        return Batch(ids, data.labels[indices], indices)
    return Batch(ids, _pad([data.labels[index] for index in indices]), indices)


def _groups(data: Encoded) -> list[tuple[NDArray[np.int64], int]]:
    """Return the numbers of the texts of each group, ascending, and how many an epoch shows."""
    groups = np.zeros(len(data.ids), np.int64) if data.groups is None else data.groups
    members = [np.flatnonzero(groups == group) for group in range(len(data.passes))]
    pairs = zip(members, data.passes, strict=True)
    return [(some, max(1, round(len(some) * passes))) for some, passes in pairs]


def _drawn(
    members: NDArray[np.int64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return `count` of the members in random order, each as often as any other, give or take 1."""
    rounds = -(-count // len(members))
    order = [members[random.permutation(len(members))] for _ in range(rounds)]
    return np.concatenate(order)[:count]


def _pad(rows: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
    length = -(-max(map(len, rows)) // _STEP) * _STEP
    padded = np.zeros((len(rows), length, *rows[0].shape[1:]), dtype=np.int32)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = row
    return padded
