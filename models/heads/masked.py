"""Recovers masked tokens (Devlin et al. 2019): what an encoder is pre-trained with.

The head turns the encoder's state at a place into a vector that is compared with every token's own
(Press & Wolf 2017: the embeddings serve twice), and a bias says how usual each token is. The
network gives the vectors of all places; the vocabulary is compared at masked ones alone, because
most of the arithmetic is there.
"""

from typing import Any

import keras
import msgspec
from keras import ops

from models.layers.attention import norm

VOCABULARY = "vocabulary"


class MaskedConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="masked"
):
    """What the head needs to be built again: nothing of its own."""


class Vocabulary(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Owns the bias of each token; vectors pass through it unchanged."""

    supports_masking = True

    def __init__(self, size: int, **named: Any) -> None:
        super().__init__(**named)
        self._size = size

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the biases."""
        self.bias = self.add_weight(shape=(self._size,), initializer="zeros", name="bias")

    def call(self, vectors: Any) -> Any:
        """Return the vectors."""
        return vectors

    def logits(self, vectors: Any, embeddings: Any) -> Any:
        """Return float32 [places, vocabulary] of vectors [places, width] and all tokens' own."""
        vectors, embeddings = ops.cast(vectors, "float32"), ops.cast(embeddings, "float32")
        return ops.matmul(vectors, ops.transpose(embeddings)) + ops.cast(self.bias, "float32")


def recover(features: Any, vocabulary: int, embedding: int) -> Any:
    """Build the head: features [batch, length, width] -> vectors [batch, length, embedding]."""
    vectors = keras.layers.Dense(embedding, activation="gelu", name="recovered")(features)
    return Vocabulary(vocabulary, name=VOCABULARY)(norm(vectors, "recovered_norm"))


def logits(network: Any, vectors: Any) -> Any:
    """Return float32 [places, vocabulary] of some of the vectors that `network` gave."""
    table = network.get_layer("tokens").embeddings
    return network.get_layer(VOCABULARY).logits(vectors, table)
