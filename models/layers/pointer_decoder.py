"""A decoder that can say words and point at words (pointer-generator; See et al. 2017).

    h_t      = GRU_1(vector of y_t-1, h_t-1)           what was said
    c_t      = attention of h_t over the memory         what to speak of
    g_t      = GRU_2([h_t; c_t], g_t-1)                 remembers what was attended to
    d_t, b_t = attention of g_t over the memory         where to point
               b_t favours what follows, in the source, the last word said, and the last two
    P(w)     = p_t softmax(E tanh(W [g_t; d_t]) + bias)_w + (1 - p_t) sum_{i: source_i = w} b_t,i

with p_t = sigmoid(v · [g_t; d_t; vector of y_t-1]) and E the encoder's own table of token vectors,
so that what is known of a token from reading serves in writing too. The words of the *extended*
vocabulary are the vocabulary's and, from its size on, the source's unknown words, numbered as they
come: they can only be pointed at, and nothing unknown is ever said. Token 0 begins and ends.

Two things that a small corpus would hardly teach are given: the scores of b_t get a learnt bonus
where the source goes on as the summary did (in the spirit of CopyNet's selective read; Gu et al.
2016), and the memory tells of each word how often it, and the pairs it makes, come in the source.

No state depends on a distribution, so all steps of a known summary are computed at once (`teach`);
to find a summary the same weights take one step at a time (`step`).
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from models.layers.cross_attention import CrossAttention
from models.text.tokenizer import UNKNOWN

_LEAST = 1e-9
_FACTS = 4


class Source(NamedTuple):
    """What is read, one row a text."""

    memory: Any
    """The encoder's states [batch, length, width]."""
    words: Any
    """Numbers in the extended vocabulary, int32 [batch, length]."""
    mask: Any
    """bool [batch, length], real tokens."""
    topics: Any
    """Keys of the first attention [batch, length, units]."""
    points: Any
    """Keys of the second, that of the pointer."""


class State(NamedTuple):
    """The two states, float [batch, units], and the word before the last, int32 [batch]; with
    beams after the batch in a search."""

    speaker: Any
    chooser: Any
    earlier: Any


class Said(NamedTuple):
    """The parts of the distributions of all steps, float32."""

    words: Any
    """log softmax [batch, steps, vocabulary]."""
    pointer: Any
    """b_t [batch, steps, length]."""
    speaks: Any
    """p_t [batch, steps, 1]."""


