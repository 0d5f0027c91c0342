"""The decoding of a CRF in NumPy, for outputs that come from LiteRT.

The same recursions as `models.layers.crf`, whose docstring has the sources: Viterbi for the best
tags, forward and backward sums for how sure each is. A loop of TensorFlow takes longer for a token
than the whole network in int8 does. Sums are of probabilities, scaled at each step (Rabiner 1989),
in float64.

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
    """Return the best tags [length, rows].

    Where a tag came from is looked up on the way back, for the tags of the best path alone.
    """
    length, rows, _ = given.shape
    states = np.empty_like(given)
    states[0] = given[0] + scores.first
    for step in range(1, length):
        routes = states[step - 1].T[:, :, None] + scores.moves[:, None]  # [from, rows, to]
        reached = np.maximum.reduce(routes, axis=0) + given[step]
        states[step] = np.where(real[step], reached, states[step - 1])
    tags = np.empty((length, rows), np.int64)
    tags[-1] = (states[-1] + scores.last).argmax(axis=-1)
    into = np.ascontiguousarray(scores.moves.T)
    for step in range(length - 1, 0, -1):
        origins = (states[step - 1] + into[tags[step]]).argmax(axis=-1)
        tags[step - 1] = np.where(real[step, :, 0], origins, tags[step])
    return tags


def _marginals(given: Numbers, real: NDArray[np.bool_], scores: Scores) -> Numbers:
    """Return the probability of each label [length, rows, labels]; of use at real tokens alone.

    One loop takes a step of the sums from the left and one of those from the right, which count the
    token itself. Those from the right begin at each text's last real token.
    """
    moves, last = np.exp(scores.moves), np.exp(scores.last - scores.last.max())
    likely = np.exp(given - given.max(axis=-1, keepdims=True))
    emitted = np.stack([likely, likely[::-1]], axis=1)
    both, ended, beyond = np.stack([moves, moves.T]), emitted[:, 1] * last, ~real[::-1]
    ahead, states = np.empty_like(emitted), np.empty_like(emitted)
    ahead[0, 0] = np.exp(scores.first - scores.first.max())
    states[0] = ahead[0, 0] * likely[0], ended[0]
    for step in range(1, len(given)):
        np.matmul(states[step - 1], both, out=ahead[step])
        states[step] = _scaled(ahead[step] * emitted[step])
        np.copyto(states[step, 1], ended[step], where=beyond[step - 1])
    return _scaled(ahead[:, 0] * states[::-1, 1])


def _scaled(state: Numbers) -> Numbers:
    scaled: Numbers = state / np.maximum(np.add.reduce(state, axis=-1, keepdims=True), _LEAST)
    return scaled
