"""Beam search: the most probable sequence that a decoder can say, looked for with a few beams.

A decoder says one token after another, given a state; a sequence is ended by the token END. Its
score is the sum of its tokens' log probabilities, END included, divided by their number to the
power of `length_power` (1: the mean; 0: no normalisation, which prefers short sequences). Every
step extends the best unfinished sequences by every token and keeps the best; whatever ends is
compared with the best that has ended so far. A row is done when nothing unfinished can overtake
that, even with certain tokens up to the longest length; so rows never depend on one another, and
one that waits for its neighbours changes no more.

The loop is TensorFlow's and traced once; states are carried along with their beams and never
computed again.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

END = 0
"""The token that ends a sequence, and what stands behind it; also what a decoder begins from."""
IMPOSSIBLE = -1e9

Step = Callable[[Any, Any], tuple[Any, Any]]
"""The last tokens, int32 [batch, beams], and a state -> log probabilities float32
[batch, beams, tokens] and the next state, which is a structure of arrays [batch, beams, …]."""


class Limits(NamedTuple):
    """What may be said."""

    beams: int
    shortest: int
    """Fewest tokens before END; at least 1."""
    longest: int
    """Most tokens before END."""
    length_power: float
    ngram: int
    """No sequence of so many tokens comes twice; 0: no such rule."""


class Found(NamedTuple):
    """The best sequences: tokens int32 [batch, longest], END behind the last; log probabilities
    [batch]; their numbers of tokens, END included, int32 [batch]."""

    tokens: Any
    log_probability: Any
    length: Any


class _Progress(NamedTuple):
    at: Any
    tokens: Any  # [batch, beams, longest + 1]
    totals: Any  # [batch, beams]
    state: Any
    best: Any  # Found, with scores
    best_score: Any


def search(step: Step, state: Any, batch: Any, limits: Limits) -> Found:
    """Return the best sequence of each row; `state` has the decoder's first state, [batch, …]."""
    longest, beams = limits.longest, limits.beams
    shape = (batch, beams, longest + 1)
    only_first = tf.concat([[0.0], tf.fill([beams - 1], IMPOSSIBLE)], axis=0)
    begin = _Progress(
        at=tf.constant(0),
        tokens=tf.fill(shape, END),
        totals=tf.tile(only_first[None], [batch, 1]),
        state=tf.nest.map_structure(lambda one: tf.repeat(one[:, None], beams, axis=1), state),
        best=Found(
            tf.fill((batch, longest), END), tf.fill([batch], IMPOSSIBLE), tf.ones([batch], tf.int32)
        ),
        best_score=tf.fill([batch], 2 * IMPOSSIBLE),
    )

    def body(*progress: Any) -> Any:
        return tuple(_advance(step, _Progress(*progress), limits))

    def going(*progress: Any) -> Any:
        return _can_improve(_Progress(*progress), limits)

    best: Found = _Progress(*tf.while_loop(going, body, tuple(begin))).best
    return best


def _can_improve(progress: _Progress, limits: Limits) -> Any:
    """Whether any row has an unfinished sequence that may still overtake its best."""
    hope = tf.reduce_max(progress.totals, axis=1) / (limits.longest + 1) ** limits.length_power
    return (progress.at <= limits.longest) & tf.reduce_any(hope > progress.best_score)


def _advance(step: Step, progress: _Progress, limits: Limits) -> _Progress:
    at, beams = progress.at, limits.beams
    batch = tf.shape(progress.totals)[0]
    before = tf.where(at > 0, progress.tokens[:, :, at - 1], END)
    said, state = step(before, progress.state)
    totals = progress.totals[..., None] + _forbid(said, progress, limits)
    progress = _keep_ended(progress, totals[..., END], limits)
    vocabulary = tf.shape(said)[-1]
    goes_on = tf.one_hot(END, vocabulary, on_value=2 * IMPOSSIBLE, off_value=0.0)
    flat = tf.reshape(totals + goes_on, [batch, -1])
    totals, places = tf.math.top_k(flat, beams)
    origins, tokens = places // vocabulary, places % vocabulary
    kept = tf.gather(progress.tokens, origins, batch_dims=1)
    here = tf.one_hot(tf.minimum(at, limits.longest), limits.longest + 1, dtype=tf.int32)
    return progress._replace(
        at=at + 1,
        tokens=kept + tokens[..., None] * here,
        totals=totals,
        state=tf.nest.map_structure(lambda one: tf.gather(one, origins, batch_dims=1), state),
    )


def _keep_ended(progress: _Progress, ended: Any, limits: Limits) -> _Progress:
    """Take over what ends here with these totals [batch, beams], where it is the best so far."""
    length = progress.at + 1
    scores = ended / tf.cast(length, tf.float32) ** limits.length_power
    beam = tf.argmax(scores, axis=1, output_type=tf.int32)
    score = tf.gather(scores, beam, batch_dims=1)
    better = score > progress.best_score
    tokens = tf.gather(progress.tokens, beam, batch_dims=1)[:, :-1]
    total = tf.gather(ended, beam, batch_dims=1)
    old = progress.best
    best = Found(
        tf.where(better[:, None], tokens, old.tokens),
        tf.where(better, total, old.log_probability),
        tf.where(better, length, old.length),
    )
    return progress._replace(best=best, best_score=tf.where(better, score, progress.best_score))


def _forbid(said: Any, progress: _Progress, limits: Limits) -> Any:
    """Make hopeless: to end too early, to go on too long, to say an n-gram again."""
    ends = tf.one_hot(END, tf.shape(said)[-1])
    early = tf.cast(progress.at < limits.shortest, tf.float32)
    late = tf.cast(progress.at >= limits.longest, tf.float32)
    said += IMPOSSIBLE * (early * ends + late * (1 - ends))
    if not limits.ngram:
        return said
    flat = tf.reshape(said, [-1, tf.shape(said)[-1]])
    tokens = tf.reshape(progress.tokens, [-1, limits.longest + 1])
    return tf.reshape(_forbid_ngrams(flat, tokens, progress.at, limits.ngram), tf.shape(said))


def _forbid_ngrams(said: Any, tokens: Any, at: Any, size: int) -> Any:
    """Make hopeless every token that would end an n-gram which `tokens` [rows, longest] hold."""
    rows, longest = tf.shape(tokens)[0], tokens.shape[1]
    windows = longest - size + 1
    repeated = tf.range(windows)[None] + size <= at
    repeated = tf.tile(repeated, [rows, 1])
    for place in range(size - 1):
        last = tokens[:, tf.maximum(at - size + 1 + place, 0)]
        repeated &= tokens[:, place : place + windows] == last[:, None]
    numbers = tf.tile(tf.range(rows)[:, None], [1, windows])
    places = tf.stack([numbers, tokens[:, size - 1 :]], axis=-1)
    return tf.tensor_scatter_nd_add(said, places, IMPOSSIBLE * tf.cast(repeated, tf.float32))
