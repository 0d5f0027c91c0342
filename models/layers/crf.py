"""Linear-chain conditional random field (Lafferty et al. 2001; Lample et al. 2016).

A path y over the tags of a sentence x of n tokens scores

    s(x, y) = first[y_1] + sum_t emission[t, y_t] + sum_t moves[y_t-1, y_t] + last[y_n]

and has probability exp(s) / Z, where Z sums over all paths that the grammar allows: what it
forbids costs `FORBIDDEN`, in training and in decoding alike, so marginals and the best path speak
of the same distribution. All functions work in log space on batches: emissions float32
[batch, length, labels], mask bool [batch, length], true tokens first, one at least. Padded
positions carry the state on unchanged, so padding never changes a result. The loops are
TensorFlow's, because `keras.ops.scan` cannot trace a length that is not known.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from models.text.tags import Grammar

FORBIDDEN = -1e4


class Scores(NamedTuple):
    """Scores of beginning [labels], of moves [labels from, labels to] and of ending [labels]."""

    first: Any
    moves: Any
    last: Any


class Transitions(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Owns the learnt scores of a network; emissions pass through it unchanged, as float32."""

    supports_masking = True

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights for emissions of this shape [batch, length, labels]."""
        labels = shape[-1]
        self.first = self.add_weight(shape=(labels,), initializer="zeros", name="first")
        self.moves = self.add_weight(shape=(labels, labels), initializer="zeros", name="moves")
        self.last = self.add_weight(shape=(labels,), initializer="zeros", name="last")

    def call(self, emissions: Any) -> Any:
        """Return the emissions."""
        return ops.cast(emissions, "float32")

    def scores(self, grammar: Grammar) -> Scores:
        """Return the learnt scores, with what `grammar` forbids made hopeless."""
        pairs = zip((self.first, self.moves, self.last), grammar, strict=True)
        return Scores(*(_forbid(weight, allowed) for weight, allowed in pairs))


def log_likelihood(emissions: Any, tags: Any, mask: Any, scores: Scores) -> Any:
    """Return log p(tags | emissions) [batch]; `tags` int32 [batch, length]."""
    return path_score(emissions, tags, mask, scores) - log_partition(emissions, mask, scores)


def path_score(emissions: Any, tags: Any, mask: Any, scores: Scores) -> Any:
    """Return s(x, tags) [batch]."""
    real = ops.cast(mask, emissions.dtype)
    said = ops.one_hot(tags, emissions.shape[-1], dtype=emissions.dtype)
    emitted = ops.sum(ops.sum(emissions * said, axis=-1) * real, axis=1)
    moved = ops.sum(ops.matmul(said[:, :-1], scores.moves) * said[:, 1:], axis=-1)
    ends = real - ops.pad(real[:, 1:], ((0, 0), (0, 1)))
    ended = ops.sum(ops.sum(said * scores.last, axis=-1) * ends, axis=1)
    begun = ops.sum(said[:, 0] * scores.first, axis=-1)
    return begun + emitted + ops.sum(moved * real[:, 1:], axis=1) + ended


def log_partition(emissions: Any, mask: Any, scores: Scores) -> Any:
    """Return log Z [batch] by the forward algorithm."""
    return ops.logsumexp(_forward(emissions, mask, scores)[-1] + scores.last, axis=-1)


def marginals(emissions: Any, mask: Any, scores: Scores) -> Any:
    """Return p(y_t | emissions) [batch, length, labels]; padded positions hold nothing of use."""
    both = _forward(emissions, mask, scores, _level) + _backward(emissions, mask, scores)
    return ops.softmax(ops.transpose(both, (1, 0, 2)), axis=-1)


def viterbi(emissions: Any, mask: Any, scores: Scores) -> Any:
    """Return the most probable tags, int32 [batch, length]; 0 at padded positions."""

    def step(past: Any, given: Any) -> Any:
        (state, _), (emission, real) = past, given
        routes = ops.expand_dims(state, -1) + scores.moves
        origins = ops.cast(ops.argmax(routes, axis=1), "int32")
        reached = ops.where(real, _level(ops.max(routes, axis=1) + emission), state)
        return reached, ops.where(real, origins, stay)

    first = emissions[:, 0] + scores.first
    stay = ops.zeros_like(first, dtype="int32") + ops.arange(first.shape[-1], dtype="int32")
    states, origins = tf.scan(step, _steps(emissions, mask), (first, stay))
    final = ops.cast(ops.argmax(states[-1] + scores.last, axis=-1), "int32")
    tags = tf.scan(_origin_of, _ahead(origins, stay), final, reverse=True)
    return ops.where(mask, ops.transpose(tags), 0)


def _origin_of(tag: Any, origins: Any) -> Any:
    """Return the tags [batch] before these, given where each [batch, labels] came from."""
    return ops.squeeze(ops.take_along_axis(origins, ops.expand_dims(tag, -1), axis=1), -1)


def _as_is(state: Any) -> Any:
    return state


def _level(state: Any) -> Any:
    """Return the scores [batch, labels] with 0 as the highest of each row.

    Over hundreds of tokens scores grow to thousands, where float32 is exact to a few 1e-4 only.
    """
    return state - ops.max(state, axis=-1, keepdims=True)


def _forward(emissions: Any, mask: Any, scores: Scores, keep: Callable[[Any], Any] = _as_is) -> Any:
    """Return log sums over the paths into each tag [length, batch, labels], each step kept so."""

    def step(state: Any, given: Any) -> Any:
        emission, real = given
        reached = ops.logsumexp(ops.expand_dims(state, -1) + scores.moves, axis=1) + emission
        return ops.where(real, keep(reached), state)

    return tf.scan(step, _steps(emissions, mask), emissions[:, 0] + scores.first)


def _backward(emissions: Any, mask: Any, scores: Scores) -> Any:
    """Return log sums over the paths out of each tag [length, batch, labels], levelled."""

    def step(state: Any, given: Any) -> Any:
        emission, real = given
        ahead = ops.expand_dims(state + emission, 1) + scores.moves
        return ops.where(real, _level(ops.logsumexp(ahead, axis=2)), state)

    emitted, real = _steps(emissions, mask)
    given = _ahead(emitted, emitted[0]), _ahead(real, ops.zeros_like(real[0]))
    return tf.scan(step, given, ops.zeros_like(emissions[:, 0]) + scores.last, reverse=True)


def _steps(emissions: Any, mask: Any) -> tuple[Any, Any]:
    """Return emissions [length, batch, labels] and whether a step leads there from the left."""
    led = ops.pad(mask[:, 1:], ((0, 0), (1, 0)), constant_values=False)
    return ops.transpose(emissions, (1, 0, 2)), ops.expand_dims(ops.transpose(led), -1)


def _ahead(steps: Any, after: Any) -> Any:
    """Return what the next token has, for each token; `after` the last one."""
    return ops.concatenate([steps[1:], ops.expand_dims(after, 0)], axis=0)


def _forbid(weight: Any, allowed: Any) -> Any:
    return ops.where(allowed, ops.cast(weight, "float32"), FORBIDDEN)
