"""The decoding of a CRF in NumPy, for outputs that come from LiteRT.

The same recursions as `models.layers.crf`, whose docstring has the sources: Viterbi for the best
tags, forward and backward sums for how sure each is. A loop of TensorFlow takes longer for a token
than the whole network in int8 does; these take some 60 µs for a step of all rows. Sums are of
probabilities, scaled at each step (Rabiner 1989), in float64.

**Padding never changes an answer**: a padded step keeps the state as it was.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_LEAST = 1e-300
"""What keeps a sum from being 0 where nothing is possible any more."""


class Scores(NamedTuple):
    """Scores of a chain, as `models.layers.crf.Scores` has them."""

    first: Numbers
    """[labels]."""
    moves: Numbers
    """[from, to]."""
    last: Numbers
    """[labels]."""

    @classmethod
    def of(cls, scores: Any) -> "Scores":
        """Return the scores of a layer as arrays."""
        return cls(*(np.asarray(one.numpy(), np.float64) for one in scores))


def decode(
    emissions: NDArray[Any], mask: NDArray[np.bool_], scores: Scores
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the best tags [rows, length] and their marginal probabilities.

    Args:
        emissions: [rows, length, labels].
        mask: [rows, length]: real tokens, which come first.
        scores: of the chain.
    """
    given = np.ascontiguousarray(emissions.astype(np.float64).transpose(1, 0, 2))
    real = np.ascontiguousarray(mask.T)[..., None]
    tags = _viterbi(given, real, scores)
    sure = _marginals(given, real, scores)
    chosen = np.take_along_axis(sure, tags[..., None], axis=-1)[..., 0]
    return np.where(mask, tags.T, 0).astype(np.int32), chosen.T.astype(np.float32)


def _viterbi(given: Numbers, real: NDArray[np.bool_], scores: Scores) -> NDArray[np.int64]:
    """Return the best tags [length, rows]."""
    length, rows, labels = given.shape
    state = given[0] + scores.first
    stay = np.broadcast_to(np.arange(labels), (rows, labels))
    origins = np.empty((length, rows, labels), np.int64)
    into = scores.moves.T  # [to, from], so that the best is looked for in a row of memory
    for step in range(1, length):
        routes = state[:, None, :] + into
        best = routes.argmax(axis=-1)
        reached = np.take_along_axis(routes, best[..., None], axis=-1)[..., 0] + given[step]
        origins[step] = np.where(real[step], best, stay)
        state = np.where(real[step], reached, state)
    tags = np.empty((length, rows), np.int64)
    tags[-1] = (state + scores.last).argmax(axis=-1)
    everyone = np.arange(rows)
    for step in range(length - 1, 0, -1):
        tags[step - 1] = origins[step][everyone, tags[step]]
    return tags


def _marginals(given: Numbers, real: NDArray[np.bool_], scores: Scores) -> Numbers:
    """Return the probability of each label [length, rows, labels]."""
    moves, last = np.exp(scores.moves), np.exp(scores.last - scores.last.max())
    likely = np.exp(given - given.max(axis=-1, keepdims=True))
    before = np.empty_like(likely)
    before[0] = _scaled(likely[0] * np.exp(scores.first - scores.first.max()))
    for step in range(1, len(given)):
        reached = _scaled((before[step - 1] @ moves) * likely[step])
        before[step] = np.where(real[step], reached, before[step - 1])
    after = np.broadcast_to(last, likely.shape[1:])
    for step in range(len(given) - 1, -1, -1):
        before[step] *= after
        ahead = _scaled((likely[step] * after) @ moves.T)
        after = np.where(real[step], ahead, after)
    return _scaled(before)


def _scaled(state: Numbers) -> Numbers:
    scaled: Numbers = state / np.maximum(state.sum(axis=-1, keepdims=True), _LEAST)
    return scaled
