"""Tokens to sentences: one vector for each stretch of tokens with the same number.

A row of tokens holds sentence after sentence; their numbers ascend from that of the first token and
are 0 for padding. Row by row the tokens of a sentence become the mean and the greatest value of
each component. How many sentences the fullest row has is found while running, so one traced
function serves all.
"""

from typing import Any

import keras
import tensorflow as tf


class Segments(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Pools tokens by sentence; has no weights."""

    supports_masking = True  # takes none: padding has the number 0

    def call(self, states: Any, numbers: Any, facts: Any) -> tuple[Any, Any]:
        """Pool.

        Args:
            states: float [rows, tokens, width].
            numbers: int32 [rows, tokens], the sentence of each token, 0 for padding.
            facts: int32 [rows, tokens, columns], the same for all tokens of a sentence.

        Returns:
            Vectors [rows, sentences, 2 * width], and int32 [rows, sentences, columns]; both are 0
            behind a row's last sentence.
        """
        places = tf.maximum(numbers - numbers[:, :1], 0)
        most = tf.reduce_max(places) + 1
        rows = tf.shape(numbers)[0]
        flat = tf.where(numbers > 0, places + most * tf.range(rows)[:, None], -1)
        shape = tf.stack([rows, most, -1])

        def pooled(reduce: Any, values: Any) -> Any:
            width = values.shape[-1]
            segments = reduce(values, flat, rows * most)
            return tf.ensure_shape(tf.reshape(segments, shape), (None, None, width))

        known = tf.maximum(pooled(tf.math.unsorted_segment_max, facts), 0)
        mean = pooled(tf.math.unsorted_segment_mean, states)
        great = pooled(tf.math.unsorted_segment_max, states)
        great = tf.where(known[..., :1] > 0, great, tf.zeros_like(great))
        return tf.concat([mean, great], axis=-1), known

    def compute_output_shape(
        self, states_shape: Any, numbers_shape: Any, facts_shape: Any
    ) -> tuple[Any, Any]:
        """Return the shapes, whose number of sentences is open."""
        rows = states_shape[0]
        return (rows, None, 2 * states_shape[-1]), (rows, None, facts_shape[-1])