class PointerDecoder(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Owns a decoder's weights; the memory passes through it unchanged."""

    supports_masking = True

    def __init__(self, units: int, table: tuple[int, int], dropout: float, **options: Any) -> None:
        super().__init__(**options)
        self._units, (self._vocabulary, self._embedding) = units, table
        self._begin = keras.layers.Dense(2 * units, activation="tanh", name="begin")
        self._speaker = keras.layers.GRU(units, return_sequences=True, name="speaker")
        self._chooser = keras.layers.GRU(units, return_sequences=True, name="chooser")
        self._topic = CrossAttention(units, name="topic")
        self._point = CrossAttention(units, name="point")
        self._merge = keras.layers.Dense(self._embedding, activation="tanh", name="merge")
        self._gate = keras.layers.Dense(1, name="gate")
        self._drop = keras.layers.Dropout(dropout, name="drop")

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights for a memory of this shape [batch, length, width]."""
        width, units = (shape[-1] or 0) + _FACTS, self._units
        self._begin.build((None, width))
        self._speaker.build((None, None, self._embedding))
        self._chooser.build((None, None, units + width))
        self._topic.build((None, None, width))
        self._point.build((None, None, width))
        self._merge.build((None, None, units + width))
        self._gate.build((None, None, units + width + self._embedding))
        self.bias = self.add_weight(shape=(self._vocabulary,), initializer="zeros", name="bias")
        self.bonus = self.add_weight(shape=(2,), initializer="ones", name="bonus")

    def call(self, memory: Any) -> Any:
        """Return the memory."""
        return memory

    def read(self, memory: Any, words: Any, mask: Any) -> Source:
        """Return what is read of a memory [batch, length, width], keys made once for all steps."""
        memory = ops.concatenate([memory, ops.cast(_facts(words), memory.dtype)], axis=-1)
        keys = self._topic.keys(memory), self._point.keys(memory)
        return Source(memory, words, mask, *keys)

    def begin(self, source: Source) -> State:
        """Return the first state, float [batch, units] each."""
        real = ops.cast(ops.expand_dims(source.mask, -1), source.memory.dtype)
        mean = ops.sum(source.memory * real, axis=1) / ops.sum(real, axis=1)
        speaker, chooser = ops.split(self._begin(mean), 2, axis=-1)
        return State(speaker, chooser, ops.zeros_like(source.words[:, 0]))

    def teach(self, source: Source, table: Any, before: Any) -> Said:
        """Return the distributions of all steps of known summaries, in training.

        `before` int32 [batch, steps] is the word before each step, `table` E [vocabulary, size].
        """
        state = self.begin(source)
        vectors = self._vectors(table, before, training=True)
        spoken = self._speaker(vectors, initial_state=state.speaker)
        heard = self._drop(self._hear(spoken, source), training=True)
        chosen = self._drop(self._chooser(heard, initial_state=state.chooser), training=True)
        follows = _follows(source.words, before, ops.pad(before, ((0, 0), (1, 0)))[:, :-1])
        return self._say(chosen, vectors, follows, source, table, training=True)

    def step(self, source: Source, table: Any, before: Any, state: State) -> tuple[Said, State]:
        """Return the distributions after the words `before`, int32 [batch, beams].

        The states are [batch, beams, units]; beams stand where `Said` has steps.
        """
        vectors = self._vectors(table, before, training=False)
        speaker = _cell(self._speaker, vectors, state.speaker)
        chooser = _cell(self._chooser, self._hear(speaker, source), state.chooser)
        follows = _follows(source.words, before, state.earlier)
        said = self._say(chooser, vectors, follows, source, table, training=False)
        return said, State(speaker, chooser, before)

    def _hear(self, spoken: Any, source: Source) -> Any:
        topic = self._topic(spoken, source.topics, source.memory, source.mask).context
        return ops.concatenate([spoken, topic], axis=-1)

    def _vectors(self, table: Any, words: Any, training: bool) -> Any:
        known = ops.where(words < self._vocabulary, words, UNKNOWN)
        return self._drop(
            ops.take(ops.cast(table, self.compute_dtype), known, axis=0), training=training
        )

    def _say(
        self, chosen: Any, vectors: Any, follows: Any, source: Source, table: Any, training: bool
    ) -> Said:
        bonus = sum(self.bonus[number] * one for number, one in enumerate(follows))
        point = self._point(chosen, source.points, source.memory, source.mask, bonus)
        both = ops.concatenate([chosen, point.context], axis=-1)
        merged = self._drop(self._merge(both), training=training)
        logits = ops.matmul(merged, ops.transpose(ops.cast(table, merged.dtype)))
        gate = self._gate(ops.concatenate([both, vectors], axis=-1))
        return Said(
            ops.log_softmax(ops.cast(logits, "float32") + self.bias, axis=-1),
            point.weights,
            ops.sigmoid(ops.cast(gate, "float32")),
        )


def _follows(words: Any, last: Any, earlier: Any) -> tuple[Any, Any]:
    """Return where the source goes on as the summary did, for one word and for two.

    `words` int32 [batch, length]; `last` and `earlier`, the words said, int32 [batch, steps]; two
    arrays float32 [batch, steps, length].
    """
    before = ops.expand_dims(ops.pad(words, ((0, 0), (1, 0)))[:, :-1], 1)
    second = ops.expand_dims(ops.pad(words, ((0, 0), (2, 0)))[:, :-2], 1)
    one = ops.equal(before, ops.expand_dims(last, -1))
    two = ops.logical_and(one, ops.equal(second, ops.expand_dims(earlier, -1)))
    return ops.cast(one, "float32"), ops.cast(two, "float32")


def _facts(words: Any) -> Any:
    """Return float32 [batch, length, _FACTS] about each word: log counts of it and of the pairs it
    makes with its right and its left neighbour, and its distance from the beginning, in hundreds.
    """
    same = ops.equal(ops.expand_dims(words, 2), ops.expand_dims(words, 1))
    same = ops.logical_and(same, ops.expand_dims(words != 0, 2))
    right = ops.logical_and(same, ops.pad(same[:, 1:, 1:], ((0, 0), (0, 1), (0, 1))))
    left = ops.logical_and(same, ops.pad(same[:, :-1, :-1], ((0, 0), (1, 0), (1, 0))))
    counts = [ops.sum(ops.cast(one, "float32"), axis=-1) for one in (same, right, left)]
    place = ops.cumsum(ops.ones_like(counts[0]), axis=1) / 100
    return ops.stack([*(ops.log(1 + one) for one in counts), place], axis=-1)


def log_probability(said: Said, source: Source, words: Any) -> Any:
    """Return log P of the words int32 [batch, steps], one a step, of the extended vocabulary."""
    vocabulary = said.words.shape[-1]
    known = ops.expand_dims(ops.where(words < vocabulary, words, UNKNOWN), -1)
    spoken = ops.exp(ops.take_along_axis(said.words, known, axis=-1))[..., 0]
    spoken *= ops.cast(words < vocabulary, "float32")
    there = ops.equal(ops.expand_dims(words, -1), ops.expand_dims(source.words, 1))
    pointed = ops.sum(said.pointer * ops.cast(there, "float32"), axis=-1)
    speaks = said.speaks[..., 0]
    return ops.log(speaks * spoken + (1 - speaks) * pointed + _LEAST)


def distribution(said: Said, source: Source) -> Any:
    """Return log P [batch, steps, vocabulary + length] of the whole extended vocabulary."""
    rows, steps, length = (tf.shape(said.pointer)[axis] for axis in range(3))
    extended = said.words.shape[-1] + length
    row = tf.reshape(tf.range(rows * steps), [rows, steps, 1])
    places = tf.reshape(source.words[:, None] + row * extended, [-1])
    weights = tf.reshape(said.pointer, [-1])
    pointed = tf.math.unsorted_segment_sum(weights, places, rows * steps * extended)
    pointed = tf.reshape(pointed, [rows, steps, extended])
    spoken = tf.pad(tf.exp(said.words), [[0, 0], [0, 0], [0, length]])
    return tf.math.log(said.speaks * spoken + (1 - said.speaks) * pointed + _LEAST)


def _cell(layer: Any, inputs: Any, state: Any) -> Any:
    """Take one step of a GRU in all beams: [batch, beams, …] to [batch, beams, units]."""
    units, width = state.shape[-1], inputs.shape[-1]
    flat = ops.reshape(inputs, (-1, width))
    output, _ = layer.cell(flat, [ops.reshape(state, (-1, units))])
    return ops.reshape(output, ops.shape(state))
