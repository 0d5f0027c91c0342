"""A network of the same answers whose layers LiteRT runs in few operations.

GRUs are unrolled (`unrolled`). An embedding looks up what it is given: Keras's also counts negative
ids from the end, which takes three operations for each look-up, and ids are never negative.
"""

from typing import Any

import keras
import tensorflow as tf

from models.compression import unrolled

_RECURRENT = keras.layers.RNN | keras.layers.Bidirectional


class LookUp(keras.layers.Embedding):  # type: ignore[misc]  # Keras ships no types
    """An embedding of ids from 0 on."""

    def call(self, inputs: Any) -> Any:
        """Return the rows [..., size] of ids int32 [...]."""
        return tf.gather(self.embeddings, inputs)


def rewritten(network: Any) -> Any:
    """Return the network in this form; ArtifactError where a recurrent layer is no GRU."""
    other = keras.models.clone_model(network, clone_function=_replaced)
    for layer in other.layers:
        if layer.weights:
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return other


def _replaced(layer: Any) -> Any:
    if isinstance(layer, _RECURRENT):
        return unrolled.of(layer)
    kind = LookUp if type(layer) is keras.layers.Embedding else type(layer)
    return kind.from_config(layer.get_config())
